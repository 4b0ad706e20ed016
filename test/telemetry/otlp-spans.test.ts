import { ROOT_CONTEXT } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { type ReadableSpan, SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { expect, test } from 'vitest';
import { createSpanStarter } from '../../src/telemetry/otlp-spans.ts';
import { currentSpan, inSpan, type Span } from '../../src/telemetry/trace.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALL = { name: 'a.B/C', kind: 'server', parent: undefined } as const;

/** Begins spans, and keeps those that have ended. */
function starter(ratio: number) {
  const ended: ReadableSpan[] = [];
  const found: (Span | undefined)[] = [];
  const begin = createSpanStarter({ sampler: 'traceidratio', ratio }, false, {
    resource: resourceFromAttributes({ 'service.name': 'a' }),
    instrumentationScope: { name: 'b' },
    processor: {
      onEnd: (span) => {
        ended.push(span);
        found.push(currentSpan());
      },
    },
  });
  return { begin, ended, found };
}

test.each([0, 0.1, 0.5, 1])('of %d of all traces those are taken that the SDK would take', (ratio) => {
  const { begin } = starter(ratio);
  const sdk = new TraceIdRatioBasedSampler(ratio);
  const isTaken = (traceId: string): boolean =>
    sdk.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
  const roots = Array.from({ length: 3_000 }, () => begin(CALL));
  for (const { traceId, isSampled } of roots) expect(isSampled).toBe(isTaken(traceId));
  for (const parent of roots) expect(begin({ ...CALL, parent }).isSampled).toBe(isTaken(parent.traceId));
  const part = roots.filter(({ isSampled }) => isSampled).length / roots.length;
  expect(Math.abs(part - ratio)).toBeLessThan(0.06);
});

test('ids are well formed, and no two are the same', () => {
  const { begin } = starter(0.5);
  const spans = Array.from({ length: 2_000 }, () => begin(CALL));
  for (const { traceId, spanId } of spans) {
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(spanId).toMatch(/^[0-9a-f]{16}$/);
  }
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(spans.length);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
});

test('a span tells what it was told, and how long it took', () => {
  const { begin, ended, found } = starter(1);
  const before = Date.now();
  const call = begin({
    ...CALL,
    parent: { traceId: TRACE, spanId: '00f067aa0ba902b7', isSampled: false, state: 'vendor=1' },
  });
  inSpan(call, () => {
    const request = begin({ name: 'GET', kind: 'client', parent: call });
    request.fail('It broke.');
    request.end();
  });
  call.note({ a: 1, b: 'x' });
  call.note({ b: 'y' });
  call.event('happened', { c: true });
  inSpan(call, () => call.end());
  const [request, whole] = ended;
  // What the export of a span sets going belongs to none.
  expect(found).toMatchObject([{ isSampled: false }, { isSampled: false }]);
  expect(request).toMatchObject({
    name: 'GET',
    parentSpanContext: { traceId: TRACE, spanId: call.spanId, isRemote: false },
    status: { code: 2, message: 'It broke.' },
    attributes: {},
    events: [],
  });
  expect(whole).toMatchObject({
    name: 'a.B/C',
    parentSpanContext: { traceId: TRACE, spanId: '00f067aa0ba902b7', isRemote: true, traceFlags: 0 },
    status: { code: 0 },
    attributes: { a: 1, b: 'y' },
    events: [{ name: 'happened', attributes: { c: true } }],
    ended: true,
    resource: { attributes: { 'service.name': 'a' } },
  });
  expect(whole?.spanContext().traceState?.serialize()).toBe('vendor=1');
  const ms = ([seconds, nanos]: readonly [number, number] = [0, 0]): number => seconds * 1_000 + nanos / 1e6;
  expect(ms(whole?.startTime)).toBeGreaterThanOrEqual(before);
  expect(ms(whole?.endTime)).toBeGreaterThanOrEqual(ms(whole?.startTime));
  expect(ms(whole?.duration)).toBeCloseTo(ms(whole?.endTime) - ms(whole?.startTime), 2);
});

test('a span keeps the last of its events, and says how many it does not have any more', () => {
  const { begin, ended } = starter(1);
  const call = begin(CALL);
  for (let count = 0; count < 130; count += 1) call.event(`number ${count}`);
  call.end();
  expect(ended[0]?.events).toHaveLength(128);
  expect(ended[0]?.events.at(-1)?.name).toBe('number 129');
  expect(ended[0]?.droppedEventsCount).toBe(2);
});
