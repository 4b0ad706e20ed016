import { request as httpRequest } from 'node:http';
import { create, fromBinary, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { type CallOptions, Client, credentials, Metadata } from '@grpc/grpc-js';
import { closeAtEnd } from './opened.ts';
import { KEY } from './service.ts';
import { registry } from './v2/declared.ts';

/** A stream under way; its messages are read by another implementation than the one under test. */
export interface WatchStream {
  /** The next message; undefined at a good end. Rejects with a ServiceError. */
  next(): Promise<JsonObject | undefined>;
  /** All messages up to the end. */
  rest(): Promise<JsonObject[]>;
  cancel(): void;
  pause(): void;
  resume(): void;
}

/** A client of WatchService. */
export interface WatchClient {
  watch(request: object, options?: CallOptions): WatchStream;
  walk(request: object, options?: CallOptions): WatchStream;
}

/** Connects to the service. */
export function connectWatch(address: string, key = KEY): WatchClient {
  const client = new Client(address, credentials.createInsecure());
  closeAtEnd(() => client.close());

  function open(rpc: 'Watch' | 'Walk', request: object, options: CallOptions = {}): WatchStream {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${key}`);
    const input = typeOf(`vultr.v2.${rpc}Request`);
    const bytes = toBinary(input, create(input, request as Record<string, unknown>));
    const path = `/vultr.v2.WatchService/${rpc}`;
    const call = client.makeServerStreamRequest(
      path,
      (message: Uint8Array) => Buffer.from(message),
      (message: Buffer) => message,
      bytes,
      metadata,
      options,
    );
    call.on('error', () => undefined);
    const messages = call[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const output = typeOf(`vultr.v2.${rpc}Response`);
    const next = async (): Promise<JsonObject | undefined> => {
      const { done, value } = await messages.next();
      if (done === true) return undefined;
      return toJson(output, fromBinary(output, value), { registry }) as JsonObject;
    };
    return {
      next,
      rest: async () => {
        const all: JsonObject[] = [];
        for (let message = await next(); message !== undefined; message = await next()) all.push(message);
        return all;
      },
      cancel: () => call.cancel(),
      pause: () => call.pause(),
      resume: () => call.resume(),
    };
  }

  return {
    watch: (request, options) => open('Watch', request, options),
    walk: (request, options) => open('Walk', request, options),
  };
}

function typeOf(name: string) {
  const type = registry.getMessage(name);
  if (type === undefined) throw new Error(`The contract has no message ${name}.`);
  return type;
}

/** A server-sent event. */
export interface SentEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: JsonObject;
}

/** A response whose body is read as it comes. */
export interface EventStream {
  readonly status: number;
  readonly contentType: string | undefined;
  /** The next event; undefined at the end of the body. */
  next(): Promise<SentEvent | undefined>;
  rest(): Promise<SentEvent[]>;
  /** The next line, for JSON lines. */
  line(): Promise<string | undefined>;
  text(): Promise<string>;
  close(): void;
}

/** Opens a stream over HTTP. */
export function openEvents(
  address: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  const { hostname, port } = new URL(`http://${address}`);
  const all = { accept: 'text/event-stream', authorization: `Bearer ${KEY}`, ...headers };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ hostname, port, path: target, agent: false, headers: all }, (incoming) => {
      incoming.setEncoding('utf8');
      incoming.on('error', () => undefined);
      const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<string>;
      let buffer = '';
      const until = async (end: string): Promise<string | undefined> => {
        while (!buffer.includes(end)) {
          const { done, value } = await chunks.next();
          if (done === true) return undefined;
          buffer += value;
        }
        const at = buffer.indexOf(end);
        const text = buffer.slice(0, at);
        buffer = buffer.slice(at + end.length);
        return text;
      };
      const next = async (): Promise<SentEvent | undefined> => {
        for (;;) {
          const text = await until('\n\n');
          if (text === undefined) return undefined;
          if (text.startsWith(':')) continue;
          const fields = new Map(text.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]));
          return {
            event: fields.get('event') ?? 'message',
            id: fields.get('id'),
            data: JSON.parse(fields.get('data') ?? 'null'),
          };
        }
      };
      closeAtEnd(() => incoming.destroy());
      resolve({
        status: incoming.statusCode ?? 0,
        contentType: incoming.headers['content-type'],
        next,
        rest: async () => {
          const events: SentEvent[] = [];
          for (let event = await next(); event !== undefined; event = await next()) events.push(event);
          return events;
        },
        line: () => until('\n'),
        text: async () => {
          for (;;) {
            const { done, value } = await chunks.next();
            if (done === true) return buffer;
            buffer += value;
          }
        },
        close: () => incoming.destroy(),
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
