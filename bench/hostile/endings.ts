import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NOT_TAKEN, openHttp2, repeat, sendGrpc, sendHttp } from './clients.ts';
import { hasEnded, KEY, startWatched, type WatchedService } from './service.ts';
import type { CannedVultr } from './upstream.ts';

/** Something that is measured in one number, and what it may be at most. */
export interface Trial {
  readonly name: string;
  readonly before: string;
  readonly unit: string;
  readonly max: number;
  readonly run: (vultr: CannedVultr) => Promise<number>;
}

const LIST = '/vultr.v2.InstancesService/ListInstances';
const EMPTY = new Uint8Array();

async function withService<T>(
  options: Parameters<typeof startWatched>[0],
  work: (service: WatchedService) => Promise<T>,
): Promise<T> {
  const service = await startWatched(options);
  try {
    return await work(service);
  } finally {
    await service.stop();
  }
}

/** How long the service takes to end on SIGTERM, in ms. */
async function terminate({ process: child }: WatchedService): Promise<number> {
  const start = performance.now();
  const exit = once(child, 'exit', { signal: AbortSignal.timeout(30_000) });
  child.kill('SIGTERM');
  await exit;
  return Math.round(performance.now() - start);
}

async function unreadLog({ url }: CannedVultr): Promise<number> {
  return await withService({ upstream: url, log: 'pipe' }, async (service) => {
    service.process.stderr?.pause();
    const headers = { 'user-agent': 'u'.repeat(200) };
    await repeat(4_000, 20, () =>
      sendHttp(service.http, 'GET', `/no/${'x'.repeat(150)}`, undefined, headers),
    );
    return await terminate(service);
  });
}

async function lockedRecord(vultr: CannedVultr): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-hostile-'));
  try {
    vultr.respond({ status: 202, body: '{"instance":{"id":"cb676a46-66fd-4dfb-b839-443f2e6c0b60"}}' });
    return await withService({ upstream: vultr.url, flags: ['--state-dir', folder] }, async (service) => {
      const create = (key: string): Promise<number | undefined> =>
        sendHttp(service.http, 'POST', '/v2/instances', '{"region":"ams"}', { 'idempotency-key': key });
      await create('first');
      const path = join(folder, 'idempotency.sqlite');
      // SQLite would make a new file, whose lock holds up nobody.
      accessSync(path);
      const database = new DatabaseSync(path);
      database.exec('BEGIN EXCLUSIVE');
      await service.read();
      const creations = Array.from({ length: 10 }, (_, n) => create(`key-${n}`));
      await sleep(1_000);
      const { blockedMs } = await service.read();
      database.exec('ROLLBACK');
      database.close();
      await Promise.all(creations);
      return blockedMs;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function unusableFolder({ url }: CannedVultr): Promise<number> {
  const cli = fileURLToPath(new URL('../../bin/vultr-grpc.js', import.meta.url));
  const start = performance.now();
  const flags = ['--grpc', '127.0.0.1:0', '--http', 'off', '--upstream', url];
  const child = spawn(process.execPath, [cli, 'serve', ...flags], {
    env: { ...process.env, STATE_DIR: '/proc/x' },
    stdio: 'ignore',
  });
  await Promise.race([once(child, 'exit'), sleep(20_000, undefined, { ref: false })]);
  if (!hasEnded(child)) child.kill('SIGKILL');
  return Math.round(performance.now() - start);
}

/** Whether a response came; a refused connection is none of a call under way, and counts as told. */
function call(http: string, agent: Agent): Promise<'done' | 'refused' | 'lost'> {
  const { hostname, port } = new URL(`http://${http}`);
  return new Promise((resolve) => {
    const outgoing = request(
      { hostname, port, agent, path: '/v2/instances', headers: { authorization: `Bearer ${KEY}` } },
      (response) => {
        response.resume();
        response.once('error', () => resolve('lost'));
        response.once('end', () => resolve(response.complete ? 'done' : 'lost'));
      },
    );
    outgoing.once('error', (error: Error & { code?: string }) =>
      resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'lost'),
    );
    outgoing.end();
  });
}

/** Callers that call again at once, over kept connections and gRPC: how many calls are lost when the service is stopped. */
async function lostAtTheEnd(vultr: CannedVultr): Promise<number> {
  vultr.respond({ body: '{"instances":[]}' });
  // A busy machine makes the service refuse some of these calls, which is not what this trial counts.
  return await withService({ upstream: vultr.url, flags: ['--shed-delay', 'off'] }, async (service) => {
    let lost = 0;
    let calls = 0;
    const overHttp = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let outcome = 'done'; outcome === 'done'; calls += 1) {
        outcome = await call(service.http, agent);
        if (outcome === 'lost') lost += 1;
      }
      agent.destroy();
    };
    const overGrpc = async (): Promise<void> => {
      const session = await openHttp2(service.grpc);
      while (!session.closed && !session.destroyed) {
        const status = await sendGrpc(session, LIST, EMPTY);
        if (status === NOT_TAKEN) return;
        if (status === 0) calls += 1;
        else if (status !== undefined || !session.closed) lost += 1;
      }
    };
    const callers = [...Array.from({ length: 20 }, overHttp), ...Array.from({ length: 20 }, overGrpc)];
    await sleep(1_000);
    await terminate(service);
    await Promise.race([Promise.all(callers), sleep(5_000)]);
    return calls < 40 ? Number.POSITIVE_INFINITY : lost;
  });
}

/** How many of the signals that do harm by default have ended the service or opened a debugger. */
async function harmfulSignals({ url }: CannedVultr): Promise<number> {
  return await withService({ upstream: url }, async (service) => {
    for (const signal of ['SIGHUP', 'SIGUSR1'] as const) service.process.kill(signal);
    await sleep(500);
    const debuggerIsOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(9229, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    const isWell = (await sendHttp(service.http, 'GET', '/healthz')) === 200;
    return (isWell ? 0 : 1) + (debuggerIsOpen ? 1 : 0);
  });
}

/** What a grpc-timeout has to lead to: the number of a status. */
const TIMEOUTS: Readonly<Record<string, number>> = {
  '597H': 0,
  '99999999H': 0,
  '5S': 0,
  '-1S': 3,
  '1.5S': 3,
  '123456789S': 3,
  '5': 3,
  '': 3,
};

async function misreadTimeouts(vultr: CannedVultr): Promise<number> {
  vultr.respond({ body: '{"instances":[]}' });
  return await withService({ upstream: vultr.url }, async (service) => {
    const session = await openHttp2(service.grpc);
    let misread = 0;
    for (const [timeout, wanted] of Object.entries(TIMEOUTS)) {
      if ((await sendGrpc(session, LIST, EMPTY, { 'grpc-timeout': timeout })) !== wanted) misread += 1;
    }
    session.destroy();
    return misread;
  });
}

export const TRIALS: readonly Trial[] = [
  { name: 'SIGTERM while nobody reads the log', before: 'never', unit: 'ms', max: 5_000, run: unreadLog },
  { name: 'a lock on the record of creations', before: '2 000', unit: 'ms', max: 100, run: lockedRecord },
  { name: 'a state folder that cannot be', before: 'hangs', unit: 'ms', max: 10_000, run: unusableFolder },
  { name: 'calls that SIGTERM loses', before: '1 a caller', unit: 'calls', max: 0, run: lostAtTheEnd },
  { name: 'SIGHUP, SIGUSR1', before: 'end, debugger', unit: 'harmed', max: 0, run: harmfulSignals },
  { name: 'grpc-timeout', before: '4 misread', unit: 'misread', max: 0, run: misreadTimeouts },
];
