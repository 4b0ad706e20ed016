import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { Figures } from '../../../src/figures/figures.ts';
import type { Snapshot } from '../../../src/figures/snapshot.ts';
import type { ExtraRequest } from '../../../src/http/options.ts';
import { createStatusRoute, STATUS_LIMITS } from '../../../src/http/routes/status.ts';
import { CallError } from '../../../src/status/call-error.ts';
import { startThings } from '../../support/http-server.ts';

let readings = 0;

function read(): Snapshot {
  readings += 1;
  return {
    service: 'vultr-grpc',
    version: '1',
    upstream: '<sandbox>',
    at: new Date(readings * 1_000).toISOString(),
    uptime_s: 1,
    phase: 'ready',
    calls: new Figures(systemClock.now).calls(),
    budget: null,
    breaker: null,
    retries_left: 1,
    cache: null,
    watches: { watches: 0, things: 0, kept_bytes: 0 },
    idempotency: 'available',
    replicas: { is_known: false, replicas: [] },
    errors: [
      {
        at: '2026-01-01T00:00:00.000Z',
        method: '<m>',
        code: 'INTERNAL',
        reason: 'INTERNAL_ERROR',
        message: '<b>',
        request_id: '<r>',
        caller: '<c>',
      },
    ],
  };
}

async function start(
  limits: Partial<Record<keyof typeof STATUS_LIMITS, number>> = {},
  closing = new AbortController().signal,
) {
  const status = createStatusRoute({
    read,
    guard: (_part, route) => (request: ExtraRequest) => {
      if (request.headers.authorization === 'Bearer bad')
        throw new CallError('UNAUTHENTICATED', 'CALLER_UNKNOWN', 'Who?');
      return route(request);
    },
    clock: systemClock,
    closing,
    limits: { ...STATUS_LIMITS, intervalMs: 20, ...limits },
  });
  const { url } = await startThings({}, { extraRoutes: new Map([['/status', status]]) });
  return `${url}/status`;
}

const STREAM = { headers: { accept: 'text/event-stream' } };

test('is JSON for programs, a page for browsers, and escapes what it shows', async () => {
  const url = await start();
  expect(await (await fetch(url)).json()).toMatchObject({ service: 'vultr-grpc', phase: 'ready' });
  const page = await fetch(url, { headers: { accept: 'text/html' } });
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const html = await page.text();
  expect(html).toContain('&lt;m&gt;');
  expect(html).not.toMatch(/<(?:m|r|c)>/);
});

test('a stream has a reading at each interval, and ends by itself', async () => {
  const url = await start({ streamMs: 200 });
  const response = await fetch(url, STREAM);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events = (await response.text()).split('\n\n').filter(Boolean);
  expect(events.at(-1)).toBe('event: end\ndata: {}');
  expect(events.length).toBeGreaterThan(3);
  expect(new Set(events).size).toBeGreaterThan(3);
});

test('one reading serves all who follow', async () => {
  const url = await start({ streamMs: 400, intervalMs: 100 });
  const before = readings;
  await Promise.all(Array.from({ length: 10 }, async () => await (await fetch(url, STREAM)).text()));
  expect(readings - before).toBeLessThanOrEqual(12);
});

test('there are only so many viewers, and one who leaves makes room', async () => {
  const url = await start({ maxViewers: 2 });
  const leave = [new AbortController(), new AbortController()];
  for (const { signal } of leave) expect((await fetch(url, { ...STREAM, signal })).status).toBe(200);
  const third = await fetch(url, STREAM);
  expect(third.status).toBe(503);
  expect(third.headers.get('retry-after')).not.toBeNull();
  expect(await third.text()).toContain('TOO_MANY_REQUESTS');
  for (const one of leave) one.abort();
  await expect
    .poll(async () => {
      const given = new AbortController();
      const { status } = await fetch(url, { ...STREAM, signal: given.signal });
      given.abort();
      return status;
    })
    .toBe(200);
});

test('streams end when the service goes down', async () => {
  const closing = new AbortController();
  const url = await start({}, closing.signal);
  const response = await fetch(url, STREAM);
  closing.abort();
  expect(await response.text()).toContain('event: end');
});

test('who may not look gets a refusal, and in a browser a page that asks for a key and shows nothing', async () => {
  const url = await start();
  const headers = { authorization: 'Bearer bad' };
  const refusal = await fetch(url, { headers });
  expect([refusal.status, refusal.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect(await refusal.json()).toMatchObject({ code: 16 });
  const page = await fetch(url, { headers: { ...headers, accept: 'text/html' } });
  expect([page.status, page.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  const html = await page.text();
  expect(html).toContain('Who?');
  expect(html).not.toContain('<table');
});
