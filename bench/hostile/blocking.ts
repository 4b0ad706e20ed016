import { openHttp2, sendGrpc, sendHttp } from './clients.ts';
import { CONDITION_KINDS } from './condition-kinds.ts';
import {
  API_BODIES,
  HEADERS,
  type MakeText,
  MESSAGES,
  PATHS,
  QUERIES,
  RESPONSES,
  SECRET_BODIES,
  V2_BODIES,
} from './inputs.ts';
import { RPC_KINDS } from './rpc-kinds.ts';
import type { WatchedService } from './service.ts';
import type { CannedVultr } from './upstream.ts';

/** The longest turn of the event loop that one input may cause, in milliseconds of processor time. */
export const MAX_BLOCKED_MS = 100;

/** One kind of input. */
export interface Kind {
  readonly name: string;
  /** What it did before there were bounds, where that is known. */
  readonly before?: string;
  /** How large it is made, from the first on: the last is more than the service takes. */
  readonly sizes: readonly number[];
  /** Sends one of this size. */
  readonly send: (target: Target, size: number) => Promise<unknown>;
}

/** What is attacked. */
export interface Target {
  readonly service: WatchedService;
  readonly vultr: CannedVultr;
}

const KB = 1024;
const MB = 1024 * KB;
const BODY = growing(MB);
const LINE = growing(15 * KB);
const MESSAGE = growing(4 * MB - 100);
/** Up to 8 MB they are parsed, up to 32 MB they are passed on. */
const RESPONSE = [256 * KB, MB, 8 * MB - 1, 32 * MB - 1, 33 * MB];

const CREATE_V2 = '/vultr.v2.InstancesService/CreateInstance';
const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
/** A Vultr that has made something. */
const MADE = { status: 202, body: `{"instance":{"id":"${ID}"}}` };
/** One that refuses, with a text as long as any that is kept, in which there is much to compare. */
const REFUSED = {
  status: 400,
  body: JSON.stringify({ error: `Invalid value ${'a'.repeat(300)} ${'%61aa/'.repeat(300)}` }),
};

let keys = 0;
const newKey = (): Record<string, string> => ({ 'idempotency-key': `key-${keys++}` });

/** Figures from before there were bounds, by what was sent. */
const BEFORE: Readonly<Record<string, string>> = {
  'unknown members near a name': '14 s',
  'a dotted name': '160 ms',
  'distinct keys': '2.7 s',
  'additional fields': '1 s',
};

function knownBefore(what: string): { before?: string } {
  const before = BEFORE[what];
  return before === undefined ? {} : { before };
}

function texts(
  door: string,
  kinds: Readonly<Record<string, MakeText>>,
  sizes: readonly number[],
  send: (target: Target, text: string) => Promise<unknown>,
  answer = MADE,
): Kind[] {
  return Object.entries(kinds).map(([what, make]) => ({
    name: `${door} ${what}`,
    ...knownBefore(what),
    sizes,
    send: (target, size) => {
      target.vultr.respond(answer);
      return send(target, make(size));
    },
  }));
}

function messages(door: string, headers: Readonly<Record<string, string>> | undefined): Kind[] {
  return Object.entries(MESSAGES).map(([what, make]) => ({
    name: `${door}, ${what}`,
    ...knownBefore(what),
    sizes: MESSAGE,
    send: ({ service, vultr }, size) => {
      vultr.respond(MADE);
      return once(service.grpc, CREATE_V2, make(size), headers ?? newKey());
    },
  }));
}

/** Who asks for a response, and the status that it has. */
const READERS: readonly [string, number, (service: WatchedService) => Promise<unknown>][] = [
  ['GET /v2/instances', 200, ({ http }) => sendHttp(http, 'GET', '/v2/instances')],
  ['GET /v2/instances, refused', 400, ({ http }) => sendHttp(http, 'GET', '/v2/instances')],
  ['POST /v2/instances', 202, ({ http }) => sendHttp(http, 'POST', '/v2/instances', '{}')],
  [
    'POST /v2/instances with a key',
    202,
    ({ http }) => sendHttp(http, 'POST', '/v2/instances', '{}', { ...newKey(), 'grpc-timeout': '200m' }),
  ],
  ['GET /api/instances', 200, ({ http }) => sendHttp(http, 'GET', '/api/instances')],
  ['GET /api/instances, refused', 400, ({ http }) => sendHttp(http, 'GET', '/api/instances')],
  ['gRPC v2 ListInstances', 200, ({ grpc }) => once(grpc, '/vultr.v2.InstancesService/ListInstances')],
  ['gRPC ListInstances', 200, ({ grpc }) => once(grpc, '/vultr.cloud.v1.CloudService/ListInstances')],
];

