import type { MaybeSoon } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import type { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';
import type { CallEnd } from './call-end.ts';
import type { Evidence } from './evidence.ts';

/** The protocol that a call came by; `http` is JSON by the operation's HTTP rule, or a request that is passed on to Vultr. */
export type Transport = 'grpc' | 'http' | 'connect' | 'grpc_web';

/** A call on its way through the service, whichever transport brought it. */
export interface Call {
  readonly operation: Operation;
  /** The request message; empty when `verbatim` holds the request. */
  readonly request: Message;
  /** The HTTP request that is passed on to Vultr as it came; undefined: `request` holds the request. */
  readonly verbatim: VerbatimRequest | undefined;
  /** What the caller sent besides the request: lower-case names, several values joined by ", ". */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Aborts when the caller left, the deadline passed or the service goes down; its reason is a CallError. It is made when it is
   * first read, which a call that waits for nothing does not do.
   */
  readonly signal: AbortSignal;
  /** When the reply is due, in milliseconds since the epoch. */
  readonly deadline: number;
  /** The signal aborts then. */
  readonly abortsAtDeadline?: true;
  /** Names the call in logs and replies. */
  readonly requestId: string;
  /** The Vultr API key that the call is made with: the caller's, its account's or the service's own; undefined: none. */
  readonly credential: string | undefined;
  /** Whether the caller has brought that key, so that a response may repeat it. */
  readonly isOwnCredential: boolean;
  /**
   * To be asked once Vultr has refused the credential (401): another one to try, if there is one by now.
   */
  readonly renewCredential?: ((refused: string) => Promise<string | undefined>) | undefined;
  /** Who makes the call; undefined: callers are not known by name. */
  readonly caller: CallerShare | undefined;
  /** Names a creation, so that it happens once however often it is asked for; undefined: the caller has named none. */
  readonly idempotencyKey: string | undefined;
  /** How long a creation waits until what it makes is ready, in milliseconds; undefined: not at all. */
  readonly waitMs?: number | undefined;
  /** What is sent to the caller besides the reply, lower-case names: gRPC initial metadata, HTTP headers. */
  readonly responseMetadata: Map<string, string>;
  /** The same, sent after the reply; undefined: the transport has no trailers. */
  readonly responseTrailers?: Map<string, string> | undefined;
  /** The messages of a caller that streams them; `request` is empty then. */
  readonly requests: AsyncIterable<Message> | undefined;
}

/** A caller, as far as fairness and the record of creations are concerned. */
export interface CallerShare {
  readonly name: string;
  /** How telemetry names the caller; undefined: by its name. A caller that brings keys of its own has a name for each. */
  readonly label?: string | undefined;
  /** Requests a second of the budget that the caller may use at most; undefined: all that is free. */
  readonly ratePerSecond?: number | undefined;
}

/** An HTTP request that is passed on byte for byte. */
export interface VerbatimRequest {
  readonly method: string;
  /** As it came: nothing is decoded or folded. Plain: without dot segments and control characters. */
  readonly path: string;
  /** As it came, without the question mark; "" when there is none. */
  readonly query: string;
  /** Undefined: the caller gave none. */
  readonly contentType: string | undefined;
  /** Undefined: the caller gave none. */
  readonly accept: string | undefined;
  /** Undefined: there is none. */
  readonly body: Uint8Array | undefined;
}

/** A reply, or one message of a stream of replies. */
export interface Reply {
  /** The bytes of the response message. */
  toBinary(): Uint8Array;
  /** The response message as proto3 JSON text, in UTF-8. */
  toJson(): Uint8Array;
  /** Vultr's JSON in UTF-8, where the reply carries it inside a message of its own. Default: what toJson returns. */
  readonly payloadJson?: () => Uint8Array;
  /** What the HTTP side passes on as it is, where an operation's reply over HTTP is Vultr's own response. */
  readonly http?: HttpReply;
  /** The message as server-sent events, where it is more than one event with its JSON. */
  readonly eventText?: () => string;
  readonly origin?: ReplyOrigin;
}

/** How a reply came about, as far as its caller is told. */
export interface ReplyOrigin {
  /** How it stands in the cache of what is public; undefined: it is for this caller alone. */
  readonly cache?: CacheStatus | undefined;
  /** How often Vultr was asked until it answered, 1 or more; undefined: it was not asked, or more than one thing was. */
  readonly attempts?: number | undefined;
  /** For how long the caller was willing to wait until what it creates is ready, in milliseconds; undefined: it did not, or in vain. */
  readonly readyWithinMs?: number | undefined;
}

/** An HTTP response that is passed through. */
export interface HttpReply {
  readonly status: number;
  /** Undefined: a response without content. */
  readonly contentType: string | undefined;
  /** Further headers, lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where something from the public catalogue came from, and for how long it counts. */
export interface CacheStatus {
  /** `miss`: from Vultr just now. `hit`: kept and fresh. `stale`: kept, and older than it should be. */
  readonly state: 'hit' | 'miss' | 'stale';
  /** How long ago it came from Vultr, in milliseconds. */
  readonly ageMs: number;
  /** How long it is fresh from when it came, in milliseconds. */
  readonly freshMs: number;
}

/** Serves a unary call. Throws or rejects with a CallError; anything else becomes INTERNAL. */
export type UnaryHandler = (call: Call) => MaybeSoon<Reply>;

/** Serves a call with a stream. Throws like a UnaryHandler; ends early when the call's signal aborts. */
export type StreamHandler = (call: Call) => AsyncIterable<Reply>;

/** What serves an operation. */
export type Handler =
  | { readonly kind: 'unary'; readonly handle: UnaryHandler }
  | { readonly kind: 'server_streaming'; readonly handle: StreamHandler };

/** A call as a transport hands it to the pipeline. */
export interface Incoming {
  readonly operation: Operation;
  readonly transport: Transport;
  /** The form in which the replies are sent; undefined: the HTTP response that the operation has. */
  readonly form?: 'binary' | 'json' | undefined;
  /** The address of the caller, for the log. */
  readonly peer: string;
  /** The id that the transport would refuse the call under, where the caller gave none. Default: the call gets a new one. */
  readonly requestId?: string | undefined;
  /** What may prove who is calling. */
  evidence(): Evidence;
  /** As in Call. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Comes when the caller has left. */
  readonly ending: CallEnd;
  /** What the caller wants of a request that is passed on: to watch it, or to walk the list. Default: its response. */
  readonly view?: 'watch' | 'walk' | undefined;
  /** When the caller wants the reply at the latest, in milliseconds since the epoch; undefined: it did not say. */
  readonly deadline: number | undefined;
  /** Reads the request. Throws a CallError when it is too large, too slow, or not a request of the operation. */
  readonly read: () => MaybeSoon<IncomingRequest>;
  /** How the HTTP side was asked, for telemetry: its method, and the template that its path matched. */
  readonly http?: { readonly method: string; readonly route: string | undefined } | undefined;
  /** As in Call; the transport sends what it holds, also with a failure. */
  readonly responseMetadata: Map<string, string>;
  /** As in Call. */
  readonly responseTrailers?: Map<string, string> | undefined;
  /** As in Call. */
  readonly requests?: AsyncIterable<Message> | undefined;
}

/** A request as it is read: a message of the contract, or an HTTP request that is passed on. */
export type IncomingRequest =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'verbatim'; readonly request: VerbatimRequest };

/** A request that a transport refuses by itself. */
export interface RefusedRequest {
  readonly transport: Transport;
  /** The address of the caller, for the log. */
  readonly peer: string;
  /** What was asked for. */
  readonly target: string;
  /** The request id that the caller is told; undefined: none. */
  readonly requestId?: string | undefined;
}

/** The pipeline, as the transports see it. Everything it throws is a CallError. */
export interface Dispatcher {
  /** Serves a unary operation. A failure is a rejection. */
  unary(incoming: Incoming): MaybeSoon<Reply>;
  /** Serves an operation that streams its replies. Returning from the iteration ends the call. */
  stream(incoming: Incoming): AsyncIterable<Reply>;
  /** Records a request that belongs to no operation, or never reached one, for log and metrics. */
  refused(request: RefusedRequest, error: CallError): void;
}
