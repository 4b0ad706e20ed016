import { clip } from '../base/text.ts';
import type { CallError } from '../status/call-error.ts';
import { CODES, type Code } from '../status/code.ts';
import { describeError, describeStack, redact } from './describe.ts';
import type { Logger } from './log.ts';

/** What is logged of a call: an allow-list, so that nothing of request or reply gets in by accident. */
export interface CallRecord {
  /** The full name of the rpc, or what was asked for when there is no such rpc. */
  readonly method: string;
  readonly transport: 'grpc' | 'http';
  readonly requestId: string | undefined;
  /** The address that the call came from. */
  readonly peer: string;
  /** The name of the caller; undefined: it is not known by name. */
  readonly caller?: string | undefined;
  /** How the caller was proven. */
  readonly proofs?: readonly string[] | undefined;
  readonly userAgent: string | undefined;
  /** Where the API key came from; never the key. */
  readonly credential: string | undefined;
  /** The API key itself, to be left out of the texts of errors. It is never written. */
  readonly secret?: string | undefined;
  readonly durationMs: number;
  readonly code: Code;
  /** How many messages were sent, for a stream. */
  readonly messages?: number;
  readonly error?: CallError | undefined;
}

/** Codes that tell of a fault on our side or Vultr's, as OpenTelemetry sorts them for servers. */
const FAULTS: ReadonlySet<Code> = new Set([
  'UNKNOWN',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'DEADLINE_EXCEEDED',
]);

/** Services that infrastructure calls all the time: logged at debug. */
const INFRASTRUCTURE = /^grpc\./;

/** Writes the one line of a call that is over. */
export function logCall(log: Logger, record: CallRecord): void {
  const { error, secret } = record;
  const line = {
    method: redact(record.method, secret),
    code: record.code,
    ms: Math.round(record.durationMs * 10) / 10,
    transport: record.transport,
    ...(record.requestId !== undefined && { request_id: redact(record.requestId, secret) }),
    peer: record.peer,
    ...(record.caller !== undefined && { caller: record.caller, proof: record.proofs?.join(',') }),
    ...(record.userAgent !== undefined && { user_agent: redact(record.userAgent, secret).slice(0, 200) }),
    ...(record.credential !== undefined && { credential: record.credential }),
    ...(record.messages !== undefined && { messages: record.messages }),
    ...(error !== undefined && { reason: error.reason, error: clip(redact(error.message, secret), 500) }),
    ...(error?.vultr !== undefined && { vultr_status: error.vultr.status }),
    // The inner fault is for the operator alone; only an unexpected one is worth its stack.
    ...(error?.cause !== undefined && {
      cause: (error.reason === 'INTERNAL_ERROR' ? describeStack : describeError)(error.cause, secret),
    }),
  };
  if (CODES[record.code].number !== 0 && FAULTS.has(record.code)) log.warn(line, 'call failed');
  else if (INFRASTRUCTURE.test(record.method)) log.debug(line, 'call');
  else log.info(line, 'call');
}
