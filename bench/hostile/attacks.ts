import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './blocking.ts';
import { beginCall, frame, openHttp2, openSocket, repeat, sendGrpc, sendHttp } from './clients.ts';

/** An attack on the memory of the service, or on the room that others need. */
export interface Attack {
  readonly name: string;
  /** What it did before there were bounds. */
  readonly before: string;
  /** By how many MB the process may grow. */
  readonly maxGrowthMb: number;
  /** The longest turn of the event loop in milliseconds, where it may be longer than for one input, and why it may. */
  readonly longTurns?: { readonly maxMs: number; readonly maxProbeMs?: number; readonly why: string };
  /** Resolves when it is at its height; what it has opened is left open. */
  readonly run: (target: Target) => Promise<unknown>;
}

const KB = 1024;
const MB = 1024 * KB;
const LIST = '/vultr.v2.InstancesService/ListInstances';
const WATCH = '/grpc.health.v1.Health/Watch';
const EMPTY = new Uint8Array();

const GET_V2 = 'GET /v2/account HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer K\r\n\r\n';
const POST_V2 =
  'POST /v2/instances HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n';

/** How long something that nobody reads is left to do its harm. */
const HEIGHT_MS = 1_500;

async function unfinished({ service }: Target, connections: number, calls: number): Promise<void> {
  const part = frame(Buffer.alloc(3.9 * MB)).subarray(0, -1);
  await repeat(connections, 10, async () => {
    const session = await openHttp2(service.grpc);
    await repeat(calls, 20, async () => {
      const stream = beginCall(session, LIST);
      if (stream === undefined) return;
      stream.resume();
      await Promise.race([new Promise((sent) => stream.write(part, sent)), sleep(2_000)]);
    });
  });
}

async function unread(
  { service }: Target,
  { connections, calls, path, message = EMPTY }: Crowd,
): Promise<void> {
  await repeat(connections, 50, async () => {
    const session = await openHttp2(service.grpc, 0);
    for (let call = 0; call < calls; call += 1) {
      const stream = beginCall(session, path);
      stream?.end(frame(message));
      if (call % 100 === 99) await sleep(5);
    }
  });
  await sleep(HEIGHT_MS);
}

interface Crowd {
  readonly connections: number;
  readonly calls: number;
  readonly path: string;
  readonly message?: Uint8Array;
}

async function sockets(address: string, count: number, bytes: string | Uint8Array = ''): Promise<void> {
  await repeat(count, 50, () => openSocket(address, bytes));
  await sleep(HEIGHT_MS);
}

function large(bytes: number): Buffer {
  return Buffer.from(`{"instances":[],"a":"${'x'.repeat(bytes - 40)}"}`);
}

/** Why a crowd may hold up the event loop longer than any one of its inputs, none of which does so for 100 ms. */
const MANY_IN_A_TURN = 'a turn takes what has arrived on all connections';
const NEARLY_FULL =
  'one such response takes most of a turn, and garbage is collected in a heap that is nearly full';

const READ_AHEAD = 'Node reads 64 KB of each connection, hundreds of requests, before it can be cut off';

/** Waits for all, but not for those that hang. */
function settled(all: Promise<unknown>): Promise<unknown> {
  return Promise.race([all, sleep(20_000)]);
}

