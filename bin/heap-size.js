/**
 * Sets the sizes of V8's heap for the command that serves; docs/performance.md says what each size costs. V8 reads them when it
 * starts and never again, so the process starts once more in its own place (execve(2)): with the same id, parent, output and
 * environment, which makes no difference to whoever sends it signals or waits for its exit code.
 */
'use strict';

const { totalmem } = require('node:os');

/** Whoever names any of these, on Node's command line or in NODE_OPTIONS, has decided on the sizes. */
const DECIDES =
  /--(?:(?:max|min)-semi-space-size|semi-space-growth-factor|(?:max|initial)-heap-size|initial-old-space-size|heap-growing-percent)/;

/** With this much memory, V8 lets the heap grow to four times what it found alive before it looks again; with less, to fewer times. */
const ROOMY_BYTES = 8 * 1024 ** 3;

const { argv, execArgv, env } = process;
// V8 takes underscores for hyphens.
const withOptions = (flags) => [...flags, env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-');
const limit = process.constrainedMemory();
const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
const isRoomy = memory >= ROOMY_BYTES && !withOptions(execArgv).includes('--max-old-space-size');

const SIZES = [
  // In MB, of one of the two halves of the young generation. By default V8 lets each grow from 1 to 32.
  '--max-semi-space-size=8',
  // In MB. By default V8 looks through the whole heap in the middle of the start, and finds nothing.
  '--initial-old-space-size=24',
  // To three times what is alive.
  ...(isRoomy ? ['--heap-growing-percent=200'] : []),
];

const isBound = SIZES.every((size) => execArgv.includes(size));
const others = execArgv.filter((flag) => !SIZES.includes(flag));
const isDecided = DECIDES.test(withOptions(others));
// Windows has no execve. A parent that talks with this process over a channel of Node's would lose it.
const canRestart = process.platform !== 'win32' && !process.connected && process.permission === undefined;
const isOurs = argv[2] === 'serve' && !isDecided;

if (isOurs && !isBound && canRestart)
  process.execve(process.execPath, [argv[0], ...SIZES, ...others, ...argv.slice(1)], env);

// Loaded only now: the process that starts again has no use for it.
const { setFlagsFromString } = require('node:v8');

// Most of what a start allocates stays, so that room for what goes would only be left over, and cost time: 1 MB is enough.
if (isOurs) setFlagsFromString('--semi-space-growth-factor=1');

/** Lets the young generation grow up to its bound. To be called once the service serves. */
exports.letHeapGrow = () => {
  if (isOurs) setFlagsFromString('--semi-space-growth-factor=2');
};
