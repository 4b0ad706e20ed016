/**
 * What it costs to know who is calling: a cached call with a virtual key, with a JWT and with a client certificate, beside the
 * same call without callers; the client certificate beside TLS without one. Every kind has a process of its own, and they
 * are measured in turns, in short rounds: the machine may be busy with other things, and only what ran side by side can be
 * compared. Prints for each the median of the ratios of its rounds, and the middle half of them, by CPU time and by clock. Exits with 1
 * when the lower quartile of the ratios by CPU time is over what is promised: a busy machine moves single rounds, and a cost that is
 * really higher moves all of them.
 *
 *     node bench/callers.ts [--transport http|grpc|both] [--calls 400] [--rounds 40]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { credentials, Metadata, makeGenericClientConstructor } from '@grpc/grpc-js';
import { Pool } from 'undici';
import { createVirtualKey } from '../src/access/virtual-key.ts';
import { CloudServiceService } from '../src/gen/vultr/cloud/v1/cloud_service.ts';
import { createCa } from '../test/support/access.ts';
import { AUDIENCE, createSigner, ISSUER } from '../test/support/tokens.ts';

const { values } = parseArgs({
  options: {
    transport: { type: 'string', default: 'both' },
    calls: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '40' },
  },
});
const TRANSPORTS = ['http', 'grpc'] as const;
type TransportName = (typeof TRANSPORTS)[number];
const transports = TRANSPORTS.filter((name) => values.transport === 'both' || values.transport === name);
if (transports.length === 0) throw new Error('--transport is http, grpc or both.');
const calls = Number(values.calls);
const rounds = Number(values.rounds);

/** Calls at a time. */
const CONCURRENCY = 8;

