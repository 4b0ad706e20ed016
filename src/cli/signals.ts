import type { Logger } from '../telemetry/log.ts';

/** Ends the process in good order on the first SIGINT or SIGTERM, and at once on the second. */
export function closeOnSignal(close: () => Promise<void>, log: Logger): void {
  let isClosing = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isClosing) process.exit(1);
      isClosing = true;
      log.info({ signal }, 'stopping');
      close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error: error instanceof Error ? error.message : String(error) }, 'stopping failed');
          process.exit(1);
        },
      );
    });
  }
  // By default SIGHUP ends the process when its terminal closes, and SIGUSR1 opens Node's debugger to the whole machine.
  for (const signal of ['SIGHUP', 'SIGUSR1'] as const) {
    process.on(signal, () => log.info({ signal }, 'the signal is ignored'));
  }
}
