import type { MaybeSoon } from '../../base/soon.ts';
import type { Operation } from '../../contract/operation.ts';
import type { Incoming, IncomingRequest } from '../../rpc/call.ts';
import { CallError } from '../../status/call-error.ts';
import type { Message } from '../../transcoding/message.ts';
import type { Exchange, Tools } from '../exchange.ts';
import { HttpIncoming } from '../incoming.ts';
import { type ReadBodyOptions, readBody } from '../request-body.ts';
import type { Protocol } from './protocol.ts';
import { checkVersion, rpcMetadata, timeoutOf } from './request-headers.ts';

/** A request that is a call of an rpc. */
export interface RpcCall extends Exchange {
  readonly tools: Tools;
  readonly operation: Operation;
  readonly protocol: Protocol;
  readonly responseMetadata: Map<string, string>;
  readonly responseTrailers: Map<string, string>;
}

/**
 * Turns it into what the pipeline takes.
 * @param read reads the request, once the headers are known to be in order
 * @param requests the messages of a caller that streams them
 */
export function toIncoming(
  call: RpcCall,
  read: () => MaybeSoon<IncomingRequest>,
  requests?: AsyncIterable<Message>,
): Incoming {
  const { operation, protocol, responseMetadata, responseTrailers, tools } = call;
  // Headers that cannot be read fail the call where its request is read, so that it is logged as one of its operation.
  const { metadata = new Map<string, string>(), timeoutMs, error } = readHeaders(call);
  return new HttpIncoming({
    exchange: call,
    operation,
    transport: protocol.kind === 'grpc-web' ? 'grpc_web' : 'connect',
    form: protocol.codec === 'proto' ? 'binary' : 'json',
    metadata,
    deadline: timeoutMs === undefined ? undefined : tools.now() + timeoutMs,
    responseMetadata,
    responseTrailers,
    read: () => {
      if (error !== undefined) throw error;
      return read();
    },
    requests,
  });
}

interface ReadHeaders {
  readonly metadata?: ReadonlyMap<string, string>;
  readonly timeoutMs?: number | undefined;
  readonly error?: CallError;
}

function readHeaders({ request: { rawHeaders, headers }, protocol }: RpcCall): ReadHeaders {
  try {
    checkVersion(headers, protocol);
    return { metadata: rpcMetadata(rawHeaders), timeoutMs: timeoutOf(headers, protocol) };
  } catch (thrown) {
    return { error: CallError.from(thrown) };
  }
}

/**
 * Reads the body, whole, within the time that a request has.
 * @param maxBytes the most that it may have
 */
export function readWhole(call: RpcCall, maxBytes: number): MaybeSoon<Uint8Array> {
  const { request, proceed, tools } = call;
  const { limits, now } = tools;
  const options: ReadBodyOptions = {
    limits: { ...limits, maxBodyBytes: maxBytes },
    deadline: now() + limits.requestTimeoutMs,
    now,
    hold: (bytes) => hold(call, bytes),
    proceed,
    isEncodedTaken: true,
  };
  return readBody(request, options);
}

/** Accounts for memory until the call is over. Throws a CallError when there is none left. */
export function hold({ tools, passage }: RpcCall, bytes: number): void {
  tools.held.receive(passage, bytes);
}
