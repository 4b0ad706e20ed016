import type { MaybeSoon } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import type { CallerShare } from '../rpc/call.ts';
import type { VultrResponse } from './request.ts';

/** The one door to Vultr. The client implements it, idempotency wraps it, and handlers know nothing else of the way. */
export interface Vultr {
  /**
   * Asks Vultr for an operation.
   * @param operation what is asked for: its name, effect and options decide how the request is treated on the way
   * @param request the HTTP request, which is sent byte for byte
   * @returns a success or a redirect; at once when the cache has it
   * @throws CallError, as a rejection, whatever Vultr's failure maps to; UNAUTHENTICATED without asking when the operation needs a credential
   *   and there is none
   */
  call(
    operation: UpstreamOperation,
    request: UpstreamRequest,
    options: CallOptions,
  ): MaybeSoon<VultrResponse>;
}

/** What the way to Vultr has to know of an operation. */
export type UpstreamOperation = Pick<
  Operation,
  'name' | 'effect' | 'create' | 'idempotency' | 'isPublic' | 'isForm' | 'bindings'
>;

/** An HTTP request to Vultr. */
export interface UpstreamRequest {
  readonly method: string;
  /** Encoded, from the slash on. */
  readonly path: string;
  /** Encoded, without the question mark; "" when there is none. */
  readonly query: string;
  /** Undefined: there is none. */
  readonly body: Uint8Array | undefined;
  /** The media type of the body. Default: application/json, which Vultr wants even without a body. */
  readonly contentType?: string | undefined;
  /** Default: application/json. */
  readonly accept?: string | undefined;
}

/** On whose behalf a request is made, and what bounds it. A Call has all of it. */
export interface CallOptions {
  /** The Vultr API key; undefined: none. */
  readonly credential: string | undefined;
  /**
   * Whether whoever makes the call has brought that key, so that a response may repeat it. Default: no, it is the service's
   * own or an account's, and callers must not learn it.
   */
  readonly isOwnCredential?: boolean;
  /** To be asked once Vultr has refused the credential (401): another one to try, if there is one by now. */
  readonly renewCredential?: ((refused: string) => Promise<string | undefined>) | undefined;
  /** Aborts when the response is of no use any more; its reason should be a CallError. */
  readonly signal: AbortSignal;
  /** When the response is due, in milliseconds since the epoch. */
  readonly deadline: number;
  /** As in SendContext. A Call says yes. */
  readonly abortsAtDeadline?: boolean;
  /** Who makes the call; undefined: callers are told apart by their credentials. */
  readonly caller?: CallerShare | undefined;
  /** Names a creation, so that it happens once however often it is asked for. */
  readonly idempotencyKey?: string | undefined;
  /** How long a creation waits until what it makes is ready, in milliseconds. Default: not at all. */
  readonly waitMs?: number | undefined;
  /** Whether this is a poll on behalf of a watch, which waits for everything else. Default: no. */
  readonly isPoll?: boolean;
  /** Called before each attempt is handed to the connection: from then on Vultr may have seen the request. */
  readonly onSend?: () => void;
}

/** The options of a call with some of them changed. Its signal is made by that. */
export function changeOptions(options: CallOptions, changes: Partial<CallOptions>): CallOptions {
  const { credential, isOwnCredential = false, renewCredential, signal, deadline } = options;
  const { caller, idempotencyKey, waitMs, isPoll = false, onSend } = options;
  return {
    credential,
    isOwnCredential,
    renewCredential,
    signal,
    deadline,
    caller,
    idempotencyKey,
    waitMs,
    isPoll,
    ...(onSend !== undefined && { onSend }),
    ...changes,
  };
}
