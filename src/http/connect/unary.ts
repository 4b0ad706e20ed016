import type { IncomingRequest } from '../../rpc/call.ts';
import type { CallError } from '../../status/call-error.ts';
import { conditionalReply } from '../conditional.ts';
import { toErrorResponse } from '../errors.ts';
import { send, serveCounted } from '../exchange.ts';
import { decompressor } from './encodings.ts';
import { connectStatus, toConnectError } from './failure.ts';
import { readGetRequest } from './get-request.ts';
import { decodeRequest, encodeReply } from './messages.ts';
import { plainHeaders } from './reply-headers.ts';
import { hold, type RpcCall, readWhole, toIncoming } from './rpc-call.ts';

/** Serves a unary call of the Connect protocol: a request and a response of HTTP, with nothing around the messages. */
export async function serveUnary(call: RpcCall): Promise<void> {
  const { request, passage, protocol, tools } = call;
  const incoming = toIncoming(call, () => readRequest(call));
  const reply = await serveCounted(tools, incoming);
  if (passage.isGone) return;
  const body = encodeReply(reply, protocol.codec);
  const { reply: response, headers } = conditionalReply(
    { method: request.method ?? '', ifNoneMatch: request.headers['if-none-match'] },
    { status: 200, contentType: protocol.contentType, body },
    reply.origin?.cache,
  );
  await send(tools, call, response, { ...headers, ...metadata(call) }, reply.origin?.cache !== undefined);
}

/** Sends a failure as a response of its own. */
export async function sendUnaryFailure(call: RpcCall, error: CallError): Promise<void> {
  const { headers } = toErrorResponse(error, undefined);
  const body = Buffer.from(JSON.stringify(toConnectError(error)));
  await send(
    call.tools,
    call,
    { status: connectStatus(error), contentType: 'application/json', body },
    { 'cache-control': 'no-store', ...metadata(call), ...headers },
  );
}

function metadata({ responseMetadata, responseTrailers }: RpcCall): Record<string, string> {
  return { ...plainHeaders(responseMetadata), ...plainHeaders(responseTrailers, 'trailer-') };
}

async function readRequest(call: RpcCall): Promise<IncomingRequest> {
  const { request, target, operation, protocol, tools } = call;
  const { maxBodyBytes } = tools.limits;
  const { message, encoding } =
    request.method === 'POST'
      ? { encoding: request.headers['content-encoding'], message: undefined }
      : readGetRequest(target.query, protocol);
  const decompress = decompressor(encoding, maxBodyBytes);
  const given = message ?? (await readWhole(call, maxBodyBytes));
  const bytes = decompress === undefined ? given : await decompress(given);
  if (bytes !== given) hold(call, bytes.length);
  return { kind: 'message', message: decodeRequest(operation, protocol.codec, bytes) };
}
