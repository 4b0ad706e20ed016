/**
 * Bounds the young generation of V8's heap for the command that serves. By default it grows to 64 MB under load, whatever the
 * load needs; docs/performance.md says what each size costs.
 *
 * V8 reads the size when it starts and never again, so the process starts once more in its own place (execve(2)): with the same
 * id, parent, output and environment, which makes no difference to whoever sends it signals or waits for its exit code.
 */

/** In MB, of one of its two halves. */
const SEMI_SPACE_MB = 8;

/** Whoever names any of these, on Node's command line or in NODE_OPTIONS, has decided on the size. */
const DECIDES = /--(?:(?:max|min)[-_]semi[-_]space[-_]size|max[-_]heap[-_]size)/;

const isDecided = DECIDES.test([...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' '));
// Windows has no execve. A parent that talks with this process over a channel of Node's would lose it.
const canRestart = process.platform !== 'win32' && !process.connected && process.permission === undefined;

if (process.argv[2] === 'serve' && !isDecided && canRestart) {
  const [program, ...rest] = process.argv;
  process.execve(
    process.execPath,
    [program, `--max-semi-space-size=${SEMI_SPACE_MB}`, ...process.execArgv, ...rest],
    process.env,
  );
}
