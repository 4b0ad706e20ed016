import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';
import { goTools, runProgram } from './toolbox.ts';

/** The first build of a tool takes a minute or two. */
const PATIENCE_MS = 300_000;

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const GET = '/vultr.cloud.v1.CloudService/GetInstance';
const WATCH = '/vultr.cloud.v1.CloudService/WatchInstance';

const opened = openForFile(() => startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } }));

/** The path of a Go program. Skips the running test, with the reason, when it cannot be built. */
async function built(
  module: string,
  program: string,
  skip: (condition: boolean, note: string) => void,
): Promise<string> {
  const { folder, missing = '' } = await goTools([module]);
  if (folder === undefined) {
    process.stderr.write(`skipped: ${missing}\n`);
    skip(true, missing);
  }
  return join(folder ?? '', program);
}

describe('buf curl, without a flag for the protocol', () => {
  /** Outside of the checkout, where it would read the protos. */
  const bufCurl = async (path: string, ...args: string[]): Promise<string> => {
    const url = `http://${opened().app.httpAddress}${path}`;
    return (await runProgram('buf', ['curl', ...args, url], { cwd: tmpdir() })).stdout;
  };
  const key = ['-H', `authorization: Bearer ${KEY}`];
  const data = ['-d', JSON.stringify({ instance_id: EXAMPLE })];

  test.each([
    ['Connect', []],
    ['gRPC-Web', ['--protocol', 'grpcweb']],
  ])('reflects, reads and watches by %s', async (_name, protocol) => {
    expect(await bufCurl('', ...protocol, '--list-services')).toContain('vultr.v2.InstancesService\n');
    expect(await bufCurl(GET, ...protocol, ...key, ...data)).toContain(EXAMPLE);
    const until = ['-d', JSON.stringify({ instance_id: EXAMPLE, until: { status: 'active' } })];
    expect(await bufCurl(WATCH, ...protocol, ...key, ...until)).toContain('"active"');
  });

  test('prints the details of an error', async () => {
    const failing = bufCurl(GET, '-d', '{}');
    await expect(failing).rejects.toThrow(/invalid_argument.*google\.rpc\.BadRequest/s);
  });
});

test(
  'grpcurl lists, describes and calls',
  async ({ skip }) => {
    const grpcurl = await built('github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3', 'grpcurl', skip);
    const { grpcAddress } = opened().app;
    const run = async (...args: string[]): Promise<string> =>
      (await runProgram(grpcurl, ['-plaintext', ...args])).stdout;
    expect(await run(grpcAddress, 'list')).toContain('vultr.cloud.v1.CloudService\n');
    expect(await run(grpcAddress, 'describe', 'vultr.cloud.v1.CloudService.GetInstance')).toContain(
      '/api/instances/{instance_id}',
    );
    const data = JSON.stringify({ instance_id: EXAMPLE });
    const headers = ['-H', `authorization: Bearer ${KEY}`];
    expect(await run(...headers, '-d', data, grpcAddress, GET.slice(1))).toContain(EXAMPLE);
  },
  PATIENCE_MS,
);

test(
  'grpc_health_probe sees the service, and each service, as serving',
  async ({ skip }) => {
    const module = 'github.com/grpc-ecosystem/grpc-health-probe@v0.4.62';
    const probe = await built(module, 'grpc-health-probe', skip);
    const address = `-addr=${opened().app.grpcAddress}`;
    for (const args of [[], ['-service=vultr.cloud.v1.CloudService']]) {
      const { stderr, stdout } = await runProgram(probe, [address, ...args]);
      expect(stdout + stderr).toContain('status: SERVING');
    }
    await expect(runProgram(probe, [address, '-service=nobody'])).rejects.toThrow('NotFound');
  },
  PATIENCE_MS,
);

/** What ghz writes about a run. */
interface GhzReport {
  readonly count: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly errorDistribution: Readonly<Record<string, number>>;
}

test(
  'ghz measures a few hundred calls, which it finds by reflection, and all are OK',
  async ({ skip }) => {
    const ghz = await built('github.com/bojand/ghz/cmd/ghz@v0.121.0', 'ghz', skip);
    const headers = JSON.stringify({ authorization: `Bearer ${KEY}` });
    const load = ['--total', '300', '--concurrency', '10', '--metadata', headers, '--format', 'json'];
    const call = ['--insecure', '--call', 'vultr.cloud.v1.CloudService/ListPlans', '--data', '{}'];
    const { stdout } = await runProgram(ghz, [...load, ...call, opened().app.grpcAddress]);
    const { count, statusCodeDistribution, errorDistribution } = JSON.parse(stdout) as GhzReport;
    expect({ count, statusCodeDistribution, errorDistribution }).toEqual({
      count: 300,
      statusCodeDistribution: { OK: 300 },
      errorDistribution: {},
    });
  },
  PATIENCE_MS,
);
