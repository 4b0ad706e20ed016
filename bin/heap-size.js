/**
 * Sets the sizes of V8's heap for the command that serves; docs/performance.md says what each size costs. V8 reads them when it
 * starts and never again, so the process starts once more in its own place (execve(2)): with the same id, parent, output and
 * environment, which makes no difference to whoever sends it signals or waits for its exit code.
 */
'use strict';

/**
 * In MB: of the young generation, one of its two halves, which V8 lets grow from 1 to 32 by default; of the old generation, the size
 * up to which V8 does not look through all of it, as it does in the middle of the start by default, and finds nothing. In per cent:
 * by how much more than what was found alive the heap may grow until V8 looks again, up to 300 by default.
 */
const SIZES = ['--max-semi-space-size=8', '--initial-old-space-size=24', '--heap-growing-percent=200'];

/** Whoever names any of these, on Node's command line or in NODE_OPTIONS, has decided on the sizes. */
const DECIDES =
  /--(?:(?:max|min)-semi-space-size|semi-space-growth-factor|(?:max|initial)-heap-size|initial-old-space-size|heap-growing-percent)/;

const { argv, execArgv, env } = process;
const isBound = SIZES.every((size) => execArgv.includes(size));
const others = execArgv.filter((flag) => !SIZES.includes(flag));
// V8 takes underscores for hyphens.
const isDecided = DECIDES.test([...others, env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-'));
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
