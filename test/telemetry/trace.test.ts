import { expect, test } from 'vitest';
import {
  currentSpan,
  inOwnTraces,
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

/** What there is where no span has to be found: one of which nothing is recorded. */
const UNRECORDED = expect.objectContaining({ isSampled: false, isFound: false });

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
  expect(seen).toEqual([span, UNRECORDED, span, UNRECORDED]);
});

test('a span that nobody needs to find is not found, nor is the one that it happens to begin in', async () => {
  const span = { traceId: TRACE, isSampled: false, isFound: false } as Span;
  const seen: (Span | undefined)[] = [];
  const work = async (): Promise<void> => {
    await Promise.resolve();
    seen.push(currentSpan());
  };
  await inSpan(span, work);
  await inSpan({ traceId: TRACE, isFound: true } as Span, () => inSpan(span, work));
  expect(seen).toEqual([UNRECORDED, UNRECORDED]);
});

test('what is traced by itself is part of no span, whoever starts it, and finds those that it begins', async () => {
  const span = { traceId: TRACE, isFound: true } as Span;
  const own = { traceId: TRACE, isFound: true } as Span;
  const seen: (Span | undefined)[] = [];
  const work = async (): Promise<void> => {
    await Promise.resolve();
    seen.push(currentSpan());
    await inSpan(own, async () => {
      await Promise.resolve();
      seen.push(currentSpan());
    });
  };
  await inSpan(span, () => inOwnTraces(work));
  expect(seen).toEqual([undefined, own]);
  expect(seen[1]).toBe(own);
});
