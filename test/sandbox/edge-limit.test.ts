import { expect, test } from 'vitest';
import { EdgeLimit } from '../../src/sandbox/engine/edge-limit.ts';
import { client, sandboxFor } from './client.ts';

test('the 31st request within a second gets the edge refusal, before the key is checked', async () => {
  let nowMs = 1_700_000_000_000;
  const { sandbox } = await sandboxFor({ rateLimitPerSecond: 30, clock: { nowMs: () => nowMs } });
  const call = client(sandbox);
  for (let count = 0; count < 30; count++) expect((await call('GET /v2/regions')).status).toBe(200);
  const refused = await call('GET /v2/instances', { key: null });
  expect([refused.status, refused.text]).toEqual([429, '{"status": 429,"error": "rate limit exceeded"}']);
  nowMs += 999;
  expect((await call('GET /v2/regions')).status).toBe(429);
  nowMs += 1;
  expect((await call('GET /v2/regions')).status).toBe(200);
  expect(sandbox.requests.count({ status: 429 })).toBe(2);
});

test('no window of one second ever holds more than the limit, however the requests fall', () => {
  const limit = new EdgeLimit(30);
  const passed: number[] = [];
  let nowMs = 0;
  for (let count = 0; count < 5000; count++) {
    nowMs += (count * 7919) % 61;
    if (limit.admit('a', nowMs)) passed.push(nowMs);
  }
  const busiest = passed.map((start) => passed.filter((atMs) => atMs >= start && atMs < start + 1000).length);
  expect(Math.max(...busiest)).toBe(30);
});

test('sources have budgets of their own, and control calls cost nothing', async () => {
  const limit = new EdgeLimit(1);
  expect([limit.admit('a', 0), limit.admit('b', 0), limit.admit('a', 1)]).toEqual([true, true, false]);
  const { call } = await sandboxFor({ rateLimitPerSecond: 1, clock: { nowMs: () => 1000 } });
  for (let count = 0; count < 5; count++) expect((await call('GET /_sandbox/faults')).status).toBe(200);
  expect((await call('GET /v2/regions')).status).toBe(200);
});
