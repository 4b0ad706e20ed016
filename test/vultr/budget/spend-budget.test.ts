import { describe, expect, test, vi } from 'vitest';
import { startSandbox } from '../../../src/sandbox/index.ts';
import type { StageOptions } from '../../../src/vultr/stages.ts';
import { mostInOneSecond } from '../../support/budget.ts';
import { context, failure, request, startClient, startHttp } from '../../support/vultr.ts';

/** An upstream that answers what it is told to, and a client with a budget. */
async function setUp(answer: (count: number) => number, options: Partial<StageOptions> = {}) {
  const asked: number[] = [];
  const upstream = await startHttp((_, response) => {
    asked.push(Date.now());
    response.writeHead(answer(asked.length)).end('{}');
  });
  const client = startClient(upstream.url, { budget: {}, ...options });
  return { upstream, asked, client };
}

describe('a client with a budget', () => {
  test('takes a permit for every attempt', async () => {
    const permits: string[] = [];
    const { client } = await setUp((count) => (count < 3 ? 503 : 200), {
      retry: { maxAttempts: 3, baseDelayMs: 0 },
      observe: ({ kind }) => {
        if (kind === 'permit') permits.push(kind);
      },
    });
    expect(await client.send(request(), context())).toMatchObject({ attempts: 3 });
    expect(permits).toHaveLength(3);
  });

  test('has no request in flight and none waiting when all have ended, however they did', async () => {
    const { client } = await setUp((count) => [200, 404, 503][count % 3] ?? 200);
    const controller = new AbortController();
    const calls = Array.from({ length: 12 }, (_, index) =>
      client.send(request(), context(10_000, index % 4 === 3 ? controller.signal : undefined)),
    );
    controller.abort();
    await Promise.allSettled(calls);
    expect(client.state().budget).toMatchObject({ waiting: 0, waitingBytes: 0, inFlight: 0 });
  });

  test('goes on at half the rate after a 429, and sends such a change again', async () => {
    const { client, asked } = await setUp((count) => (count === 1 ? 429 : 200), {
      retry: { maxAttempts: 2, baseDelayMs: 0 },
    });
    const create = request({ method: 'POST', kind: 'change', repeatable: false });
    expect(await client.send(create, context())).toMatchObject({ status: 200, attempts: 2 });
    expect(client.state().budget?.rateFactor).toBe(0.5);
    expect(asked).toHaveLength(2);
  });

  test('refuses a call that has no time to wait at once, though others are waiting', async () => {
    const { client, asked } = await setUp(() => 200, { budget: { ratePerSecond: 2 } });
    const waiting = Array.from({ length: 4 }, () => client.send(request(), context()));
    const error = await failure(client.send(request(), context(300)));
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMITED', reached: 'no' });
    await Promise.all(waiting);
    expect(asked).toHaveLength(4);
  });

  test('refuses those who wait when it is closed', async () => {
    const { client } = await setUp(() => 200, { budget: { ratePerSecond: 1 } });
    const first = client.send(request(), context());
    const second = failure(client.send(request(), context()));
    await first;
    await client.close();
    expect(await second).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN', reached: 'no' });
  });
});

test('requests that hang are never followed by a burst when they end', async () => {
  const asked: number[] = [];
  const held: (() => void)[] = [];
  const upstream = await startHttp((_, response) => {
    asked.push(Date.now());
    if (asked.length <= 8) held.push(() => response.end('{}'));
    else response.end('{}');
  });
  const client = startClient(upstream.url, { budget: {}, limits: { maxConnections: 8 } });
  const calls = Array.from({ length: 60 }, () => client.send(request(), context(20_000)));
  while (held.length < 8) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const release of held) release();
  await Promise.all(calls);
  expect(asked).toHaveLength(60);
  expect(mostInOneSecond(asked)).toBeLessThanOrEqual(30);
});

test('somebody else at the same address is given way to: no call fails, and the rate comes back', async () => {
  const sandbox = await startSandbox({ rateLimitPerSecond: 30 });
  try {
    const factors: number[] = [];
    const client = startClient(sandbox.url, {
      budget: {},
      retry: { maxAttempts: 3 },
      observe: (event) => {
        if (event.kind === 'slowed') factors.push(event.rateFactor);
      },
    });
    const other = startClient(sandbox.url);
    const ours = Array.from({ length: 60 }, () => client.send(request(), context(25_000)));
    // A burst that takes the whole second for itself.
    await Promise.allSettled(Array.from({ length: 40 }, () => other.send(request(), context())));
    for (const response of await Promise.all(ours)) expect(response.status).toBe(200);
    expect(sandbox.requests.count({ status: 429 })).toBeGreaterThan(10);
    const lowest = Math.min(...factors);
    expect(lowest).toBeLessThanOrEqual(0.5);
    // Two seconds after the last 429 it rises; how far, and that it becomes whole, is tested on a held clock.
    await vi.waitFor(() => expect(client.state().budget?.rateFactor).toBeGreaterThan(lowest + 0.01), {
      timeout: 5_000,
      interval: 50,
    });
  } finally {
    await sandbox.close();
  }
});
