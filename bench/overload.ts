/**
 * The overload bench: `node bench/overload.ts [--processes 3] [--seconds 60] [--redis] [--outage]`. It asks ten times
 * what Vultr allows and prints what the upstream saw. `--redis` starts a redis-server; `--outage` kills it in the middle.
 */
import { parseArgs } from 'node:util';
import { startRedisServer } from './overload/redis-server.ts';
import { runOverload } from './overload/run.ts';

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    redis: { type: 'boolean', default: false },
    outage: { type: 'boolean', default: false },
  },
});
const processes = Number(values.processes);
const seconds = Number(values.seconds);
const needsRedis = values.redis || values.outage || processes > 1;
const redis = needsRedis ? await startRedisServer() : undefined;
if (needsRedis && redis === undefined) {
  process.stderr.write('There is no redis-server. On Debian: apt-get install redis-server\n');
  process.exitCode = 1;
} else {
  try {
    const result = await runOverload({ processes, seconds, redis, outage: values.outage });
    const { calls, replicas } = result;
    const lines = [
      ['processes', processes],
      ['seconds', seconds],
      ['budget', redis === undefined ? 'in process' : `Redis${values.outage ? ', gone for a third' : ''}`],
      ['calls asked', calls.asked],
      ['calls answered', calls.answered],
      ['calls refused at once or when hopeless', calls.refused],
      ['calls that met their deadline', calls.deadline],
      ['calls that failed otherwise', calls.other],
      ['calls that ended after their deadline', calls.late],
      ['least time a response had left, ms', Math.min(...replicas.map((one) => one.leastLeftMs))],
      ['requests seen by the upstream', result.arrived],
      ['most of them in any second (limit 30)', result.mostInOneSecond],
      ['answered 429', result.answered429],
      ['part of the budget used', percent(result.budgetUsed)],
      ["slowest caller's part of its fair share", percent(result.slowestShare)],
      [
        'CPU per call asked, ms',
        (replicas.reduce((total, one) => total + one.cpuMs, 0) / calls.asked).toFixed(3),
      ],
      ['memory of a process, MB', Math.max(...replicas.map((one) => one.rssMb)).toFixed(0)],
      ['states of the sources', replicas.map((one) => one.sources.join('>') || 'local').join(', ')],
    ];
    for (const [name, value] of lines) process.stdout.write(`${String(name).padEnd(44)}${value}\n`);
  } finally {
    await redis?.stop();
  }
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
