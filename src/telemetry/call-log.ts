import type { CallError } from '../status/call-error.ts';
import { CODES, type Code } from '../status/code.ts';
import type { Logger } from './log.ts';

/** What is logged of a call: an allow-list, so that nothing of request or answer gets in by accident. */
export interface CallRecord {
  /** The full name of the rpc, or what was asked for when there is no such rpc. */
  readonly method: string;
  readonly transport: 'grpc' | 'http';
  readonly requestId: string | undefined;
  /** The address of the caller. */
  readonly caller: string;
  readonly userAgent: string | undefined;
  /** Where the API key came from; never the key. */
  readonly credential: string | undefined;
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
  const { error } = record;
  const line = {
    method: record.method,
    code: record.code,
    ms: Math.round(record.durationMs * 10) / 10,
    transport: record.transport,
    ...(record.requestId !== undefined && { request_id: record.requestId }),
    caller: record.caller,
    ...(record.userAgent !== undefined && { user_agent: record.userAgent.slice(0, 200) }),
    ...(record.credential !== undefined && { credential: record.credential }),
    ...(record.messages !== undefined && { messages: record.messages }),
    ...(error !== undefined && { reason: error.reason, error: error.message.slice(0, 500) }),
    ...(error?.vultr !== undefined && { vultr_status: error.vultr.status }),
    // The inner fault is for the operator alone; only an unexpected one is worth its stack.
    ...(error?.cause !== undefined && { cause: describe(error.cause, error.reason === 'INTERNAL_ERROR') }),
  };
  if (CODES[record.code].number !== 0 && FAULTS.has(record.code)) log.warn(line, 'call failed');
  else if (INFRASTRUCTURE.test(record.method)) log.debug(line, 'call');
  else log.info(line, 'call');
}

function describe(cause: unknown, withStack: boolean): string {
  if (!(cause instanceof Error)) return String(cause).slice(0, 500);
  return (withStack && cause.stack !== undefined ? cause.stack : `${cause.name}: ${cause.message}`).slice(
    0,
    4_000,
  );
}
