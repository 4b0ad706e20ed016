import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { writeCallersFile } from './callers-file.ts';
import { type Child, startChild } from './child.ts';

/** A request that does not arrive through the gateway as the client sent it; see govultr/transparent.go. */
interface Difference {
  readonly method: string;
  readonly parts: readonly { readonly what: string; readonly sent: string; readonly arrived: string }[];
}

interface TransparencyReport {
  readonly calls: number;
  readonly equal: number;
  readonly differences: readonly Difference[];
  readonly unsent: readonly string[];
}

/** See govultr/decode.go. */
interface DecodingReport {
  readonly methods: number;
  readonly succeeded: number;
  readonly decoded: number;
  readonly faults: readonly { readonly method: string; readonly member: string; readonly error: string }[];
  readonly vacant: readonly { readonly method: string; readonly type: string; readonly body: string }[];
  readonly refused: readonly { readonly method: string; readonly status: number; readonly text: string }[];
  readonly empty: readonly string[];
  readonly lacking: readonly string[];
  readonly spoilt: readonly string[];
  readonly unsent: readonly string[];
  readonly uncalled: readonly string[];
}

/** The methods of the pinned client. A newer client may have more, and hardly fewer. */
const METHODS = 429;

/** The client builds this method's request and never sends it. */
const UNSENT = ['CDN.DeletePushZoneFile'];

/** What everybody may read is asked for without the caller's key, so that one response can serve all callers. */
const KEYLESS = [
  'Application.List',
  'ISO.ListPublic',
  'Kubernetes.GetVersions',
  'OS.List',
  'ObjectStorage.ListCluster',
  'ObjectStorage.ListClusterTiers',
  'Plan.List',
  'Plan.ListBareMetal',
  'Region.Availability',
  'Region.List',
];

/** The client follows no redirect in these tests, so the documented 302 is as far as this method gets. */
const REDIRECTED = ['OIDC.AuthorizeOIDC'];

/** The client takes the member "status" of these documented responses for the status of an error, and fails on it. */
const SPOILT = [
  'Instance.Restore',
  'Organization.CreateInvitation',
  'Organization.GetInvitation',
  'Organization.ResendInvitation',
  'VirtualFileSystemStorage.Create',
  'VirtualFileSystemStorage.Get',
  'VirtualFileSystemStorage.Update',
];

/** What the client's types have and the sandbox never sends, and why. */
const LACKING: Readonly<Record<string, string>> = {
  'CDNZone.ssl_cert': 'A certificate is not shown again.',
  'CDNZone.ssl_cert_key': 'A private key is not shown again.',
  ClusterResourceBlockStorage:
    "Only software inside a cluster makes these, which the sandbox's clusters do not run.",
  ClusterResourceLoadBalancer: 'The same.',
  'ContainerRegistryRetentionRuleParameter.additional_prop': 'The placeholder of a documentation tool.',
  'Database.ferretdb_credentials': 'No engine on offer is FerretDB.',
};

/** The options of all engines are members of this one type. The sandbox knows a few of each engine. */
const ENGINE_OPTIONS = /^DatabaseAdvancedOptions\./;

/** The key that the client sends; see govultr/methods.go. */
const VULTR_KEY = 'KEY-OF-THE-OFFICIAL-CLIENT-0123456789';

/** Nothing arrives at Vultr, and the client has found the message where Vultr has it. */
const DENIED = /^0 requests; .*error returned from api : .*The caller foreign may not call/s;

const SOURCE = new URL('govultr/', import.meta.url);
const CLI = new URL('../../bin/vultr-grpc.js', import.meta.url).pathname;

const hasGo = spawnSync('go', ['version']).status === 0;
if (!hasGo)
  process.stderr.write("The tests with Vultr's Go client are skipped: there is no go on the PATH.\n");

