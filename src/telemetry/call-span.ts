import { clip } from '../base/text.ts';
import type { CallRecord } from './call-log.ts';
import { redact } from './describe.ts';
import { isFault } from './faults.ts';
import type { BeginSpan, Span, SpanAttributes, TraceContext } from './trace.ts';

/** Services that infrastructure calls all the time; their spans would tell nobody anything. */
const UNTRACED = /^grpc\./;

/** Begins the span of a call; undefined: its service is not traced. */
export function beginCallSpan(
  begin: BeginSpan,
  method: string,
  parent: TraceContext | undefined,
): Span | undefined {
  return UNTRACED.test(method) ? undefined : begin({ name: method, kind: 'server', parent });
}

/** How the HTTP side was asked, by the names that its metrics have. */
export interface HttpAttributes {
  readonly method: string;
  readonly route: string | undefined;
}

/**
 * Ends the span of a call, with what its line in the log says: the same allow-list, so that nothing of request and reply gets
 * in. Redacting costs more than the rest, so it is done only for what is sampled.
 */
export function endCallSpan(span: Span, record: CallRecord, http: HttpAttributes | undefined): void {
  if (span.isSampled) {
    span.note({ ...ofCall(record), ...ofFailure(record), ...(http !== undefined && ofHttp(http)) });
    if (isFault(record.code)) span.fail(clip(redact(record.error?.message ?? '', record.secret), 500));
  }
  span.end();
}

function ofCall(record: CallRecord): SpanAttributes {
  const { method, transport, code, peer, requestId, caller, credential, messages, secret } = record;
  return {
    'rpc.system.name': transport,
    'rpc.method': method,
    'rpc.status_code': code,
    'network.peer.address': peer.replace(/:\d+$/, ''),
    ...(requestId !== undefined && { 'vultr.request_id': redact(requestId, secret) }),
    ...(caller !== undefined && { 'vultr.caller': caller }),
    ...(credential !== undefined && { 'vultr.credential': credential }),
    ...(messages !== undefined && { 'vultr.messages': messages }),
  };
}

function ofFailure({ error, code }: CallRecord): SpanAttributes {
  if (error === undefined) return {};
  return {
    'vultr.reason': error.reason,
    ...(isFault(code) && { 'error.type': error.reason }),
    ...(error.vultr !== undefined && { 'vultr.status': error.vultr.status }),
  };
}

function ofHttp({ method, route }: HttpAttributes): SpanAttributes {
  return { 'http.request.method': method, ...(route !== undefined && { 'http.route': route }) };
}