export const ATTACKS: readonly Attack[] = [
  {
    name: '200 gRPC messages of 3.9 MB on one connection, never ended',
    before: '174 to 937 MB',
    maxGrowthMb: 150,
    run: (target) => unfinished(target, 1, 200),
  },
  {
    name: '400 gRPC messages of 3.9 MB on 20 connections, never ended',
    before: 'no bound',
    maxGrowthMb: 250,
    run: (target) => unfinished(target, 20, 20),
  },
  {
    name: '2 000 gRPC connections without a call',
    before: 'no bound, no time',
    maxGrowthMb: 80,
    run: async ({ service }) => {
      await repeat(2_000, 50, () => openHttp2(service.grpc));
      await sleep(HEIGHT_MS);
    },
  },
  {
    name: '5 000 gRPC replies of 16 KB that nobody reads',
    before: '82 MB for each 5 000',
    maxGrowthMb: 200,
    longTurns: { maxMs: 250, why: MANY_IN_A_TURN },
    run: async (target) => {
      target.vultr.respond({ body: large(16 * KB) });
      await unread(target, { connections: 10, calls: 500, path: LIST });
    },
  },
  {
    name: '600 gRPC replies of 1 MB that nobody reads',
    before: 'no bound',
    maxGrowthMb: 300,
    longTurns: { maxMs: 250, why: NEARLY_FULL },
    run: async (target) => {
      target.vultr.respond({ body: large(MB) });
      await unread(target, { connections: 20, calls: 30, path: LIST });
    },
  },
  {
    name: '10 000 watches of the health',
    before: 'no bound',
    maxGrowthMb: 150,
    longTurns: { maxMs: 250, why: MANY_IN_A_TURN },
    run: (target) => unread(target, { connections: 20, calls: 500, path: WATCH }),
  },
  {
    name: '20 000 gRPC calls on one connection, cancelled at once',
    before: 'connection ended at 1 000',
    maxGrowthMb: 60,
    longTurns: { maxMs: 250, why: MANY_IN_A_TURN },
    run: async ({ service, vultr }) => {
      vultr.respond('never');
      const session = await openHttp2(service.grpc);
      for (let call = 0; call < 20_000; call += 1) {
        const stream = beginCall(session, LIST);
        stream?.end(frame(EMPTY));
        stream?.close(8);
        if (call % 200 === 199) await sleep(1);
      }
      await sleep(HEIGHT_MS);
    },
  },
  {
    name: '68 000 pipelined HTTP requests behind a slow one',
    before: '745 MB, end of the process',
    maxGrowthMb: 40,
    longTurns: { maxMs: 250, why: MANY_IN_A_TURN },
    run: ({ service, vultr }) => {
      vultr.respond('never');
      return sockets(service.http, 1, GET_V2.repeat(68_000));
    },
  },
  {
    name: '100 connections with 2 500 pipelined HTTP requests each',
    before: 'no bound',
    maxGrowthMb: 100,
    longTurns: { maxMs: 1_000, maxProbeMs: 2_000, why: READ_AHEAD },
    run: ({ service, vultr }) => {
      vultr.respond('never');
      return sockets(service.http, 100, GET_V2.repeat(2_500));
    },
  },
  {
    name: '300 HTTP bodies of almost 1 MB, never ended',
    before: 'no bound in all',
    maxGrowthMb: 200,
    run: ({ service }) =>
      sockets(service.http, 300, Buffer.concat([Buffer.from(POST_V2), Buffer.alloc(999_000, ' ')])),
  },
  {
    name: '600 HTTP responses of 1 MB that nobody reads',
    before: 'no bound',
    maxGrowthMb: 150,
    run: ({ service, vultr }) => {
      vultr.respond({ body: large(MB) });
      return sockets(service.http, 120, GET_V2.repeat(5));
    },
  },
  {
    name: '1 100 HTTP connections without a request',
    before: 'no /healthz for 31 s',
    maxGrowthMb: 50,
    run: ({ service }) => sockets(service.http, 1_100),
  },
  {
    name: '1 100 HTTP connections with half a request each',
    before: 'no /healthz for 31 s',
    maxGrowthMb: 50,
    run: ({ service }) => sockets(service.http, 1_100, 'GET /v2/account HTTP/1.1\r\nHost: localhost\r\n'),
  },
  {
    name: '1 300 HTTP/2 connections with a slow request each',
    before: 'no /healthz from 550 on',
    maxGrowthMb: 100,
    run: async ({ service, vultr }) => {
      vultr.respond('never');
      await repeat(1_300, 50, async () => {
        const session = await openHttp2(service.http);
        beginCall(session, '/v2/account', { ':method': 'GET' })?.end();
      });
      await sleep(HEIGHT_MS);
    },
  },
  {
    name: '20 callers at once with a response of 7 MB each, over /api',
    before: 'no bound',
    maxGrowthMb: 400,
    longTurns: { maxMs: 250, why: NEARLY_FULL },
    run: ({ service, vultr }) => {
      vultr.respond({ body: large(7 * MB) });
      return settled(repeat(20, 20, (n) => sendHttp(service.http, 'GET', `/api/instances?label=${n}`)));
    },
  },
  {
    name: '20 callers at once with a response of 30 MB each, over /v2',
    before: 'no bound',
    maxGrowthMb: 700,
    longTurns: { maxMs: 250, why: NEARLY_FULL },
    run: ({ service, vultr }) => {
      vultr.respond({ body: large(30 * MB) });
      return settled(repeat(20, 20, (n) => sendHttp(service.http, 'GET', `/v2/instances?label=${n}`)));
    },
  },
  {
    name: '20 callers at once with a response of 7 MB each, over gRPC',
    before: 'no bound',
    maxGrowthMb: 400,
    longTurns: { maxMs: 250, why: NEARLY_FULL },
    run: async ({ service, vultr }) => {
      vultr.respond({ body: large(7 * MB) });
      await settled(
        repeat(20, 20, async (n) => {
          const label = Buffer.from(`${n}`);
          // The field `label` of the request.
          const message = Buffer.concat([Buffer.from([0x22, label.length]), label]);
          const session = await openHttp2(service.grpc);
          await sendGrpc(session, '/vultr.cloud.v1.CloudService/ListInstances', message);
          session.destroy();
        }),
      );
    },
  },
];