describe.skipIf(!hasGo)("Vultr's own Go client", () => {
  let folder: string;
  let program: string;
  const children: Child[] = [];
  const start = (command: string, args: readonly string[]): Child => {
    const child = startChild(command, args);
    children.push(child);
    return child;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-govultr-'));
    program = join(folder, 'govultr');
    const build = spawnSync('go', ['build', '-o', program, '.'], { cwd: SOURCE, encoding: 'utf8' });
    if (build.status !== 0) throw new Error(`go build failed:\n${build.stderr}`);
  }, 300_000);

  afterAll(async () => {
    for (const child of children) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Does every call directly and through a gateway, which is started with these settings. */
  async function compare(
    settings: Readonly<Record<string, string>>,
    ...args: string[]
  ): Promise<TransparencyReport> {
    const client = start(program, ['transparent', ...args]);
    const { recorder } = JSON.parse(await client.line());
    const flags = { '--grpc': '127.0.0.1:0', '--http': '127.0.0.1:0', '--log-level': 'error' };
    const fixed = { ...flags, '--rate': 'off', '--cache-fresh': 'off', '--state-dir': 'memory' };
    const gateway = start(process.execPath, [
      CLI,
      'serve',
      ...Object.entries({ '--upstream': recorder, ...fixed, ...settings }).flat(),
    ]);
    const url = /HTTP (http:\S+),/.exec(await gateway.line())?.[1] ?? '';
    client.write(`${url}\n`);
    return JSON.parse(await client.line());
  }

  function expectTransparent(report: TransparencyReport): void {
    expect(report.calls).toBeGreaterThanOrEqual(METHODS);
    const isKeyless = ({ method, parts: [part, ...others] }: Difference): boolean =>
      KEYLESS.includes(method) &&
      part?.what === 'authorization' &&
      part.arrived === '' &&
      others.length === 0;
    const unexpected = report.differences.filter((difference) => !isKeyless(difference));
    expect(unexpected.flatMap(described)).toEqual([]);
    expect(report.differences.map(({ method }) => method).toSorted()).toEqual(KEYLESS);
    expect(report.unsent).toEqual(UNSENT);
    expect(report.equal).toBe(report.calls - UNSENT.length - KEYLESS.length);
  }

  test('reaches Vultr through the gateway with exactly the requests that it sends directly', async () => {
    expectTransparent(await compare({}));
  });

  test('does so with a virtual key in the place of the Vultr key, too', async () => {
    const { file, key } = writeCallersFile(folder, VULTR_KEY, ['*']);
    expectTransparent(await compare({ '--callers-file': file }, '-key', key));
  });

  test('reports a call that its virtual key may not make as an error of the API', async () => {
    const { file, key } = writeCallersFile(folder, VULTR_KEY, ['effect:read']);
    const { calls, equal, differences } = await compare({ '--callers-file': file }, '-key', key);
    const denied = differences.filter(({ method }) => !KEYLESS.includes(method));
    const arrivals = denied.map(({ parts: [part] }) => part?.arrived ?? '');
    expect(arrivals.filter((text) => !DENIED.test(text))).toEqual([]);
    expect(equal).toBeGreaterThan(100);
    expect(denied.length).toBeGreaterThan(200);
    expect(equal + denied.length).toBe(calls - UNSENT.length - KEYLESS.length);
  });

  test("leads an instance through its life as Terraform's provider does, with a virtual key", async () => {
    const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 11, timeScale: 100 });
    try {
      const { file, key } = writeCallersFile(folder, VULTR_KEY, ['vultr.v2.InstancesService/*']);
      const address = [
        '--grpc',
        '127.0.0.1:0',
        '--http',
        '127.0.0.1:0',
        '--rate',
        'off',
        '--upstream',
        sandbox.url,
      ];
      const gateway = start(process.execPath, [CLI, 'serve', ...address, '--callers-file', file]);
      const url = /HTTP (http:\S+),/.exec(await gateway.line())?.[1] ?? '';
      const client = start(program, ['lifecycle', '-base', url, '-key', key]);
      expect(JSON.parse(await client.line())).toEqual({
        label: 'changed',
        status: 'active',
        power: 'running',
        server: 'ok',
        gone: expect.stringContaining('instance not found'),
        denied: expect.stringMatching(/^error returned from api : The caller foreign may not call/),
      });
    } finally {
      await sandbox.close();
    }
  });

  test('gets success and everything it can decode from every operation of the sandbox', async () => {
    const lag = { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 };
    const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 11, lag });
    try {
      const client = start(program, ['decode', '-base', sandbox.url]);
      const report: DecodingReport = JSON.parse(await client.line());
      expect(report.uncalled, 'methods that scenario.txt does not call').toEqual([]);
      expect(report.faults.map(({ method, error }) => `${method}: ${error}`)).toEqual([]);
      expect(report.unsent).toEqual(UNSENT);
      expect(report.refused.map(({ method, status }) => `${method}: ${status}`)).toEqual(
        REDIRECTED.map((method) => `${method}: 302`),
      );
      expect(report.succeeded).toBe(report.methods - UNSENT.length - REDIRECTED.length);
      expect(report.decoded).toBe(report.succeeded);
      expect(report.methods).toBeGreaterThanOrEqual(METHODS);
      expect(report.spoilt.toSorted()).toEqual(SPOILT);
      expect(report.vacant.map(({ method, type }) => `${method}: no ${type}`)).toEqual([]);
      expect(report.empty, 'methods that got an empty list').toEqual([]);
      const lacking = report.lacking.filter((name) => !ENGINE_OPTIONS.test(name));
      expect(lacking, 'members that no response had').toEqual(Object.keys(LACKING));
    } finally {
      await sandbox.close();
    }
  });
});

/** What differs, a line each. */
function described({ method, parts }: Difference): string[] {
  return parts.map(({ what, sent, arrived }) => `${method}: ${what} is\n  ${arrived}\ninstead of\n  ${sent}`);
}
