/**
 * A process that logs a line for each number that it is asked for, and ends in the way that it is asked for. It tells by
 * messages how many lines were dropped. Run by log-destination.test.ts.
 */
import { setImmediate } from 'node:timers/promises';
import { endOnFault } from '../../src/cli/signals.ts';
import { createProcessLog } from '../../src/telemetry/log.ts';

type End = 'exit' | 'crash' | 'crash after the turn' | 'fault' | 'flush';

const processLog = createProcessLog({ level: 'info', format: 'json' });
const { log, dropped, flush } = processLog;
endOnFault(processLog);

process.on('message', async (request: { lines?: number; calls?: number; end?: End }) => {
  const startedAt = performance.now();
  for (let line = 0; line < (request.calls ?? 0); line += 1) log.members.info(`"line":${line}`, 'call');
  for (let line = 0; line < (request.lines ?? 0); line += 1)
    log.info({ line, text: 'x'.repeat(200) }, 'line');
  if (request.end === 'crash after the turn') {
    await setImmediate();
    process.kill(process.pid, 'SIGKILL');
  }
  if (request.end === 'fault') throw new Error('a fault');
  if (request.end === 'crash') process.kill(process.pid, 'SIGKILL');
  if (request.end === 'flush') await flush(5_000);
  if (request.end !== undefined) process.exit(0);
  process.send?.({ dropped: dropped(), ms: performance.now() - startedAt });
});
process.send?.('ready');