/** How a caller of one kind is proven. */
interface Proof {
  readonly token: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** One way to call, ready for it. */
interface Target {
  readonly child: ChildProcess;
  /** Makes one call. */
  readonly ask: () => Promise<void>;
  readonly close: () => unknown;
}

interface Cost {
  readonly cpuMicros: number;
  readonly micros: number;
}

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-bench-'));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const virtualKey = createVirtualKey();
const signer = await createSigner('bench');
const ca = createCa(folder);
const server = ca.issue('server', { subject: '/CN=localhost', altNames: 'DNS:localhost,IP:127.0.0.1' });
const spiffeId = 'spiffe://prod.example/ns/ci/sa/deployer';
const client = ca.issue('client', { subject: '/CN=deployer', altNames: `URI:${spiffeId}` });
const callersFile = file(
  'callers.yaml',
  `accounts: { prod: { key_file: ${file('vultr-key', 'BENCH-KEY')} } }
issuers:
  - { name: idp, issuer: "${ISSUER}", audience: ${AUDIENCE}, jwks_file: ${file('jwks.json', JSON.stringify({ keys: [signer.publicJwk] }))} }
callers:
  - { name: by-key, is: [ { token_sha256: ${virtualKey.sha256} } ], account: prod, allow: [ "effect:read" ] }
  - { name: by-jwt, is: [ { jwt: { issuer: idp, subject: deployer } } ], account: prod, allow: [ "effect:read" ] }
  - { name: by-certificate, is: [ { spiffe: "${spiffeId}" } ], account: prod, allow: [ "effect:read" ] }
  - { name: by-plain-tls, is: [ { token_sha256: ${hash('sha256', 'k')} } ], account: prod, allow: [ "effect:read" ] }
`,
);

const tls = ['--tls-cert', server.cert, '--tls-key', server.key];
const mutual = [...tls, '--tls-client-ca', ca.cert, '--tls-client-auth', 'optional'];
const known = ['--callers-file', callersFile];

/** A kind of caller, the kind that it is compared with, and how much more it may cost: undefined where nothing is promised. */
interface Kind {
  readonly args: readonly string[];
  readonly proof: Proof;
  readonly base: string;
  readonly bound?: number;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'without callers': { args: [], proof: { token: 'BENCH-KEY' }, base: 'without callers' },
  'the same again': { args: [], proof: { token: 'BENCH-KEY' }, base: 'without callers' },
  'virtual key': { args: known, proof: { token: virtualKey.key }, base: 'without callers', bound: 1.1 },
  JWT: { args: known, proof: { token: await signer.sign() }, base: 'without callers', bound: 1.2 },
  'TLS, without callers': { args: mutual, proof: { token: 'BENCH-KEY' }, base: 'TLS, without callers' },
  'TLS, client certificate': {
    args: [...mutual, ...known],
    proof: { token: '', certificate: client },
    base: 'TLS, without callers',
    bound: 1.05,
  },
};

try {
  for (const transport of transports) {
    process.stdout.write(`over ${transport}\n`);
    report(await run(transport));
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** What each kind cost in every round. */
type Costs = ReadonlyMap<string, readonly Cost[]>;

async function run(transport: TransportName): Promise<Costs> {
  const targets = new Map<string, Target>();
  const costs = new Map<string, Cost[]>();
  try {
    for (const [name, { args, proof }] of Object.entries(KINDS))
      targets.set(name, await start(transport, args, proof));
    for (const target of targets.values()) await measure(target, calls * 5);
    for (let round = 0; round < rounds; round += 1) {
      // Another order in every round: what comes first must not always be the same.
      const order = [...targets].map((_, index, all) => all[(index + round) % all.length]);
      for (const entry of order) {
        if (entry === undefined) continue;
        const [name, target] = entry;
        costs.set(name, [...(costs.get(name) ?? []), await measure(target, calls)]);
      }
    }
  } finally {
    for (const { child, close } of targets.values()) {
      await close();
      child.kill();
    }
  }
  return costs;
}

/** Prints what each kind cost, and fails the run where it is more than promised. */
function report(costs: Costs): void {
  for (const [name, { base, bound }] of Object.entries(KINDS)) {
    const own = costs.get(name) ?? [];
    const others = costs.get(base) ?? [];
    const quartiles = (of: (cost: Cost) => number): readonly number[] => {
      const ratios = own.map((cost, index) => of(cost) / of(others[index] ?? cost));
      return [0.25, 0.5, 0.75].map((part) => quantile(ratios, part));
    };
    const cpu = quartiles(({ cpuMicros }) => cpuMicros);
    const clock = quartiles(({ micros }) => micros);
    const [low = Number.NaN] = cpu;
    const isKept = bound === undefined || low <= bound;
    const verdict = bound === undefined ? '' : `; at most ${bound}: ${isKept ? 'kept' : 'BROKEN'}`;
    const micros = quantile(
      own.map(({ cpuMicros }) => cpuMicros),
      0.5,
    );
    process.stdout.write(
      `${name.padEnd(24)} ${micros.toFixed(0).padStart(5)} us CPU a call, ${shown(cpu)} of "${base}"; by clock ${shown(clock)}${verdict}\n`,
    );
    if (!isKept) process.exitCode = 1;
  }
}

function shown(quartiles: readonly number[]): string {
  const [low, middle, high] = quartiles.map((ratio) => ratio.toFixed(3));
  return `${middle} (${low} to ${high})`;
}

async function start(transport: TransportName, args: readonly string[], proof: Proof): Promise<Target> {
  const child = fork(new URL('./callers/target.ts', import.meta.url), [...args]);
  const [addresses] = (await once(child, 'message')) as [{ grpc: string; http: string }];
  const isTls = args.includes('--tls-cert');
  return {
    child,
    ...(transport === 'grpc'
      ? overGrpc(addresses.grpc, isTls, proof)
      : overHttp(addresses.http, isTls, proof)),
  };
}

function overHttp(
  address: string,
  isTls: boolean,
  { token, certificate }: Proof,
): Pick<Target, 'ask' | 'close'> {
  const pool = new Pool(`${isTls ? 'https' : 'http'}://${address}`, {
    connections: CONCURRENCY,
    connect: {
      ca: readFileSync(ca.cert),
      ...(certificate && { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }),
    },
  });
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  return {
    ask: async () => {
      const { statusCode, body } = await pool.request({ method: 'GET', path: '/v2/regions', headers });
      await body.dump();
      if (statusCode !== 200) throw new Error(`GET /v2/regions was responded to with ${statusCode}`);
    },
    close: () => pool.close(),
  };
}

function overGrpc(
  address: string,
  isTls: boolean,
  { token, certificate }: Proof,
): Pick<Target, 'ask' | 'close'> {
  const pair = certificate && [readFileSync(certificate.key), readFileSync(certificate.cert)];
  const channel = isTls
    ? credentials.createSsl(readFileSync(ca.cert), ...(pair ?? []))
    : credentials.createInsecure();
  const Client = makeGenericClientConstructor({}, 'CloudService');
  const stub = new Client(address, channel, { 'grpc.ssl_target_name_override': 'localhost' });
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        const done = (error: Error | null): void => (error === null ? resolve() : reject(error));
        const { path } = CloudServiceService.listRegions;
        stub.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, done);
      }),
    close: () => stub.close(),
  };
}

async function cpuOf({ child }: Target): Promise<number> {
  child.send('usage');
  const [{ cpuMicros }] = (await once(child, 'message')) as [{ cpuMicros: number }];
  return cpuMicros;
}

async function measure(target: Target, count: number): Promise<Cost> {
  // Connections that were idle for a while are opened anew, and handshakes are not what is measured.
  await load(target, CONCURRENCY * 2);
  const before = await cpuOf(target);
  const startedAt = performance.now();
  await load(target, count);
  const micros = ((performance.now() - startedAt) * 1_000) / count;
  return { cpuMicros: ((await cpuOf(target)) - before) / count, micros };
}

async function load(target: Target, count: number): Promise<void> {
  let left = count;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await target.ask();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
}

function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN;
}
