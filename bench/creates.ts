/**
 * Bench of creations: `node bench/creates.ts [--ids 10000] [--callers 200] [--processes 2] [--kill-every 2000]
 * [--faults 12] [--redis]`. Callers create instances through processes of the service that are killed in the middle, over a
 * Vultr that loses responses, and repeat with the same id until they get a reply. It fails unless as many instances were
 * made as there are ids. The record is in a file that the processes share; with `--redis` in a redis-server of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCreates } from './creates/run.ts';
import { startRedisServer } from './overload/redis-server.ts';

const { values } = parseArgs({
  options: {
    ids: { type: 'string', default: '10000' },
    callers: { type: 'string', default: '200' },
    processes: { type: 'string', default: '2' },
    'kill-every': { type: 'string', default: '2000' },
    faults: { type: 'string', default: '12' },
    redis: { type: 'boolean', default: false },
  },
});
const redis = values.redis ? await startRedisServer() : undefined;
const stateDir = mkdtempSync(join(tmpdir(), 'vultr-grpc-creates-'));
try {
  if (values.redis && redis === undefined) {
    throw new Error('There is no redis-server. On Debian: apt-get install redis-server');
  }
  const ids = Number(values.ids);
  const result = await runCreates({
    ids,
    callers: Number(values.callers),
    processes: Number(values.processes),
    killEveryMs: Number(values['kill-every']),
    faultRate: Number(values.faults) / 100,
    record: redis === undefined ? { stateDir } : { redisUrl: redis.url },
    seed: 1,
  });
  const { failures, ...figures } = result;
  const lines = [['ids', ids], ...Object.entries(figures), ...Object.entries(failures)];
  for (const [name, value] of lines) process.stdout.write(`${String(name).padEnd(28)}${value}\n`);
  const { instancesMade, withoutReply, idsWithSeveralInstances } = result;
  if (instancesMade !== ids || withoutReply + idsWithSeveralInstances > 0) process.exitCode = 1;
} finally {
  await redis?.stop();
  rmSync(stateDir, { recursive: true, force: true });
}
