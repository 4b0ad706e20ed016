import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Target } from './process.ts';

/** Asks one thing of a target, over and over. */
export interface Load {
  /** Asks until the time is up, with so many at a time, and returns how long each took, in milliseconds. */
  run(ms: number, concurrency: number): Promise<number[]>;
  close(): void;
}

/** What is asked. */
export interface Question {
  readonly protocol: 'http' | 'grpc';
  /** The path, or the rpc's full name with a slash in front; `count` tells one call from another. */
  readonly path: (count: number) => string;
  readonly headers?: (count: number) => Readonly<Record<string, string>>;
  /** The request message. Default: an empty one. */
  readonly message?: Buffer;
  /** How many connections the callers share; default: over HTTP one each, over gRPC four. */
  readonly connections?: number;
  /** Whom to trust, and what to show, on connections over TLS. Default: connections are not encrypted. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>;
}

/** Opens the connections of a load. */
export async function openLoad(target: Target, question: Question): Promise<Load> {
  return question.protocol === 'http' ? openHttp(target, question) : openGrpc(target, question);
}

/** Has so many callers at a time ask until the time is up. */
async function drive(
  ms: number,
  concurrency: number,
  ask: (caller: number) => Promise<void>,
): Promise<number[]> {
  const took: number[] = [];
  const end = performance.now() + ms;
  const caller = async (index: number): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      await ask(index);
      const after = performance.now();
      took.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, index) => caller(index)));
  return took;
}

/**
 * A client of HTTP/1.1 on bare sockets, since any other would cost more than the servers it measures. It reads what servers
 * send with a Content-Length or in chunks, and nothing else.
 */
function openHttp({ http }: Target, { path, headers = () => ({}), tls }: Question): Load {
  const [host = '', digits = ''] = http.split(':');
  const port = Number(digits);
  const open = (): Socket => (tls === undefined ? connect(port, host) : connectTls({ ...tls, host, port }));
  const sockets: Connection[] = [];
  let count = 0;
  return {
    run: (ms, concurrency) =>
      drive(ms, concurrency, (caller) => {
        let connection = sockets[caller];
        // A server ends a connection that is idle while others are measured.
        if (connection === undefined || !connection.isOpen) connection = new Connection(open());
        sockets[caller] = connection;
        count += 1;
        const lines = Object.entries(headers(count)).map(([name, value]) => `${name}: ${value}\r\n`);
        return connection.ask(`GET ${path(count)} HTTP/1.1\r\nhost: ${http}\r\n${lines.join('')}\r\n`);
      }),
    close: () => {
      for (const connection of sockets) connection.socket.destroy();
    },
  };
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

class Connection {
  readonly socket: Socket;
  #left = -1;
  #head = '';
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#reject(error));
    socket.on('close', () => this.#reject(new Error('The server closed the connection.')));
  }

  get isOpen(): boolean {
    return this.socket.writable;
  }

  ask(request: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.socket.write(request, 'latin1');
    });
  }

  #read(chunk: Buffer): void {
    if (this.#left < 0) {
      const end = chunk.indexOf('\r\n\r\n');
      this.#head += chunk.toString('latin1', 0, end < 0 ? chunk.length : end);
      if (end < 0) return;
      if (!this.#head.startsWith('HTTP/1.1 200'))
        this.#reject(new Error(`The server answered ${this.#head}`));
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1];
      // Without a length it is chunked, and ends with the last chunk, which is empty.
      this.#left =
        length === undefined ? Number.POSITIVE_INFINITY : Number(length) - (chunk.length - end - 4);
      this.#head = '';
    } else {
      this.#left -= chunk.length;
    }
    const isLastChunk =
      this.#left === Number.POSITIVE_INFINITY && chunk.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
    if (this.#left > 0 && !isLastChunk) return;
    this.#left = -1;
    this.#resolve();
  }
}

/** A client of gRPC on Node's HTTP/2 alone, for the same reason. */
async function openGrpc({ grpc }: Target, question: Question): Promise<Load> {
  const { path, headers = () => ({}), message = Buffer.alloc(0), connections = 4, tls } = question;
  const sessions = Array.from({ length: connections }, () =>
    connectHttp2(`${tls === undefined ? 'http' : 'https'}://${grpc}`, {
      ...tls,
      settings: { initialWindowSize: 1 << 20 },
    }),
  );
  await Promise.all(
    sessions.map(async (session) => {
      await once(session, 'connect');
      session.setLocalWindowSize(1 << 24);
    }),
  );
  const frame = Buffer.concat([Buffer.alloc(5), message]);
  frame.writeUInt32BE(message.length, 1);
  let count = 0;
  const ask = (caller: number): Promise<void> =>
    new Promise((resolve, reject) => {
      count += 1;
      const session = sessions[caller % sessions.length];
      if (session === undefined) throw new Error('There is no connection.');
      const stream = session.request({
        ':method': 'POST',
        ':path': path(count),
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers(count),
      });
      let status: string | undefined;
      const note = (fields: Record<string, unknown>): void => {
        status ??= fields['grpc-status'] as string | undefined;
      };
      stream.on('response', note).on('trailers', note).on('error', reject).resume();
      stream.on('end', () =>
        status === '0' ? resolve() : reject(new Error(`${path(count)} ended with ${status}`)),
      );
      stream.end(frame);
    });
  return {
    run: (ms, concurrency) => drive(ms, concurrency, ask),
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}
