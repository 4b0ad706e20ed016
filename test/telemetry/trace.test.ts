import { expect, test } from 'vitest';
import {
  currentSpan,
  inSpan,
  outsideSpans,
  readTraceContext,
  type Span,
  traceHeaders,
} from '../../src/telemetry/trace.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const read = (traceparent: string) => readTraceContext(new Map([['traceparent', traceparent]]));

test.each([
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-00`, false],
  [`00-${TRACE}-${SPAN}-03`, true],
  // Of a version to come, what is known counts.
  [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, true],
  [`cc-${TRACE}-${SPAN}-01`, true],
])('%s is a context', (traceparent, isSampled) => {
  expect(read(traceparent)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled, state: undefined });
});

test.each([
  '',
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
  // Given twice.
  `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  `cc-${TRACE}-${SPAN}-01.what`,
])('%s is none', (traceparent) => {
  expect(read(traceparent)).toBeUndefined();
});

test('what is read can be passed on', () => {
  const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1,b=2' };
  const context = readTraceContext(new Map(Object.entries(headers)));
  expect(context && traceHeaders(context)).toEqual(headers);
});

test('a span is found by what it causes, and by nothing else', async () => {
  const span = { traceId: TRACE, isFound: true } as Span;
  const seen: (Span | undefined)[] = [];
  const work = async (): Promise<void> => {
    await Promise.resolve();
    seen.push(currentSpan());
  };
  await inSpan(span, async () => {
    await work();
    await outsideSpans(work);
    await inSpan(undefined, work);
  });
  await work();
  expect(seen).toEqual([span, undefined, span, undefined]);
});

test('of a span that nobody needs to find, what it causes finds that nothing is recorded', async () => {
  const span = { traceId: TRACE, isSampled: false, isFound: false } as Span;
  const found = await inSpan(span, async () => {
    await Promise.resolve();
    return currentSpan();
  });
  expect(found).toMatchObject({ isSampled: false, isFound: false });
  expect(inSpan(span, () => outsideSpans(currentSpan))).toBeUndefined();
  expect(currentSpan()).toBeUndefined();
});
