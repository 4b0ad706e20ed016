/**
 * How soon a call is answered whose caller leaves, in each phase of a request to Vultr: `node bench/abort.ts [rounds]`.
 * Prints the time from the abort to the end of the call, and what is left open afterwards.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallError } from '../src/status/call-error.ts';
import type { VultrRequest } from '../src/vultr/request.ts';
import { createStages, type StageOptions, type Stages } from '../src/vultr/stages.ts';

const rounds = Number(process.argv[2] ?? 20);

/** One phase: what the upstream does, and what the client is made of so that the call is in that phase when it is aborted. */
interface Phase {
  readonly name: string;
  readonly onConnection: (socket: Socket) => void;
  readonly options?: Partial<StageOptions>;
  /** Calls that are under way before the one that is measured. */
  readonly before?: number;
}

const HEADERS = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n';
const FAILURE = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';

const PHASES: readonly Phase[] = [
  {
    name: 'queue',
    onConnection: () => undefined,
    options: { budget: { ratePerSecond: 2, reserve: 0.5, burst: 1 } },
    before: 5,
  },
  {
    name: 'backoff',
    onConnection: (socket) => socket.end(FAILURE),
    options: { retry: { maxAttempts: 5, baseDelayMs: 5_000, maxDelayMs: 5_000 }, random: () => 0.99 },
  },
  {
    name: 'connection',
    onConnection: () => undefined,
    options: { limits: { maxConnections: 1 } },
    before: 1,
  },
  { name: 'headers', onConnection: () => undefined },
  { name: 'body', onConnection: (socket) => socket.once('data', () => socket.write(`${HEADERS}{`)) },
];

for (const phase of PHASES) {
  const times: number[] = [];
  let leftOpen = 0;
  for (let round = 0; round < rounds; round += 1) {
    const result = await measure(phase);
    times.push(result.ms);
    leftOpen += result.leftOpen;
  }
  times.sort((left, right) => left - right);
  const at = (part: number): string =>
    (times[Math.floor(part * (times.length - 1))] ?? Number.NaN).toFixed(1);
  process.stdout.write(
    `${phase.name.padEnd(12)} median ${at(0.5).padStart(5)} ms, slowest ${at(1).padStart(5)} ms, left open: ${leftOpen}\n`,
  );
}

async function measure({
  onConnection,
  options = {},
  before = 0,
}: Phase): Promise<{ ms: number; leftOpen: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createStages({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...options,
  });
  const others = new AbortController();
  const earlier = Array.from({ length: before }, () => begin(client, others.signal));
  const caller = new AbortController();
  const call = begin(client, caller.signal);
  await sleep(60);
  const startedAt = performance.now();
  caller.abort(new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left.'));
  await call;
  const ms = performance.now() - startedAt;
  others.abort(new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left.'));
  await Promise.all(earlier);
  await sleep(50);
  const { budget } = client.state();
  const leftOpen = sockets.size + (budget?.waiting ?? 0) + (budget?.inFlight ?? 0);
  await client.close();
  await new Promise((resolve) => server.close(resolve));
  return { ms, leftOpen };
}

/** Begins a call and resolves when it has failed, as all of these do. */
async function begin(client: Stages, signal: AbortSignal): Promise<void> {
  const request: VultrRequest = {
    operation: 'bench',
    method: 'GET',
    path: '/v2/instances',
    query: '',
    body: undefined,
    credential: 'k',
    kind: 'read',
    repeatable: true,
    isPublic: false,
  };
  await Promise.resolve(client.send(request, { signal, deadline: Date.now() + 60_000 })).then(
    () => {
      throw new Error('it was answered');
    },
    () => undefined,
  );
}
