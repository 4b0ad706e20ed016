import type { Operation } from '../../contract/operation.ts';
import { loadKindOf } from '../../pipeline/shedder.ts';
import { formatPeer } from '../../rpc/peer.ts';
import { CallError } from '../../status/call-error.ts';
import { suggest } from '../../transcoding/suggest.ts';
import { checkHost, checkOrigin } from '../browser-guard.ts';
import { methodNotAllowed, toErrorResponse } from '../errors.ts';
import { type Exchange, requestIdOf, send, type Tools } from '../exchange.ts';
import { unknownRpc, wrongMediaType } from './errors.ts';
import { sendFramedFailure, serveFramed } from './framed.ts';
import { getProtocol } from './get-request.ts';
import { isMeantForRpc, type Protocol, protocolOf } from './protocol.ts';
import type { RpcCall } from './rpc-call.ts';
import { sendUnaryFailure, serveUnary } from './unary.ts';

/** Serves a request, to its end. Rejects when not even a failure could be sent. */
export type ServeRpc = (exchange: Exchange) => Promise<void>;

/** The path of an rpc: `/package.Service/Method`. */
const RPC_PATH = /^\/[A-Za-z_]\w*(?:\.\w+)*\/\w+$/;

/**
 * Finds the requests that are calls of rpcs by the Connect protocol (https://connectrpc.com/docs/protocol) or by gRPC-Web
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md), and serves them.
 * @returns a function that returns what serves a request; undefined: it is no such call
 */
export function createRpcRoutes(
  tools: Tools,
  served: readonly Operation[],
): (exchange: Exchange) => ServeRpc | undefined {
  const operations = new Map(served.map((operation) => [`/${operation.name}`, operation]));
  return ({ request, target: { path } }) => {
    const operation = operations.get(path);
    if (operation !== undefined)
      return async (exchange) => {
        exchange.route = path;
        await serve(tools, exchange, operation);
      };
    if (!RPC_PATH.test(path) || !isMeantForRpc(request.headers)) return undefined;
    return (exchange) => refuse(tools, exchange, unknownRpc(suggest(path, operations.keys())));
  };
}

async function serve(tools: Tools, exchange: Exchange, operation: Operation): Promise<void> {
  let call: RpcCall;
  try {
    call = toCall(tools, exchange, operation);
  } catch (thrown) {
    await refuse(tools, exchange, CallError.from(thrown));
    return;
  }
  try {
    const { corsOrigins = [], allowedHosts } = tools.options;
    checkHost(allowedHosts, exchange.request.headers);
    checkOrigin(corsOrigins, exchange.request.headers, operation.effect);
  } catch (thrown) {
    const error = CallError.from(thrown);
    call.responseMetadata.set('x-request-id', note(tools, exchange, error));
    await sendFailure(call, error);
    return;
  }
  const overload = tools.shedder.objection(loadKindOf(operation), exchange.waitedMs);
  if (overload !== undefined) {
    // There may be thousands of them, so that they are counted and not logged.
    call.responseMetadata.set('x-request-id', requestIdOf(exchange));
    await sendFailure(call, overload);
    return;
  }
  if (call.protocol.kind === 'unary')
    await serveUnary(call).catch((thrown: unknown) => sendFailure(call, CallError.from(thrown)));
  else await serveFramed(call);
}

/** @throws CallError for a request that its protocol cannot be told of, or that the rpc cannot be called by */
function toCall(tools: Tools, exchange: Exchange, operation: Operation): RpcCall {
  const protocol = chooseProtocol(exchange, operation);
  const { kind, name } = operation;
  if (protocol.kind === 'unary' && kind !== 'unary')
    throw wrongMediaType(
      protocol.contentType,
      `${name} streams: it is called with application/connect+proto or application/connect+json, or by gRPC-Web.`,
    );
  if (protocol.kind === 'streaming' && kind === 'unary')
    throw wrongMediaType(
      protocol.contentType,
      `${name} does not stream: it is called with application/proto or application/json, or by gRPC-Web.`,
    );
  return {
    ...exchange,
    tools,
    operation,
    protocol,
    responseMetadata: new Map(),
    responseTrailers: new Map(),
  };
}

function chooseProtocol({ request, target }: Exchange, operation: Operation): Protocol {
  const { method = '', headers } = request;
  const isCacheable = operation.kind === 'unary' && operation.idempotency === 'NO_SIDE_EFFECTS';
  if (isCacheable && (method === 'GET' || method === 'HEAD')) return getProtocol(target.query);
  if (method !== 'POST') throw methodNotAllowed(method, isCacheable ? ['GET', 'HEAD', 'POST'] : ['POST']);
  const protocol = protocolOf(headers['content-type']);
  if (protocol === undefined)
    throw wrongMediaType(
      headers['content-type'],
      'An rpc is called with application/json or application/proto (Connect), or with application/grpc-web+proto.',
    );
  return protocol;
}

/**
 * Refuses a request before its protocol counts, in words for people: a client takes what it needs from the HTTP status, and
 * JSON for an error of its protocol.
 */
async function refuse(tools: Tools, exchange: Exchange, error: CallError): Promise<void> {
  const requestId = note(tools, exchange, error);
  endAfter(exchange, tools, error);
  const { status, headers } = toErrorResponse(error, undefined);
  const reply = {
    status,
    contentType: 'text/plain; charset=utf-8',
    body: Buffer.from(`${error.message}\n`),
  };
  await send(tools, exchange, reply, { ...headers, 'x-request-id': requestId });
}

async function sendFailure(call: RpcCall, error: CallError): Promise<void> {
  if (call.response.headersSent || call.response.destroyed) {
    // It is too late to report it: the connection ends abnormally, so that the response does not look complete.
    call.response.destroy();
    return;
  }
  endAfter(call, call.tools, error);
  await (call.protocol.kind === 'unary' ? sendUnaryFailure : sendFramedFailure)(call, error);
}

/** Failures after which there is no telling how much more of the body will come. */
const ENDLESS: readonly string[] = ['REQUEST_TOO_LARGE', 'REQUEST_TIMEOUT'];

/**
 * Ends the connection with the response when the rest of the body is not worth waiting for. Otherwise node reads it and
 * throws it away: closing on a caller that is still sending would cost it the response.
 */
function endAfter({ request, response }: Exchange, { limits }: Tools, { reason }: CallError): void {
  const isLong = Number(request.headers['content-length'] ?? 0) > limits.maxBodyBytes;
  if (!request.complete && (isLong || ENDLESS.includes(reason))) response.setHeader('connection', 'close');
}

/**
 * A request that never becomes a call is logged and counted, too.
 * @returns the id under which it is logged
 */
function note({ options: { dispatcher } }: Tools, exchange: Exchange, error: CallError): string {
  const { request, target } = exchange;
  const requestId = requestIdOf(exchange);
  dispatcher.refused(
    { transport: 'http', peer: formatPeer(request.socket), target: target.path, requestId },
    error,
  );
  return requestId;
}
