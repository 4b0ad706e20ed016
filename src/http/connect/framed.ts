import { setImmediate } from 'node:timers/promises';
import type { MaybeSoon } from '../../base/soon.ts';
import type { IncomingRequest, Reply } from '../../rpc/call.ts';
import { CallError } from '../../status/call-error.ts';
import { createMessage, type Message } from '../../transcoding/message.ts';
import { chooseEncoding } from '../accept.ts';
import { callerGone } from '../errors.ts';
import { send, serveCounted } from '../exchange.ts';
import { compressed } from '../response.ts';
import { writeChunk } from '../stream.ts';
import { Base64Reader } from './base64.ts';
import { ACCEPTED_ENCODINGS, type Decompress, decompressor } from './encodings.ts';
import { malformedFrames, messageTooLarge, notOneMessage, unexpectedCompression } from './errors.ts';
import { grpcTrailers, toConnectError } from './failure.ts';
import { COMPRESSED, type Frame, FrameReader, frame, HEAD_BYTES } from './frames.ts';
import { decodeRequest, encodeReply } from './messages.ts';
import { plainHeaders } from './reply-headers.ts';
import { single } from './request-headers.ts';
import { hold, type RpcCall, readWhole, toIncoming } from './rpc-call.ts';

/** The flag of the last frame, which holds how the call ended. */
const LAST = { streaming: 0b10, 'grpc-web': 0x80 } as const;

/** What is smaller gains nothing by compression. */
const MIN_COMPRESSED_BYTES = 1024;

/** How the frames of a reply are written. */
interface Outgoing {
  readonly encoding: 'br' | 'gzip' | undefined;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly message: (reply: Reply) => Promise<Uint8Array>;
  readonly last: (error: CallError | undefined) => Uint8Array;
}

/** Serves a call whose messages stand in frames, in both protocols that have them. Never throws: a failure is the last frame. */
export async function serveFramed(call: RpcCall): Promise<void> {
  const { operation, tools, passage } = call;
  const { dispatcher } = tools.options;
  const outgoing = toOutgoing(call);
  if (operation.kind === 'unary') {
    const incoming = toIncoming(call, () => readOnly(call));
    const body = await wholeBody(serveCounted(tools, incoming), outgoing);
    if (!passage.isGone) await sendWhole(call, outgoing, body);
    return;
  }
  const incoming =
    operation.kind === 'server_streaming'
      ? toIncoming(call, () => readOnly(call))
      : toIncoming(call, () => ({ kind: 'message', message: createMessage() }), readEach(call));
  await sendReplies(call, outgoing, dispatcher.stream(incoming));
}

/** A reply as the body of a response: its message, and how the call ended. */
async function wholeBody(reply: MaybeSoon<Reply>, outgoing: Outgoing): Promise<Uint8Array> {
  try {
    return Buffer.concat([await outgoing.message(await reply), outgoing.last(undefined)]);
  } catch (thrown) {
    return outgoing.last(CallError.from(thrown));
  }
}

/** Sends a failure that came before the call. */
export async function sendFramedFailure(call: RpcCall, error: CallError): Promise<void> {
  const outgoing = toOutgoing(call);
  await sendWhole(call, outgoing, outgoing.last(error));
}

function toOutgoing({ request, protocol, responseMetadata, responseTrailers }: RpcCall): Outgoing {
  const { kind, codec, isText, contentType } = protocol;
  const isConnect = kind === 'streaming';
  const prefix = isConnect ? 'connect-' : 'grpc-';
  const encoding = chooseEncoding(single(request.headers[`${prefix}accept-encoding`]));
  const asText = (bytes: Uint8Array): Uint8Array =>
    isText ? Buffer.from(Buffer.from(bytes).toString('base64')) : bytes;
  return {
    encoding,
    headers: () => ({
      ...plainHeaders(responseMetadata),
      'content-type': contentType,
      'cache-control': 'no-store',
      [`${prefix}accept-encoding`]: ACCEPTED_ENCODINGS.join(','),
      ...(encoding !== undefined && {
        [isConnect ? 'connect-content-encoding' : 'grpc-encoding']: encoding,
      }),
    }),
    message: async (reply) => {
      const plain = encodeReply(reply, codec);
      if (encoding === undefined || plain.length <= MIN_COMPRESSED_BYTES) return asText(frame(0, plain));
      const isKept = reply.origin?.cache !== undefined;
      return asText(frame(COMPRESSED, await compressed(plain, encoding, isKept)));
    },
    last: (error) => {
      const trailers = plainHeaders(responseTrailers);
      const text = isConnect ? endOfStream(error, trailers) : trailerLines(error, trailers);
      return asText(frame(LAST[isConnect ? 'streaming' : 'grpc-web'], Buffer.from(text)));
    },
  };
}

