import type { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';
import type { Operation } from '../contract/operation.ts';

/** A call on its way through the service, whichever transport brought it. */
export interface Call {
  readonly operation: Operation;
  readonly request: Message;
  /** What the caller sent besides the request: lower-case names, several values joined by ", ". */
  readonly metadata: ReadonlyMap<string, string>;
  /** Aborts when the caller left, the deadline passed or the service goes down; its reason is a CallError. */
  readonly signal: AbortSignal;
  /** When the answer is due, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Names the call in logs and answers. */
  readonly requestId: string;
  /** The caller's Vultr API key, or the service's own; undefined when there is neither. */
  readonly credential: string | undefined;
  /** What is sent to the caller besides the answer, lower-case names: gRPC initial metadata, HTTP headers. */
  readonly responseMetadata: Map<string, string>;
  /** The messages of a caller that streams them; `request` is empty then. */
  readonly requests: AsyncIterable<Message> | undefined;
}

/** An answer, or one message of a stream of answers. */
export interface Reply {
  /** The bytes of the response message. */
  toBinary(): Uint8Array;
  /** The response message as proto3 JSON text, in UTF-8. */
  toJson(): Uint8Array;
  /** What the HTTP side passes on as it is, where an operation's answer over HTTP is Vultr's own. */
  readonly http?: HttpAnswer;
}

/** An HTTP answer that is passed through. */
export interface HttpAnswer {
  readonly status: number;
  /** Undefined: an answer without content. */
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}

/** Answers a unary call. Throws a CallError; anything else that is thrown becomes INTERNAL. */
export type UnaryHandler = (call: Call) => Promise<Reply>;

/** Answers a call with a stream. Throws like a UnaryHandler; ends early when the call's signal aborts. */
export type StreamHandler = (call: Call) => AsyncIterable<Reply>;

/** What serves an operation. */
export type Handler =
  | { readonly kind: 'unary'; readonly handle: UnaryHandler }
  | { readonly kind: 'server_streaming'; readonly handle: StreamHandler };

/** A call as a transport hands it to the pipeline. */
export interface Incoming {
  readonly operation: Operation;
  readonly transport: 'grpc' | 'http';
  /** The address of the caller, for the log. */
  readonly peer: string;
  /** As in Call. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Aborts when the caller left; its reason is a CallError. */
  readonly signal: AbortSignal;
  /** When the caller wants the answer at the latest, in milliseconds since the epoch; undefined: it did not say. */
  readonly deadline: number | undefined;
  /** Reads the request. Throws a CallError when it is too large, too slow, or not a message of the operation. */
  readonly decode: () => Message | Promise<Message>;
  /** As in Call; the transport sends what it holds, also with a failure. */
  readonly responseMetadata: Map<string, string>;
  /** As in Call. */
  readonly requests?: AsyncIterable<Message>;
}

/** The pipeline, as the transports see it. Everything it throws is a CallError. */
export interface Dispatcher {
  /** Answers a unary operation. */
  unary(incoming: Incoming): Promise<Reply>;
  /** Answers an operation that streams its answers. Returning from the iteration ends the call. */
  stream(incoming: Incoming): AsyncIterable<Reply>;
  /** Takes note of a request that belongs to no operation, for log and metrics. */
  refused(request: { transport: 'grpc' | 'http'; peer: string; target: string }, error: CallError): void;
}
