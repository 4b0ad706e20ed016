import { describeError, describeStack } from '../telemetry/describe.ts';
import type { ProcessLog } from '../telemetry/log.ts';

/** The exit code of a process that failed. */
const FAILED = 1;

/** How long whoever reads the log has, at the end, to take what is still waiting. */
const LAST_LINES_MS = 1_000;

/**
 * Signals that do harm by default: SIGHUP ends the process when its terminal closes, and SIGUSR1 opens Node's debugger to
 * the whole machine.
 */
const IGNORED = ['SIGHUP', 'SIGUSR1'] as const;

/** Ignores those signals from now on, so that they do no harm during the start either. */
export function ignoreSignals(): void {
  for (const signal of IGNORED) process.on(signal, () => undefined);
}

/**
 * Ends the process in good order on the first SIGINT or SIGTERM, and at once on the second; logs those that are ignored.
 * @param onHangup done on SIGHUP, which tools for log rotation send. Default: nothing
 */
export function closeOnSignal(
  close: () => Promise<void>,
  { log, flush }: ProcessLog,
  onHangup?: () => void,
): void {
  let isClosing = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isClosing) process.exit(FAILED);
      isClosing = true;
      log.info({ signal }, 'stopping');
      void closeAndExit(signal);
    });
  }
  for (const signal of IGNORED) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && onHangup !== undefined) onHangup();
      else log.info({ signal }, 'the signal is ignored');
    });
  }

  async function closeAndExit(signal: string): Promise<void> {
    let exitCode = 0;
    try {
      await close();
    } catch (error) {
      log.error({ signal, cause: describeError(error) }, 'stopping failed');
      exitCode = FAILED;
    }
    await flush(LAST_LINES_MS);
    process.exit(exitCode);
  }
}

/**
 * Logs a fault that nobody caught and ends the process. Node would print the whole error, with everything that a library
 * may have put into it.
 */
export function endOnFault({ log }: ProcessLog): void {
  process.on('uncaughtException', (error) => {
    log.error({ cause: describeStack(error) }, 'the service failed in an unexpected way and ends');
    process.exit(FAILED);
  });
}
