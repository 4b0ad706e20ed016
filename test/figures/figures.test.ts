import { expect, test } from 'vitest';
import { FIGURE_LIMITS, Figures } from '../../src/figures/figures.ts';
import { LatencyWindow } from '../../src/figures/latency-window.ts';
import { NamedValues, OTHERS } from '../../src/figures/named.ts';
import { SecondSeries } from '../../src/figures/series.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { CallRecord } from '../../src/telemetry/call-log.ts';

function record(given: Partial<CallRecord> = {}): CallRecord {
  return {
    method: 'a.B/C',
    transport: 'http',
    requestId: 'r',
    peer: 'p',
    userAgent: undefined,
    credential: undefined,
    durationMs: 10,
    code: given.error?.code ?? 'OK',
    ...given,
  };
}

test('a series counts by the second, leaves out the one under way and forgets what is too old', () => {
  const series = new SecondSeries(3);
  series.add(10_000);
  series.add(10_999, 2);
  series.add(12_000);
  expect(series.list(12_500)).toEqual([0, 3, 0]);
  expect(series.list(13_000)).toEqual([3, 0, 1]);
  expect(series.list(14_000)).toEqual([0, 1, 0]);
  expect(series.list(100_000)).toEqual([0, 0, 0]);
  series.add(100_000);
  expect(series.list(101_000)).toEqual([0, 0, 1]);
});

test('a window has the percentiles of the last minute to a factor of 1.42, and the longest as it is', () => {
  const window = new LatencyWindow();
  expect(window.summary(0)).toEqual({
    calls: 0,
    errors: 0,
    p50Ms: undefined,
    p95Ms: undefined,
    maxMs: undefined,
  });
  for (let ms = 1; ms <= 1_000; ms += 1) window.record(ms, ms, ms % 10 === 0);
  const { calls, errors, p50Ms = 0, p95Ms = 0, maxMs } = window.summary(2_000);
  expect([calls, errors, maxMs]).toEqual([1_000, 100, 1_000]);
  expect(Math.abs(Math.log(p50Ms / 500))).toBeLessThan(Math.log(1.42));
  expect(Math.abs(Math.log(p95Ms / 950))).toBeLessThan(Math.log(1.42));
  expect(window.summary(70_000).calls).toBe(0);
  window.record(75_000, 1e12, false);
  window.record(75_000, 0, false);
  expect(window.summary(75_001)).toMatchObject({ calls: 2, errors: 0, maxMs: 1e12 });
});

test('names beyond the bound share one value, until others have been quiet', () => {
  const idle = new Set<object>();
  const values = new NamedValues<{ count: number }>(
    3,
    () => ({ count: 0 }),
    (value) => idle.has(value),
  );
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => values.get(name));
  expect(c).toBe(d);
  expect([...values.entries()].map(([name]) => name)).toEqual(['a', 'b', OTHERS]);
  expect(values.get('a')).toBe(a);
  if (b !== undefined) idle.add(b);
  values.get('e');
  expect([...values.entries()].map(([name]) => name).toSorted()).toEqual([OTHERS, 'a', 'e'].toSorted());
});

test('calls, failures and what callers have of the budget are counted', () => {
  let nowMs = 1_000_000;
  const figures = new Figures(() => nowMs);
  const end = figures.beginCall();
  const error = new CallError('NOT_FOUND', 'ROUTE_NOT_FOUND', 'The key SECRET-KEY is not here.');
  figures.recordCall(record(), true);
  figures.recordCall(record({ durationMs: 20, error, secret: 'SECRET-KEY', caller: 'ci' }), true);
  figures.recordCall(record({ method: '/path/with/SECRET-KEY', error }), false);
  figures.observe({ kind: 'permit', request: 'read', caller: 'ci', key: 'caller ci', waitedMs: 7 });
  figures.observe({ kind: 'permit', request: 'read', caller: '', key: '', waitedMs: 0 });
  figures.observe({ kind: 'retry_refused' });
  nowMs += 1_000;
  expect(figures.calls()).toMatchObject({
    active: 1,
    last_minute: [
      { method: 'a.B/C', calls: 2, errors: 1, max_ms: 20 },
      { method: '(no operation)', calls: 1, errors: 1 },
    ],
  });
  expect(figures.calls().per_second).toHaveLength(FIGURE_LIMITS.seconds);
  expect([figures.calls().per_second.at(-1), figures.calls().failed_per_second.at(-1)]).toEqual([3, 2]);
  expect(figures.permitsPerSecond().at(-1)).toBe(2);
  const hash = 'ab12cd34'.repeat(8);
  expect(figures.callers(new Map([[hash, 5]]))).toEqual([
    { caller: 'key #ab12cd34', requests: 0, waiting: 5, longest_wait_ms: 0 },
    { caller: 'ci', requests: 1, waiting: 0, longest_wait_ms: 7 },
    { caller: '(no key)', requests: 1, waiting: 0, longest_wait_ms: 0 },
  ]);
  expect(figures.errors()).toMatchObject([
    { method: '(no operation)', caller: null },
    {
      method: 'a.B/C',
      caller: 'ci',
      reason: 'ROUTE_NOT_FOUND',
      request_id: 'r',
      message: 'The key [redacted] is not here.',
    },
  ]);
  end();
  nowMs += 120_000;
  expect(figures.calls()).toMatchObject({ active: 0, last_minute: [] });
  expect(figures.callers(new Map())).toEqual([]);
});

test('its memory is bounded, whatever comes', () => {
  const figures = new Figures(() => 1_000_000);
  const error = new CallError('INTERNAL', 'INTERNAL_ERROR', 'x'.repeat(10_000));
  for (let count = 0; count < 5_000; count += 1) {
    figures.recordCall(record({ method: `m${count}`, error, requestId: `r${count}` }), true);
    figures.observe({
      kind: 'permit',
      request: 'read',
      caller: `c${count}`,
      key: `caller c${count}`,
      waitedMs: 0,
    });
  }
  expect(figures.calls().last_minute).toHaveLength(FIGURE_LIMITS.maxMethods);
  expect(figures.callers(new Map())).toHaveLength(FIGURE_LIMITS.maxCallers);
  expect(figures.calls().last_minute[0]).toMatchObject({
    method: OTHERS,
    calls: 5_000 - FIGURE_LIMITS.maxMethods + 1,
  });
  expect(figures.errors()).toHaveLength(FIGURE_LIMITS.maxErrors);
  expect(figures.errors()[0]).toMatchObject({ request_id: 'r4999' });
  expect(figures.errors()[0]?.message.length).toBeLessThanOrEqual(200);
});
