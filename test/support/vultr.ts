import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { SendContext, VultrRequest } from '../../src/vultr/request.ts';
import { createStages, type StageOptions, type Stages } from '../../src/vultr/stages.ts';

/** An upstream on a free port of this machine. It is closed when the test ends. */
export interface Upstream {
  readonly url: string;
  /** Every connection ever opened. */
  readonly connections: readonly Socket[];
  close(): Promise<void>;
}

/** The start of a raw response; further headers may follow. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';

/** An upstream that speaks HTTP. */
export function startHttp(listener: RequestListener): Promise<Upstream> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener);
  return listen(server);
}

/** An upstream that writes what it likes. */
export function startTcp(onConnection: (socket: Socket) => void): Promise<Upstream> {
  return listen(
    createTcpServer((socket) => {
      onConnection(socket);
      // A socket that nobody reads never learns that the other side has left.
      socket.resume();
    }),
  );
}

/** An upstream that waits for the head of each request and then answers with raw bytes; `close` ends the connection. */
export function startRaw(answer: string | Buffer, end: 'close' | 'reset' | 'hang'): Promise<Upstream> {
  return startTcp((socket) => {
    socket.once('data', () => {
      if (end === 'close') socket.end(answer);
      else socket.write(answer, () => (end === 'reset' ? socket.resetAndDestroy() : undefined));
    });
  });
}

async function listen(server: Server): Promise<Upstream> {
  const connections: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    connections.push(socket);
    socket.on('error', () => {
      // The client resets connections on purpose; what matters is that they end.
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    for (const socket of connections) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections, close };
}

/** Resolves when the other side has closed the connection. */
export async function closed(socket: Socket | undefined): Promise<void> {
  if (socket === undefined) throw new Error('There was no connection.');
  if (socket.closed) return;
  // Not once(): a reset is an end as well, and once() would throw it.
  await new Promise((resolve) => socket.once('close', resolve));
}

/** A client that repeats nothing unless told; it is closed when the test ends. */
export function startClient(baseUrl: string, options: Partial<StageOptions> = {}): Stages {
  const client = createStages({ baseUrl, retry: { maxAttempts: 1 }, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** A request: GET /v2/account with a key, but for what is given. */
export function request(given: Partial<VultrRequest> = {}): VultrRequest {
  return {
    operation: 'GetAccount',
    method: 'GET',
    path: '/v2/account',
    query: '',
    body: undefined,
    credential: 'KEY-0123456789ABCDEF',
    kind: 'read',
    repeatable: true,
    isPublic: false,
    ...given,
  };
}

/** The context of a request that has `timeoutMs` left. */
export function context(timeoutMs = 10_000, signal = new AbortController().signal): SendContext {
  return { signal, deadline: systemClock.now() + timeoutMs };
}

/** The CallError that a promise rejects with. */
export async function failure(promise: unknown): Promise<CallError> {
  const outcome = await Promise.resolve(promise).then(
    () => new Error('It succeeded.'),
    (error: unknown) => error,
  );
  if (outcome instanceof CallError) return outcome;
  throw new Error('A CallError was expected.', { cause: outcome });
}