function responses(): Kind[] {
  return Object.entries(RESPONSES).flatMap(([what, make]) => {
    return READERS.map(([door, status, send]) => ({
      name: `${door}, response of ${what}`,
      ...knownBefore(what),
      sizes: RESPONSE,
      send: async ({ service, vultr }: Target, size: number) => {
        vultr.respond({ status, body: make(size) });
        await send(service);
      },
    }));
  });
}

async function once(
  address: string,
  path: string,
  message: Uint8Array = new Uint8Array(),
  headers: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const session = await openHttp2(address);
  try {
    return await sendGrpc(session, path, message, headers);
  } finally {
    session.destroy();
  }
}

/** Sizes from a 16th of a limit to twice that limit. */
function growing(limit: number): number[] {
  return [16, 4, 2, 1, 0.5].map((part) => Math.floor(limit / part));
}

/** Every kind of input, over every door. */
export const KINDS: readonly Kind[] = [
  ...texts('POST /api/instance', API_BODIES, BODY, ({ service }, body) =>
    sendHttp(service.http, 'POST', '/api/instance', body),
  ),
  ...texts('POST /v2/instances', V2_BODIES, BODY, ({ service }, body) =>
    sendHttp(service.http, 'POST', '/v2/instances', body),
  ),
  ...texts('POST /v2/instances with a key', V2_BODIES, BODY, ({ service }, body) =>
    sendHttp(service.http, 'POST', '/v2/instances', body, newKey()),
  ),
  ...['/api/instance', '/v2/instances'].flatMap((path) =>
    texts(
      `POST ${path}, refused,`,
      SECRET_BODIES,
      // The largest that are looked into, and the largest that are taken.
      [32 * KB, 64 * KB - 1, ...BODY],
      ({ service }, body) => sendHttp(service.http, 'POST', path, body),
      REFUSED,
    ),
  ),
  ...texts('GET /api/instances?', QUERIES, LINE, ({ service }, query) =>
    sendHttp(service.http, 'GET', `/api/instances?${query}`),
  ),
  ...texts('GET /v2/instances?', QUERIES, LINE, ({ service }, query) =>
    sendHttp(service.http, 'GET', `/v2/instances?${query}`),
  ),
  ...texts('GET, path of', PATHS, LINE, ({ service }, path) => sendHttp(service.http, 'GET', path)),
  ...Object.entries(HEADERS).map(([what, make]) => ({
    name: `GET /api/regions, header of ${what}`,
    sizes: LINE,
    send: ({ service }: Target, size: number) =>
      sendHttp(service.http, 'GET', '/api/regions', undefined, make(size)),
  })),
  ...messages('gRPC CreateInstance', {}),
  ...messages('gRPC CreateInstance with a key', undefined),
  ...responses(),
  ...RPC_KINDS,
  ...CONDITION_KINDS,
];

const RUNS = 3;

/**
 * Sends one kind of input, grown until it is over its limit.
 * @returns the longest turn of the event loop. Of several runs at a size the fastest counts, as the first ones compile code
 */
export async function measureKind(target: Target, { sizes, send }: Kind): Promise<number> {
  let worst = 0;
  for (const size of sizes) {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS; run += 1) {
      await target.service.read();
      await send(target, size);
      best = Math.min(best, (await target.service.read()).blockedMs);
      // Another run would tell nothing more.
      if (best <= Math.max(worst, MAX_BLOCKED_MS / 2)) break;
    }
    worst = Math.max(worst, best);
  }
  return worst;
}
