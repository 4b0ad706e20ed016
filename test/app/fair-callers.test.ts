import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import { Pool } from 'undici';
import { describe, expect, test } from 'vitest';
import { type CloudClient, connectCloud } from '../support/cloud-client.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';

const INSTANCE = { id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60', status: 'active' };

const tokenOf = (name: string): string => `vgk_${name}`;

interface TestCaller {
  readonly name: string;
  readonly rate?: number;
}

/** A callers file in which every caller may do everything with one and the same account. */
function writeCallersFile(callers: readonly TestCaller[]): {
  readonly callersFile: string;
  rotate(key: string): void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-fair-'));
  closeAtEnd(() => rmSync(folder, { recursive: true }));
  const [callersFile, keyFile] = [join(folder, 'callers.yaml'), join(folder, 'vultr-key')];
  const rotate = (key: string): void => writeFileSync(keyFile, key);
  rotate(KEY);
  const entries = callers.map(({ name, rate }) => {
    const sha256 = createHash('sha256').update(tokenOf(name)).digest('hex');
    const is = `[ { token_sha256: "${sha256}" } ]`;
    return `  - { name: ${name}, is: ${is}, account: team, allow: [ "*" ]${rate === undefined ? '' : `, rate: ${rate}`} }`;
  });
  writeFileSync(
    callersFile,
    `accounts: { team: { key_file: ${keyFile} } }\ncallers:\n${entries.join('\n')}\n`,
  );
  return { callersFile, rotate };
}

/** The service in front of a Vultr that responds at once, with what it takes to call it as any caller. */
async function start(callers: readonly TestCaller[], rate: number | undefined) {
  const upstream = await startFakeUpstream(() => [200, { instances: [], instance: INSTANCE }]);
  const { app } = await startService({
    upstream: upstream.url,
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: writeCallersFile(callers).callersFile,
    rate,
    // Nobody is refused for a deadline: a noisy caller's calls wait for as long as it takes.
    callTimeoutMs: 300_000,
  });
  const http = app.httpAddress ?? '';
  const pool = new Pool(`http://${http}`, { connections: 500 });
  closeAtEnd(() => pool.destroy());
  return { upstream, http, pool, client: connectCloud(app.grpcAddress) };
}

/** Makes one call of a caller. The label, which no two calls share, tells whose request arrives at Vultr. */
type Ask = (name: string, count: number) => Promise<unknown>;

const bearer = (name: string): Record<string, string> => ({ authorization: `Bearer ${tokenOf(name)}` });

const overGrpc =
  (client: CloudClient): Ask =>
  (name, count) =>
    client.ask('listInstances', { label: `${name}.${count}` }, { metadata: bearer(name) });

/** Over a few connections that are kept, as a busy client would. */
const overHttp =
  (http: Pool, method: 'GET' | 'PATCH' = 'GET'): Ask =>
  async (name, count) => {
    // A change: the reads of all others would wait for it if kinds went before callers.
    const [path, body] =
      method === 'GET' ? ['/v2/instances', null] : [`/v2/instances/${INSTANCE.id}`, '{"label":"x"}'];
    const headers = { ...bearer(name), ...(body !== null && { 'content-type': 'application/json' }) };
    const reply = await http.request({ method, path: `${path}?label=${name}.${count}`, headers, body });
    const text = await reply.body.text();
    if (reply.statusCode !== 200) throw new Error(text);
  };

/** Keeps so many calls of a caller under way. What becomes of those that are left when it is stopped, nobody asks. */
function keepAsking(ask: Ask, name: string, waiting: number): { stop(): void } {
  let isStopped = false;
  let count = 0;
  const lane = async (): Promise<void> => {
    while (!isStopped) {
      count += 1;
      await ask(name, count).catch((error: unknown) => {
        if (!isStopped) throw error;
      });
    }
  };
  for (let index = 0; index < waiting; index += 1) void lane();
  return {
    stop: () => {
      isStopped = true;
    },
  };
}

/** How many requests of each caller have arrived, from one of them on. */
function countByCaller({ received }: FakeUpstream, from: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { url } of received.slice(from)) {
    const name = /label=([a-z0-9-]+)\./.exec(url)?.[1] ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

const QUIET = Array.from({ length: 49 }, (_, index) => `quiet-${index}`);

describe('50 callers of one account, one of whom keeps 300 calls waiting', () => {
  const cases = [
    { transport: 'gRPC', noise: 'reads' },
    { transport: 'HTTP', noise: 'reads' },
    { transport: 'gRPC and HTTP', noise: 'changes' },
  ] as const;
  test.each(cases)(
    'share the budget over $transport, when its calls are $noise',
    async ({ transport, noise }) => {
      const { upstream, pool, client } = await start(
        [{ name: 'noisy' }, ...QUIET.map((name) => ({ name }))],
        // Little enough for a busy machine, so that the budget is what everybody waits for.
        50,
      );
      const ways = [
        ...(transport === 'HTTP' ? [] : [overGrpc(client)]),
        ...(transport === 'gRPC' ? [] : [overHttp(pool)]),
      ];
      const wayOf = (index: number): Ask => ways[index % ways.length] ?? overHttp(pool);
      const noisy = keepAsking(noise === 'reads' ? wayOf(0) : overHttp(pool, 'PATCH'), 'noisy', 300);
      await upstream.arrived(10);
      const quiet = QUIET.map((name, index) => keepAsking(wayOf(index), name, 2));
      // What is counted begins when all callers are at it.
      while (countByCaller(upstream, 0).size < 50) await upstream.arrived(upstream.received.length + 1);
      const from = upstream.received.length;
      await upstream.arrived(from + 500);
      const counts = countByCaller(upstream, from);
      for (const { stop } of [noisy, ...quiet]) stop();
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      const slowest = Math.min(...QUIET.map((name) => counts.get(name) ?? 0));
      expect(slowest).toBeGreaterThanOrEqual((0.8 * total) / 50);
      expect(counts.get('noisy')).toBeGreaterThan(0);
    },
    60_000,
  );
});

test('a caller with a rate gets no more than that, over both transports together', async () => {
  const rate = 20;
  const { upstream, http, pool, client } = await start([{ name: 'slow', rate }, { name: 'free' }], 500);
  const timeoutMs = 1_000;
  const beganAt = performance.now();
  const calls = Array.from({ length: 200 }, (_, count) => {
    const label = `slow.${count}`;
    if (count % 2 === 0) {
      const headers = { ...bearer('slow'), 'grpc-timeout': `${timeoutMs}m` };
      return sendHttp(http, 'GET', `/v2/instances?label=${label}`, undefined, headers).then(
        ({ status }) => status,
      );
    }
    const beside = { metadata: bearer('slow'), deadline: Date.now() + timeoutMs };
    return client.ask('listInstances', { label }, beside).then(
      () => 200,
      ({ details }: ServiceError) => details,
    );
  });
  const free = Array.from({ length: 30 }, (_, count) => overHttp(pool)('free', count));
  await Promise.all(free);
  await Promise.all(calls);
  const seconds = (performance.now() - beganAt) / 1_000;
  const counts = countByCaller(upstream, 0);
  // A second's worth may go at once.
  expect(counts.get('slow')).toBeLessThanOrEqual(rate * (seconds + 1));
  expect(counts.get('slow')).toBeGreaterThanOrEqual(rate);
  expect(counts.get('free')).toBe(30);
});

describe('an idempotency key that two callers of one account use', () => {
  const IDEMPOTENCY_KEY = '5f0d9a0e-3c0b-4f7e-9d55-0d1c8e3b7a42';
  const CREATE = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136 };

  async function startTwo() {
    const file = writeCallersFile([{ name: 'one' }, { name: 'two' }]);
    const settings = { callersFile: file.callersFile, httpListen: { host: '127.0.0.1', port: 0 } };
    const { app, sandbox } = await startOnSandbox(settings);
    const client = connectCloud(app.grpcAddress);
    const create = async (name: string, body: object = CREATE): Promise<string> => {
      const headers = { ...bearer(name), 'idempotency-key': IDEMPOTENCY_KEY };
      const { status, text } = await sendHttp(app.httpAddress ?? '', 'POST', '/v2/instances', body, headers);
      if (status >= 300) throw new Error(text);
      return JSON.parse(text).instance.id;
    };
    const createOverGrpc = async (name: string): Promise<string> => {
      const request = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2136', request_id: IDEMPOTENCY_KEY };
      const { value } = await client.ask('createInstance', request, { metadata: bearer(name) });
      return String((value['instance'] as { id: string }).id);
    };
    return { create, createOverGrpc, sandbox, app, rotate: file.rotate };
  }

  test('names two machines, each of which only its own caller is told of', async () => {
    const { create } = await startTwo();
    const [one, two] = [await create('one'), await create('two')];
    expect(one).not.toBe(two);
    expect([await create('one'), await create('two')]).toEqual([one, two]);
  });

  test('names two machines when both ask at once, over either transport', async () => {
    const { create, createOverGrpc } = await startTwo();
    const [one, two, again] = await Promise.all([create('one'), createOverGrpc('two'), create('one')]);
    expect(one).not.toBe(two);
    expect(again).toBe(one);
  });

  test('is no conflict when the requests of two callers differ', async () => {
    const { create } = await startTwo();
    await create('one');
    await expect(create('two', { ...CREATE, region: 'fra' })).resolves.toBeTypeOf('string');
    await expect(create('one', { ...CREATE, region: 'fra' })).rejects.toThrow(/region/);
  });
});
