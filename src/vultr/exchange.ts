import { CallError } from '../status/call-error.ts';
import { describeError } from '../telemetry/describe.ts';
import type { Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import { type BeginSpan, currentSpan, inSpan, type Span, traceHeaders } from '../telemetry/trace.ts';
import type { SendContext, Stage, VultrRequest } from './request.ts';

/** What the requests to Vultr are measured and traced with. */
export interface ExchangeOptions {
  readonly meter: Meter;
  /** Where requests go. */
  readonly baseUrl: string;
  /** Undefined: nothing is traced. */
  readonly beginSpan: BeginSpan | undefined;
  /** Whether Vultr is told of the trace. */
  readonly isTraceSent: boolean;
}

/** How an exchange ended: with a response, or without. */
type End = { readonly status: number } | { readonly error: CallError };

/** The methods that are named in metrics and spans; others are written as `_OTHER`. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Measures and traces each request that is really sent, until its response is whole. It stands below every other stage, so
 * that a retry is an exchange of its own, and the wait for a permit is no part of it.
 */
export function watchExchanges({ meter, baseUrl, beginSpan, isTraceSent }: ExchangeOptions): Stage {
  const duration = meter.histogram(METRICS.httpClientDuration);
  const server = describeServer(baseUrl);
  return (next) => async (request, context) => {
    const method = METHODS.has(request.method) ? request.method : '_OTHER';
    const parent = currentSpan();
    const span =
      parent?.isFound === false ? undefined : beginSpan?.({ name: method, kind: 'client', parent });
    if (span?.isSampled === true) noteRequest(span, request, context, { method, ...server });
    const startedAt = performance.now();
    const end = (how: End): void => {
      const { address, port, scheme } = server;
      const { status, errorType } = describeEnd(how);
      const seconds = (performance.now() - startedAt) / 1_000;
      duration.record(seconds, method, status, address, port, scheme, errorType);
      if (span !== undefined) endSpan(span, how, request.credential);
    };
    try {
      const traced =
        span !== undefined && isTraceSent ? { ...request, traceHeaders: traceHeaders(span) } : request;
      const response = await inSpan(span, () => next(traced, context));
      end(response);
      return response;
    } catch (thrown) {
      end({ error: CallError.from(thrown) });
      throw thrown;
    }
  };
}

interface Server {
  readonly address: string;
  readonly port: string;
  readonly scheme: string;
}

function describeServer(baseUrl: string): Server {
  const { hostname, port, protocol } = new URL(baseUrl);
  const scheme = protocol.slice(0, -1);
  return { address: hostname, port: port === '' ? (scheme === 'https' ? '443' : '80') : port, scheme };
}

function describeEnd(end: End): { readonly status: string; readonly errorType: string } {
  if ('error' in end) return { status: '', errorType: end.error.reason };
  return { status: String(end.status), errorType: end.status >= 400 ? String(end.status) : '' };
}

/** Neither path nor query: ids of what is private stand there, and sometimes secrets. The operation says as much. */
function noteRequest(
  span: Span,
  { operation, body }: VultrRequest,
  { resends = 0 }: SendContext,
  { method, address, port, scheme }: Server & { readonly method: string },
): void {
  span.note({
    'http.request.method': method,
    'server.address': address,
    'server.port': Number(port),
    'url.scheme': scheme,
    'vultr.operation': operation,
    ...(resends > 0 && { 'http.request.resend_count': resends }),
    ...(body !== undefined && { 'http.request.body.size': body.length }),
  });
}

function endSpan(span: Span, end: End, credential: string | undefined): void {
  if (span.isSampled) {
    const { status, errorType } = describeEnd(end);
    if (status !== '') span.note({ 'http.response.status_code': Number(status) });
    if (errorType !== '') {
      span.note({ 'error.type': errorType });
      span.fail('error' in end ? describeError(end.error, credential) : `Vultr answered ${status}.`);
    }
  }
  span.end();
}