/** EndStreamResponse of the Connect protocol. */
function endOfStream(error: CallError | undefined, trailers: Readonly<Record<string, string>>): string {
  const metadata = Object.fromEntries(Object.entries(trailers).map(([name, value]) => [name, [value]]));
  return JSON.stringify({
    ...(error !== undefined && { error: toConnectError(error) }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  });
}

/** The trailers of gRPC-Web, which stand in the body as the header of HTTP/1.1 would. */
function trailerLines(error: CallError | undefined, trailers: Readonly<Record<string, string>>): string {
  return Object.entries({ ...trailers, ...grpcTrailers(error) })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

async function sendWhole(call: RpcCall, { headers }: Outgoing, body: Uint8Array): Promise<void> {
  const { 'content-type': contentType, ...others } = headers();
  await send(call.tools, call, { status: 200, contentType, body }, others);
}

/**
 * Sends a stream of replies, each as soon as it is there and no faster than the caller reads. The response begins with the
 * first of them, or with the end.
 */
async function sendReplies(call: RpcCall, outgoing: Outgoing, replies: AsyncIterable<Reply>): Promise<void> {
  const { request, response, passage, tools } = call;
  const { held, limits } = tools;
  const iterator = replies[Symbol.asyncIterator]();
  const write = async (bytes: Uint8Array): Promise<void> => {
    held.send(passage, request.socket, bytes.length);
    await writeChunk(response, bytes, {
      signal: passage.ending.signal,
      writeTimeoutMs: limits.writeTimeoutMs,
    });
  };
  let error: CallError | undefined;
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      const bytes = await outgoing.message(next.value);
      writeHead(call, outgoing);
      await write(bytes);
    }
  } catch (thrown) {
    error = CallError.from(thrown);
  } finally {
    await iterator.return?.();
  }
  if (passage.isGone) return;
  writeHead(call, outgoing);
  response.end(outgoing.last(error));
  // What the caller may still be sending must not stand in the way of its next request.
  request.on('error', () => undefined).resume();
}

function writeHead({ response }: RpcCall, { headers }: Outgoing): void {
  if (response.headersSent) return;
  response.writeHead(200, {
    ...headers(),
    'x-content-type-options': 'nosniff',
    // nginx and similar proxies would hold the messages back.
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
}

/** Reads a request that is to hold one message. */
async function readOnly(call: RpcCall): Promise<IncomingRequest> {
  const { protocol, tools } = call;
  const { maxBodyBytes } = tools.limits;
  const decompress = decompressorOf(call);
  const maxBytes = HEAD_BYTES + maxBodyBytes;
  const body = await readWhole(call, protocol.isText ? 4 * Math.ceil(maxBytes / 3) : maxBytes);
  const only = onlyFrame(protocol.isText ? wholeBase64(body) : body);
  return { kind: 'message', message: await readMessage(call, only, decompress) };
}

function wholeBase64(body: Uint8Array): Buffer {
  const reader = new Base64Reader();
  const bytes = reader.push(body);
  reader.end();
  return bytes;
}

function onlyFrame(body: Uint8Array): Frame {
  if (body.length === 0) throw notOneMessage('no');
  if (body.length < HEAD_BYTES) throw malformedFrames('The request ends in the middle of a message.');
  const end = HEAD_BYTES + Buffer.from(body.buffer, body.byteOffset, body.length).readUInt32BE(1);
  if (end > body.length) throw malformedFrames('The request ends in the middle of a message.');
  if (end < body.length) throw notOneMessage('more than one');
  return { flags: body[0] ?? 0, data: body.subarray(HEAD_BYTES) };
}

/** Reads the messages of a caller that streams them, as they arrive. */
async function* readEach(call: RpcCall): AsyncGenerator<Message> {
  const { request, proceed, protocol, tools } = call;
  const decompress = decompressorOf(call);
  const frames = new FrameReader({
    maxBytes: tools.limits.maxBodyBytes,
    hold: (bytes) => hold(call, bytes),
  });
  const base64 = protocol.isText ? new Base64Reader() : undefined;
  proceed();
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      for (const each of frames.push(base64?.push(chunk) ?? chunk)) {
        yield await readMessage(call, each, decompress);
        // One chunk can hold thousands of messages; others have their turn between them.
        await setImmediate();
      }
    }
  } catch (thrown) {
    if (thrown instanceof CallError || !request.destroyed) throw thrown;
    throw callerGone();
  }
  base64?.end();
  frames.end();
}

function decompressorOf({ request, protocol, tools }: RpcCall): Decompress | undefined {
  const header = protocol.kind === 'streaming' ? 'connect-content-encoding' : 'grpc-encoding';
  return decompressor(single(request.headers[header]), tools.limits.maxBodyBytes);
}

async function readMessage(
  call: RpcCall,
  { flags, data }: Frame,
  decompress: Decompress | undefined,
): Promise<Message> {
  const { operation, protocol, tools } = call;
  const { maxBodyBytes } = tools.limits;
  if ((flags & ~COMPRESSED) !== 0) throw malformedFrames('A message of the request has unknown flags.');
  if (data.length > maxBodyBytes) throw messageTooLarge(maxBodyBytes);
  const isCompressed = (flags & COMPRESSED) !== 0;
  if (isCompressed && decompress === undefined) throw unexpectedCompression();
  const bytes = isCompressed && decompress !== undefined ? await decompress(data) : data;
  return decodeRequest(operation, protocol.codec, bytes);
}
