import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CreateInstanceRequest, GetInstanceRequest } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { CallError } from '../../src/status/call-error.ts';
import { cloudPath, startGrpc, type TestGrpcServer } from '../support/grpc-server.ts';
import { closeAtEnd } from '../support/opened.ts';

const run = promisify(execFile);
const SOURCE = new URL('grpc-retry/', import.meta.url);
const KEY = 'KEY-OF-A-CALLER-0123456789';

/** The service config that docs/retries.md tells people to use, with CreateInstance as the page allows it. */
const page = readFileSync(new URL('../../docs/retries.md', import.meta.url), 'utf8');
const serviceConfig = JSON.parse(/```json\n(.*?)```/s.exec(page)?.[1] ?? '');
serviceConfig.methodConfig[0].name.push({ service: 'vultr.cloud.v1.CloudService', method: 'CreateInstance' });

/** How a call ended, as a foreign client tells it. */
interface Ending {
  readonly code: string;
  readonly message: string;
  readonly trailers: Readonly<Record<string, readonly string[]>>;
  readonly ms: number;
}

type Caller = (address: string, rpc: string, request: Uint8Array) => Promise<Ending>;

/** Python with grpcio: the one that GRPC_PYTHON names, or the one on the PATH. */
const PYTHON = process.env['GRPC_PYTHON'] ?? 'python3';
const hasGo = spawnSync('go', ['version']).status === 0;
const hasPython = spawnSync(PYTHON, ['-c', 'import grpc']).status === 0;
if (!hasGo) process.stderr.write('The retries of grpc-go are not tested: there is no go on the PATH.\n');
if (!hasPython) {
  process.stderr.write(
    'The retries of grpcio are not tested: no Python with grpcio; GRPC_PYTHON can name one.\n',
  );
}

let folder: string;
let config: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-retry-'));
  config = join(folder, 'service-config.json');
  writeFileSync(config, JSON.stringify(serviceConfig));
  if (!hasGo) return;
  const build = spawnSync('go', ['build', '-o', join(folder, 'grpc-retry'), '.'], {
    cwd: SOURCE,
    encoding: 'utf8',
  });
  if (build.status !== 0) throw new Error(`go build failed:\n${build.stderr}`);
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const go: Caller = async (address, rpc, request) => {
  const flags = { address, config, method: cloudPath(rpc), key: KEY, request: base64(request) };
  const args = Object.entries(flags).map(([name, value]) => `-${name}=${value}`);
  return JSON.parse((await run(join(folder, 'grpc-retry'), args)).stdout);
};

const python: Caller = async (address, rpc, request) => {
  const script = new URL('retry.py', SOURCE).pathname;
  const { stdout } = await run(PYTHON, [script, address, config, cloudPath(rpc), KEY, base64(request)]);
  return JSON.parse(stdout);
};

const node: Caller = (address, rpc, request) => {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify(serviceConfig),
  });
  closeAtEnd(() => client.close());
  const begun = performance.now();
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      cloudPath(rpc),
      same,
      same,
      Buffer.from(request),
      new Metadata(),
      { deadline: Date.now() + 20_000 },
      (error: ServiceError | null) => {
        const map = error?.metadata.getMap() ?? {};
        const texts = Object.entries(map).map(([name, value]) => [name, [String(value)]]);
        resolve({
          code: status[error?.code ?? 0] ?? '',
          message: error?.details ?? '',
          trailers: Object.fromEntries(texts),
          ms: performance.now() - begun,
        });
      },
    );
  });
};

const READ = GetInstanceRequest.encode(
  GetInstanceRequest.fromPartial({ instance_id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60' }),
).finish();

function creation(requestId: string): Uint8Array {
  const partial = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124', request_id: requestId };
  return CreateInstanceRequest.encode(CreateInstanceRequest.fromPartial(partial)).finish();
}

const DELAY_MS = 150;

/** A service whose rpcs all fail like this, and how often they were called. */
async function failing(error: () => CallError): Promise<TestGrpcServer & { attempts(): number }> {
  let attempts = 0;
  const fail = async (): Promise<never> => {
    attempts += 1;
    throw error();
  };
  const server = await startGrpc({ GetInstance: fail, CreateInstance: fail, HaltInstance: fail });
  return { ...server, attempts: () => attempts };
}

const unavailable = (options: ConstructorParameters<typeof CallError>[3]) => () =>
  new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'Vultr cannot be reached.', options);

describe.each([
  ['grpc-go', go, hasGo],
  ['grpcio', python, hasPython],
  ['grpc-js', node, true],
] as const)('the retry policy of docs/retries.md in %s', (_name, call, isThere) => {
  test.skipIf(!isThere)('repeats a read that is UNAVAILABLE, when the service says', async () => {
    const server = await failing(unavailable({ retryDelayMs: DELAY_MS }));
    const { code, trailers, ms } = await call(server.address, 'GetInstance', READ);
    expect(code.toUpperCase()).toBe('UNAVAILABLE');
    expect(server.attempts()).toBe(4);
    expect(trailers).toMatchObject({
      'grpc-retry-pushback-ms': [String(DELAY_MS)],
      'x-request-id': [expect.stringMatching(/^[0-9a-f-]{36}$/)],
    });
    // Three waits, each as long as the service said; the policy's own backoff is random.
    expect(ms).toBeGreaterThanOrEqual(3 * DELAY_MS - 20);
  });

  test.skipIf(!isThere)('repeats a read by its own backoff when the service does not say', async () => {
    const server = await failing(unavailable({}));
    await call(server.address, 'GetInstance', READ);
    expect(server.attempts()).toBe(4);
  });

  test.skipIf(!isThere)('repeats a creation that has an id', async () => {
    const server = await failing(unavailable({ retryDelayMs: DELAY_MS }));
    await call(server.address, 'CreateInstance', creation('0190a1c2-0000-7000-8000-000000000001'));
    expect(server.attempts()).toBe(4);
  });

  test.skipIf(!isThere)(
    'never repeats a creation without an id that Vultr may have carried out',
    async () => {
      const server = await failing(unavailable({ retryDelayMs: DELAY_MS }));
      const { trailers } = await call(server.address, 'CreateInstance', creation(''));
      expect(server.attempts()).toBe(1);
      expect(trailers).toMatchObject({ 'grpc-retry-pushback-ms': ['-1'] });
    },
  );

  test.skipIf(!isThere)('repeats a creation without an id of which nothing was sent', async () => {
    const server = await failing(unavailable({ retryDelayMs: DELAY_MS, reached: 'no' }));
    await call(server.address, 'CreateInstance', creation(''));
    expect(server.attempts()).toBe(4);
  });

  test.skipIf(!isThere)('does not repeat what will fail again', async () => {
    const server = await failing(
      () => new CallError('INVALID_ARGUMENT', 'VULTR_REFUSED', 'Invalid plan.', { reached: 'no' }),
    );
    await call(server.address, 'GetInstance', READ);
    expect(server.attempts()).toBe(1);
  });
});
