import { peerAddress } from '../rpc/peer.ts';
import { type CallRecord, describeFailure } from './call-log.ts';
import { redact } from './describe.ts';
import { isFault } from './faults.ts';
import type { BeginSpan, Span, SpanAttributes, TraceContext } from './trace.ts';

/** Services that infrastructure calls all the time; their spans would tell nobody anything. */
const UNTRACED = 'grpc.';

/** Begins the span of a call; undefined: its service is not traced. */
export function beginCallSpan(
  begin: BeginSpan,
  method: string,
  parent: TraceContext | undefined,
): Span | undefined {
  return method.startsWith(UNTRACED) ? undefined : begin({ name: method, kind: 'server', parent });
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
    span.note(attributesOf(record, http));
    const { code, error } = record;
    if (isFault(code)) span.fail(error === undefined ? '' : describeFailure(error, record));
  }
  span.end();
}

/** One object, and always in this order: spreading several into one takes three times as long. */
function attributesOf(record: CallRecord, http: HttpAttributes | undefined): SpanAttributes {
  const { method, transport, code, peer, requestId, caller, credential, messages, secret, error } = record;
  const attributes: Record<string, string | number> = {
    'rpc.system.name': transport,
    'rpc.method': method,
    'rpc.status_code': code,
    'network.peer.address': peerAddress(peer),
  };
  if (requestId !== undefined) attributes['vultr.request_id'] = redact(requestId, secret);
  if (caller !== undefined) attributes['vultr.caller'] = caller;
  if (credential !== undefined) attributes['vultr.credential'] = credential;
  if (messages !== undefined) attributes['vultr.messages'] = messages;
  if (error !== undefined) {
    attributes['vultr.reason'] = error.reason;
    if (isFault(code)) attributes['error.type'] = error.reason;
    if (error.vultr !== undefined) attributes['vultr.status'] = error.vultr.status;
  }
  if (http !== undefined) attributes['http.request.method'] = http.method;
  if (http?.route !== undefined) attributes['http.route'] = http.route;
  return attributes;
}
