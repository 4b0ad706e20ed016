/**
 * What it costs to know who is calling: a cached call with a virtual key, with a JWT and with a client certificate, beside the
 * same call without callers; the client certificate beside TLS without one. Every kind has a process of its own, and all of them are
 * measured in turns. Everything is repeated with new processes, since two processes of the same code differ by as much as what is
 * looked for: "the same again" is the measure of that. Prints how many times the CPU time and the time of a call without callers each
 * kind takes: the median of the rounds of every start, and the middle half of them. Exits with 1 when the lower quartile by CPU time
 * is over what is promised at every start.
 *
 *     node bench/callers.ts [--starts 2] [--rounds 20] [--seconds 0.5] [--warm 15]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createVirtualKey } from '../src/access/virtual-key.ts';
import { createCa } from '../test/support/access.ts';
import { AUDIENCE, createSigner, ISSUER } from '../test/support/tokens.ts';
import { type Compared, compare, type Plan, type Result } from './speed/compare.ts';
import type { Question } from './speed/load.ts';
import { type Spread, spread } from './speed/measure.ts';
import { pinSelf } from './speed/pin.ts';
import { CORES, openTargets, type Targets } from './speed/targets.ts';

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '0.5' },
    warm: { type: 'string', default: '15' },
  },
});
const plan: Plan = {
  warmMs: 1_000 * Number(values.warm),
  rounds: Number(values.rounds),
  roundMs: 1_000 * Number(values.seconds),
  concurrency: 32,
};

/** What is asked over each transport: a list that is small, so that what comes before it counts for most. */
const QUESTIONS: Readonly<Record<string, Question>> = {
  http: { protocol: 'http', path: () => '/v2/regions' },
  grpc: { protocol: 'grpc', path: () => '/vultr.cloud.v1.CloudService/ListRegions' },
};

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-bench-'));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const virtualKey = createVirtualKey();
const signer = await createSigner('bench');
const jwt = await signer.sign();
const ca = createCa(folder);
const server = ca.issue('server', { subject: '/CN=localhost', altNames: 'DNS:localhost,IP:127.0.0.1' });
const spiffeId = 'spiffe://prod.example/ns/ci/sa/deployer';
const client = ca.issue('client', { subject: '/CN=deployer', altNames: `URI:${spiffeId}` });
const CALLERS_FILE = file(
  'callers.yaml',
  `accounts: { prod: { key_file: ${file('vultr-key', 'BENCH-KEY')} } }
issuers:
  - { name: idp, issuer: "${ISSUER}", audience: ${AUDIENCE}, jwks_file: ${file('jwks.json', JSON.stringify({ keys: [signer.publicJwk] }))} }
callers:
  - { name: by-key, is: [ { token_sha256: ${virtualKey.sha256} } ], account: prod, allow: [ "effect:read" ] }
  - { name: by-jwt, is: [ { jwt: { issuer: idp, subject: deployer } } ], account: prod, allow: [ "effect:read" ] }
  - { name: by-certificate, is: [ { spiffe: "${spiffeId}" } ], account: prod, allow: [ "effect:read" ] }
`,
);
const TLS = {
  TLS_CERT: server.cert,
  TLS_KEY: server.key,
  TLS_CLIENT_CA: ca.cert,
  TLS_CLIENT_AUTH: 'optional',
};

/** A kind of caller. */
interface Kind {
  readonly name: string;
  /** The environment of the service that it calls. */
  readonly env: Readonly<Record<string, string>>;
  /** What it sends, and how it connects. */
  readonly proof: Partial<Question>;
  /** How much more it may cost than the first of its group; undefined: nothing is promised. */
  readonly bound?: number;
}

const bearer = (token: string): Partial<Question> => ({
  headers: () => ({ authorization: `Bearer ${token}` }),
});
const trust = { ca: readFileSync(ca.cert) };
const pair = { cert: readFileSync(client.cert), key: readFileSync(client.key) };

/** The first kind of each group is what the others are compared with. */
const GROUPS: readonly (readonly Kind[])[] = [
  [
    { name: 'without callers', env: {}, proof: bearer('BENCH-KEY') },
    { name: 'the same again', env: {}, proof: bearer('BENCH-KEY') },
    { name: 'virtual key', env: { CALLERS_FILE }, proof: bearer(virtualKey.key), bound: 1.1 },
    { name: 'JWT', env: { CALLERS_FILE }, proof: bearer(jwt), bound: 1.2 },
  ],
  [
    { name: 'TLS, without callers', env: TLS, proof: { ...bearer('BENCH-KEY'), tls: trust } },
    { name: 'TLS, the same again', env: TLS, proof: { ...bearer('BENCH-KEY'), tls: trust } },
    {
      name: 'TLS, client certificate',
      env: { ...TLS, CALLERS_FILE },
      proof: { tls: { ...trust, ...pair } },
      bound: 1.05,
    },
  ],
];

pinSelf(CORES.load);
try {
  for (const kinds of GROUPS) {
    const starts: (readonly Result[])[] = [];
    for (let count = 0; count < Number(values.starts); count += 1) starts.push(await measureGroup(kinds));
    for (const transport of Object.keys(QUESTIONS)) {
      const results = starts.flat().filter(({ row }) => row === transport);
      print(`over ${transport}, ${kinds[0]?.name}`, kinds, results);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Every transport once, with processes of their own. */
async function measureGroup(kinds: readonly Kind[]): Promise<Result[]> {
  const targets = await openTargets();
  try {
    const running = await Promise.all(kinds.map((kind) => start(targets, kind)));
    const results: Result[] = [];
    for (const [name, question] of Object.entries(QUESTIONS)) {
      const sides: Compared[] = running.map(({ target, proof }) => ({
        ...target,
        question: { ...question, ...proof },
      }));
      results.push(await compare({ name, subject: 'default', peer: 'default', question }, sides, plan));
    }
    return results;
  } finally {
    await targets.close();
  }
}

async function start(targets: Targets, { name, env, proof }: Kind) {
  const target = { ...(await targets.service('default', undefined, env)), name };
  return { target, proof };
}

/**
 * Prints what each kind of one line cost at every start, and fails the run where it is more than promised.
 * @param kinds those of the line
 * @param results one for each start
 */
function print(key: string, kinds: readonly Kind[], results: readonly Result[]): void {
  const base = spread(results.map(({ sides: [side] }) => side?.cpuMicros.median ?? Number.NaN));
  process.stdout.write(`${key}: ${base.median.toFixed(1)} us of CPU a call\n`);
  for (const [index, { name, bound }] of kinds.slice(1).entries()) {
    const ratios = results.flatMap((result) => result.ratios[index] ?? []);
    const lowest = Math.min(...ratios.map(({ cpu }) => cpu.low));
    const isKept = bound === undefined || lowest <= bound;
    const verdict = bound === undefined ? '' : `; at most ${bound}: ${isKept ? 'kept' : 'BROKEN'}`;
    const cpu = ratios.map((ratio) => shown(ratio.cpu)).join(', ');
    const time = ratios.map((ratio) => shown(ratio.rate)).join(', ');
    process.stdout.write(`  ${name.padEnd(24)} CPU ${cpu}; time ${time}${verdict}\n`);
    if (!isKept) process.exitCode = 1;
  }
}

function shown({ median, low, high }: Spread): string {
  return `${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}
