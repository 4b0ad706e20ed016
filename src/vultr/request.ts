import type { MaybeSoon } from '../base/soon.ts';
import type { CacheStatus, CallerShare } from '../rpc/call.ts';

/** One request to Vultr, ready to be written to the wire. */
export interface VultrRequest {
  /** The name of the rpc that asks, for telemetry. */
  readonly operation: string;
  /** The HTTP method. */
  readonly method: string;
  /** The path, encoded, from `/v2/` on. It is sent byte for byte. */
  readonly path: string;
  /** The query, encoded, without the question mark; empty: none. It never holds a credential. */
  readonly query: string;
  /** Undefined: no body. */
  readonly body: Uint8Array | undefined;
  /** The media type of the body; undefined: application/json. */
  readonly contentType?: string | undefined;
  /** What the caller accepts; undefined: application/json. */
  readonly accept?: string | undefined;
  /** The headers that tell Vultr of the trace which the request belongs to; undefined: it is not told. */
  readonly traceHeaders?: Readonly<Record<string, string>>;
  /** Who asks; undefined: callers are told apart by their credentials. */
  readonly caller?: CallerShare | undefined;
  /** The API key; undefined: none. A public request is sent without, whatever stands here. */
  readonly credential: string | undefined;
  /** What is at stake: it changes something, somebody waits for a response, or a watch polls. */
  readonly kind: 'change' | 'read' | 'poll';
  /** Whether it makes something new. Default: no. */
  readonly creates?: boolean;
  /** Whether the operation's `idempotency_level` allows to send it again after a failure. */
  readonly repeatable: boolean;
  /** Whether Vultr serves it without a credential. */
  readonly isPublic: boolean;
}

/** What bounds a request in time. */
export interface SendContext {
  /** Aborts when the response is of no use any more; its reason should be a CallError. */
  readonly signal: AbortSignal;
  /** When the response is due, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Whether the signal aborts at the deadline, so that nobody else has to see to that. Default: no. */
  readonly abortsAtDeadline?: boolean;
  /** Vultr's edge answered 429 to the attempt before, which had a permit: this one goes before others. */
  readonly throttled?: boolean;
  /** How often the request was sent before this attempt. Default: never. */
  readonly resends?: number;
  /** Called before each attempt is handed to the connection: from then on Vultr may have seen the request. */
  readonly onSend?: () => void;
}

/** A response of Vultr. Most of its headers are dropped: one of them is the account's e-mail address. */
export interface VultrResponse {
  /** The HTTP status. */
  readonly status: number;
  /** The Content-Type header; empty: there was none. */
  readonly contentType: string;
  /** The body as it came; empty where there is none. */
  readonly body: Uint8Array;
  /** The Location header of a redirect. */
  readonly location?: string;
  /** The Retry-After header. */
  readonly retryAfter?: string;
  /** How often the request was sent until this response came, 1 or more. */
  readonly attempts: number;
  /** Undefined: the cache had no part in the response. */
  readonly cache?: CacheStatus;
  /** For how long its caller was willing to wait until what was created is ready, in milliseconds, when it is. */
  readonly readyWithinMs?: number;
}

/** Sends a request. Resolves with a success or a redirect, rejects with a CallError in every other case. */
export type Send = (request: VultrRequest, context: SendContext) => Promise<VultrResponse>;

/** The same for whoever asks first of all: what is kept is there at once. */
export type SendOrRecall = (request: VultrRequest, context: SendContext) => MaybeSoon<VultrResponse>;

/** A layer around Send: what it returns uses `next` as often as it sees fit. */
export type Stage = (next: Send) => Send;
