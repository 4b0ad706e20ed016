import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  StatusObject,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import type { Operation } from '../contract/operation.ts';
import type { Dispatcher, Reply } from '../rpc/call.ts';
import { decodeMessage } from '../transcoding/decode-binary.ts';
import type { Message } from '../transcoding/message.ts';
import { type GrpcIncoming, toIncoming } from './incoming.ts';
import { keepFrame } from './kept-frames.ts';
import { toHeaderMetadata, toMetadata } from './metadata.ts';
import { toStatusObject } from './status.ts';

type WritableCall = ServerWritableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>;

/**
 * The grpc-js handler of an operation. grpc-js awaits no handler (a rejection ends the process) and sends the text of
 * whatever a handler throws to the caller, so these adapters are the only handlers that it is ever given.
 */
export function adapt(operation: Operation, dispatcher: Dispatcher): UntypedHandleCall {
  switch (operation.kind) {
    case 'unary':
      return unary(operation, dispatcher);
    case 'server_streaming':
      return serverStreaming(operation, dispatcher);
    case 'bidi_streaming':
      return bidiStreaming(operation, dispatcher);
    case 'client_streaming':
      return clientStreaming(operation, dispatcher);
  }
}

function unary(operation: Operation, dispatcher: Dispatcher): handleUnaryCall<Buffer, Uint8Array> {
  return (call, callback) => {
    const incoming = toIncoming(operation, call, call.request);
    const reply = dispatcher.unary(incoming);
    const send = (there: Reply): void => {
      // The pipeline has encoded it already, while the call could still fail.
      const bytes = there.toBinary();
      if (there.origin?.cache !== undefined) keepFrame(bytes);
      incoming.respond(bytes);
    };
    const fail = (thrown: unknown): void => {
      incoming.completed();
      callback(toStatusOf(incoming, thrown));
    };
    if (reply instanceof Promise) reply.then(send, fail);
    else send(reply);
  };
}

function serverStreaming(
  operation: Operation,
  dispatcher: Dispatcher,
): handleServerStreamingCall<Buffer, Uint8Array> {
  return (call) => {
    const incoming = toIncoming(operation, call, call.request);
    void pump(call, incoming, dispatcher.stream(incoming));
  };
}

function bidiStreaming(
  operation: Operation,
  dispatcher: Dispatcher,
): handleBidiStreamingCall<Buffer, Uint8Array> {
  return (call) => {
    const incoming = toIncoming(operation, call, undefined, decodeEach(operation, call));
    void pump(call, incoming, dispatcher.stream(incoming));
  };
}

/** The handler's one reply is the last thing of its stream. */
function clientStreaming(
  operation: Operation,
  dispatcher: Dispatcher,
): handleClientStreamingCall<Buffer, Uint8Array> {
  return (call, callback) => {
    const incoming = toIncoming(operation, call, undefined, decodeEach(operation, call));
    lastOf(dispatcher.stream(incoming)).then(
      (bytes) => {
        incoming.completed();
        call.sendMetadata(toHeaderMetadata(incoming.responseMetadata));
        callback(null, bytes, toTrailers(incoming));
      },
      (thrown: unknown) => {
        incoming.completed();
        callback(toStatusOf(incoming, thrown));
      },
    );
  };
}

async function lastOf(replies: AsyncIterable<Reply>): Promise<Uint8Array | null> {
  let bytes: Uint8Array | null = null;
  for await (const reply of replies) bytes = reply.toBinary();
  return bytes;
}

async function* decodeEach(
  operation: Operation,
  call: ServerDuplexStream<Buffer, Uint8Array> | ServerReadableStream<Buffer, Uint8Array>,
): AsyncGenerator<Message> {
  // The plain iterator of a duplex stream destroys its writing side, too, once the reading side has ended.
  for await (const bytes of call.iterator({ destroyOnReturn: false })) {
    yield decodeMessage(operation.input, bytes as Buffer);
  }
}

/** Sends the replies of a stream as fast as the caller takes them, one at a time, and its end. Never rejects. */
async function pump(
  call: WritableCall,
  incoming: GrpcIncoming,
  replies: AsyncIterable<Reply>,
): Promise<void> {
  let isMetadataSent = false;
  const sendMetadata = (): void => {
    if (!isMetadataSent) call.sendMetadata(toHeaderMetadata(incoming.responseMetadata));
    isMetadataSent = true;
  };
  try {
    for await (const reply of replies) {
      sendMetadata();
      await write(call, reply.toBinary(), incoming.ending.signal);
    }
    incoming.completed();
    sendMetadata();
    call.end(toTrailers(incoming));
  } catch (thrown) {
    incoming.completed();
    call.emit('error', toStatusOf(incoming, thrown));
  }
}

/** Writes a message and waits until the connection has taken it; a caller that leaves meanwhile ends the wait. */
function write(call: WritableCall, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
    else call.write(bytes, done);
  });
}

/** Hardly any reply has trailers of its own. */
function toTrailers({ responseTrailers }: GrpcIncoming): Metadata | undefined {
  return responseTrailers.size === 0 ? undefined : toMetadata(responseTrailers);
}

function toStatusOf(incoming: GrpcIncoming, thrown: unknown): StatusObject {
  const metadata = new Map([...incoming.responseMetadata, ...incoming.responseTrailers]);
  return toStatusObject(thrown, metadata, incoming.mayRepeat());
}
