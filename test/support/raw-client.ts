import { type CallOptions, Client, credentials, Metadata } from '@grpc/grpc-js';
import { closeAtEnd } from './opened.ts';

/** A client that knows no contract: paths and bytes. */
export interface RawClient {
  /** Calls a unary rpc. Rejects with a ServiceError. */
  unary(path: string, request: Uint8Array, metadata?: Metadata, options?: CallOptions): Promise<Buffer>;
  /** Sends messages one after the other, each after the reply to the one before, and reads the replies. */
  converse(path: string, requests: readonly Uint8Array[]): Promise<Buffer[]>;
  /** Begins a call whose replies stream. */
  stream(path: string, request: Uint8Array): RawStream;
}

/** Replies that stream. */
export interface RawStream {
  /** The next reply; undefined at a good end. Rejects with a ServiceError. */
  next(): Promise<Buffer | undefined>;
  cancel(): void;
}

/** Connects to any gRPC server. */
export function connectRaw(address: string): RawClient {
  const client = new Client(address, credentials.createInsecure());
  closeAtEnd(() => client.close());
  return {
    unary: (path, request, metadata = new Metadata(), options = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, toBuffer, same, request, metadata, options, (error, response) => {
          if (error === null) resolve(response ?? Buffer.alloc(0));
          else reject(error);
        });
      }),
    async converse(path, requests) {
      const call = client.makeBidiStreamRequest(path, toBuffer, same, new Metadata(), {});
      call.on('error', () => undefined);
      const replies = call[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const received: Buffer[] = [];
      for (const request of requests) {
        call.write(request);
        const { done, value } = await replies.next();
        if (done === true) return received;
        received.push(value);
      }
      call.end();
      for (;;) {
        const { done, value } = await replies.next();
        if (done === true) return received;
        received.push(value);
      }
    },
    stream(path, request) {
      const call = client.makeServerStreamRequest(path, toBuffer, same, request, new Metadata(), {});
      call.on('error', () => undefined);
      const replies = call[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      return {
        next: async () => {
          const { done, value } = await replies.next();
          return done === true ? undefined : value;
        },
        cancel: () => call.cancel(),
      };
    },
  };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
