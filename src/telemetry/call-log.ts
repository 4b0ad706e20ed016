import { clip } from '../base/text.ts';
import type { Transport } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';
import { describeError, describeStack, redact } from './describe.ts';
import { isFault } from './faults.ts';
import type { Logger } from './log.ts';

/** What is logged of a call: an allow-list, so that nothing of request or reply gets in by accident. */
export interface CallRecord {
  /** The full name of the rpc, or what was asked for when there is no such rpc. */
  readonly method: string;
  readonly transport: Transport;
  readonly requestId: string | undefined;
  /** Whether method and id are this service's own words. Those of callers may hold a secret. Default: they are the caller's. */
  readonly isOwn?: { readonly method: boolean; readonly requestId: boolean };
  /** The address that the call came from, as Node writes it: there is nothing in it that JSON would have to escape. */
  readonly peer: string;
  /** The name of the caller, in which JSON would have nothing to escape, either; undefined: it is not known by name. */
  readonly caller?: string | undefined;
  /** How the caller was proven. */
  readonly proofs?: readonly string[] | undefined;
  readonly userAgent: string | undefined;
  /** Where the API key came from; never the key. */
  readonly credential: string | undefined;
  /** The API key itself, to be left out of the texts of errors. It is never written. */
  readonly secret?: string | undefined;
  /**
   * Takes what the request holds of secrets out of the text of an error, in which Vultr may repeat it. Default: nothing is taken
   * out.
   */
  readonly maskError?: ((text: string) => string) | undefined;
  readonly durationMs: number;
  readonly code: Code;
  /** The trace that the call belongs to; undefined: none. Without a span: this service does not trace. */
  readonly trace?: { readonly traceId: string; readonly spanId?: string | undefined } | undefined;
  /** How many messages were sent, for a stream. */
  readonly messages?: number | undefined;
  readonly error?: CallError | undefined;
}

/** Services that infrastructure calls all the time: logged at debug. */
const INFRASTRUCTURE = 'grpc.';

/** Writes the one line of a call that is over. */
export function logCall(logger: Logger, record: CallRecord): void {
  const level = levelOf(record);
  if (!logger.isLevelEnabled(level)) return;
  const log = logger.members;
  const members = membersOf(record);
  if (level === 'warn') log.warn(members, 'call failed');
  else if (level === 'debug') log.debug(members, 'call');
  else log.info(members, 'call');
}

function levelOf({ code, method }: CallRecord): 'debug' | 'info' | 'warn' {
  // A method that does not exist is no fault of anybody who reads the log.
  if (isFault(code) && code !== 'UNIMPLEMENTED') return 'warn';
  return method.startsWith(INFRASTRUCTURE) ? 'debug' : 'info';
}

/** The members of the line, as JSON. They are always the same, so they are written one after the other. */
function membersOf(record: CallRecord): string {
  const { method, error, secret, requestId, caller, proofs, userAgent, credential, messages, trace } = record;
  const own = record.isOwn ?? NOT_OWN;
  let line = `"method":${own.method ? plain(method) : text(redact(method, secret))},"code":"${record.code}"`;
  line += `,"ms":${Math.round(record.durationMs * 10) / 10},"transport":"${record.transport}"`;
  if (requestId !== undefined)
    line += `,"request_id":${own.requestId ? plain(requestId) : text(redact(requestId, secret))}`;
  line += `,"peer":${plain(record.peer)}`;
  if (caller !== undefined) line += `,"caller":${plain(caller)},"proof":${plain(proofs?.join(',') ?? '')}`;
  if (userAgent !== undefined) line += `,"user_agent":${text(redact(userAgent, secret).slice(0, 200))}`;
  if (credential !== undefined) line += `,"credential":${plain(credential)}`;
  if (trace !== undefined) line += `,"trace_id":"${trace.traceId}"`;
  if (trace?.spanId !== undefined) line += `,"span_id":"${trace.spanId}"`;
  if (messages !== undefined) line += `,"messages":${messages}`;
  if (error !== undefined) line += membersOfError(error, record);
  return line;
}

function membersOfError(
  error: CallError,
  { secret, maskError = same }: Pick<CallRecord, 'secret' | 'maskError'>,
): string {
  const { reason, vultr, cause } = error;
  let members = `,"reason":"${reason}","error":${text(describeFailure(error, { secret, maskError }))}`;
  if (vultr !== undefined) members += `,"vultr_status":${vultr.status}`;
  if (cause !== undefined) {
    // The inner fault is for the operator alone; only an unexpected one is worth its stack.
    const describe = reason === 'INTERNAL_ERROR' ? describeStack : describeError;
    members += `,"cause":${text(maskError(describe(cause, secret)))}`;
  }
  return members;
}

/** What log and traces say of why a call failed. */
export function describeFailure(
  { message }: CallError,
  { secret, maskError = same }: Pick<CallRecord, 'secret' | 'maskError'>,
): string {
  return clip(redact(maskError(message), secret), 500);
}

const same = (text: string): string => text;

const NOT_OWN = { method: false, requestId: false };

const text = (value: string): string => JSON.stringify(value);

/** The same of a text in which nothing has to be escaped. */
const plain = (value: string): string => `"${value}"`;
