import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { GetInstanceRequest } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { cloudPath } from '../support/grpc-server.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { newFolder } from './toolbox.ts';

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const KEY = 'KEY-OF-THE-SERVICE-0123456789';
const GET = GetInstanceRequest.encode(GetInstanceRequest.fromPartial({ instance_id: EXAMPLE })).finish();

/** How long Vultr takes. */
const UPSTREAM_MS = 20;
/** The proxy asks ten times within it. */
const DRAIN = '1s';
/** Connections end of age all the time. The machine is busier than the service makes it, so that nothing is shed. */
const LIFE = { 'drain-delay': DRAIN, 'max-connection-age': '2s', 'shed-delay': 'off' };
const ROUNDS = 2;

const hasGo = spawnSync('go', ['version']).status === 0;
const hasProxy = spawnSync('haproxy', ['-v']).status === 0;
if (!hasProxy) process.stderr.write('Rolling restarts are not tested: there is no haproxy on the PATH.\n');
if (!hasGo)
  process.stderr.write('Rolling restarts are not tested with grpc-go: there is no go on the PATH.\n');

/** Where one replica listens. */
interface Ports {
  readonly grpc: number;
  readonly http: number;
}

/** What a client has seen. */
interface Outcome {
  readonly calls: number;
  readonly failures: readonly string[];
}

/** A client that calls all the time. */
interface Caller {
  readonly name: string;
  /** Ends it, once its calls in progress are over. */
  stop(): Promise<Outcome>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A replica of the service, in a process of its own. Resolves once it is ready. */
async function startReplica({ grpc, http }: Ports, upstream: URL): Promise<ChildProcess> {
  const flags = {
    upstream: String(upstream),
    grpc: `127.0.0.1:${grpc}`,
    http: `127.0.0.1:${http}`,
    rate: 'off',
  };
  const args = Object.entries({ ...flags, ...LIFE }).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.execPath, [resolve('bin/vultr-grpc.js'), 'serve', ...args], {
    env: { PATH: process.env['PATH'], STATE_DIR: 'memory', VULTR_API_KEY: KEY, LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closeAtEnd(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

/** What docs/operations.md says about haproxy, for these replicas. */
function proxyConfig(front: Ports, replicas: readonly Ports[]): string {
  const servers = (side: keyof Ports, more: string): string =>
    replicas
      .map((ports, index) => `  server s${index} 127.0.0.1:${ports[side]} check port ${ports.http} ${more}`)
      .join('\n');
  return `
defaults
  mode http
  timeout connect 2s
  timeout check 2s
  timeout client 60s
  timeout server 60s
  balance roundrobin
  option httpchk GET /readyz
  default-server inter 100ms fall 1 rise 1
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
frontend grpc
  bind 127.0.0.1:${front.grpc} proto h2
  default_backend grpc
backend grpc
${servers('grpc', 'proto h2 check-proto h1')}
frontend http
  bind 127.0.0.1:${front.http}
  default_backend http
backend http
${servers('http', '')}
`;
}

async function startProxy(replicas: readonly Ports[]): Promise<Ports> {
  const front = { grpc: await freePort(), http: await freePort() };
  const file = join(await newFolder(), 'haproxy.cfg');
  writeFileSync(file, proxyConfig(front, replicas));
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'ignore'] });
  closeAtEnd(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await expect
    .poll(() => sendHttp(`127.0.0.1:${front.http}`, 'GET', '/readyz').catch(() => undefined))
    .toMatchObject({ status: 200 });
  return front;
}

/** Calls with so many loops until it is stopped. */
function loop(name: string, workers: number, call: () => Promise<void>, close: () => void): Caller {
  let calls = 0;
  let isOver = false;
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    while (!isOver) {
      await call().then(
        () => {
          calls += 1;
        },
        (error: unknown) => failures.push(String(error)),
      );
    }
  };
  const running = Array.from({ length: workers }, work);
  return {
    name,
    stop: async () => {
      isOver = true;
      await Promise.all(running);
      close();
      return { calls, failures };
    },
  };
}

/**
 * The policy of docs/retries.md. grpc-js needs it: a call that it begins in the very moment in which it reads that the connection
 * ends fails on its own side ("Write error: ... REFUSED_STREAM"), and it does not repeat it by itself.
 */
const RETRIES = JSON.parse(/```json\n(.*?)```/s.exec(readFileSync('docs/retries.md', 'utf8'))?.[1] ?? '');

function grpcJs(name: string, target: string): Caller {
  const client = new Client(target, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify({ ...RETRIES, loadBalancingConfig: [{ round_robin: {} }] }),
  });
  const same = (bytes: Buffer): Buffer => bytes;
  const call = (): Promise<void> =>
    new Promise((done, failed) => {
      const options = { deadline: Date.now() + 20_000 };
      client.makeUnaryRequest(cloudPath('GetInstance'), same, same, Buffer.from(GET), options, (error) =>
        error === null ? done() : failed(error),
      );
    });
  return loop(name, 4, call, () => client.close());
}

function grpcGo(name: string, program: string, addresses: readonly string[]): Caller {
  const request = Buffer.from(GET).toString('base64');
  const flags = { addresses: addresses.join(','), method: cloudPath('GetInstance'), request, workers: '4' };
  const child = spawn(
    program,
    Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`),
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  closeAtEnd(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  return {
    name,
    stop: async () => {
      const line = once(lines, 'line');
      child.stdin.end();
      const [text] = (await line) as [string];
      return JSON.parse(text);
    },
  };
}

/** Kept-alive connections; half of the requests are changes, which no proxy may repeat on its own. */
function httpKeepAlive(name: string, port: number): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  let count = 0;
  const call = (): Promise<void> =>
    new Promise((done, failed) => {
      count += 1;
      const [method, path] = count % 2 === 0 ? ['GET', ''] : ['POST', '/start'];
      const outgoing = request(
        { port, agent, method, host: '127.0.0.1', path: `/v2/instances/${EXAMPLE}${path}` },
        (response) => {
          response.resume();
          response.once('end', () =>
            response.statusCode === 200 ? done() : failed(new Error(`${method} ${response.statusCode}`)),
          );
          response.once('error', failed);
        },
      );
      outgoing.once('error', (error) => failed(new Error(`${method} ${error.message}`)));
      outgoing.end();
    });
  return loop(name, 4, call, () => agent.destroy());
}

/** Resolves once a replica has been given calls by everybody who calls over a proxy. */
async function isServing({ http }: Ports): Promise<boolean> {
  const { text } = await sendHttp(`127.0.0.1:${http}`, 'GET', '/metrics');
  return ['grpc', 'http'].every((transport) =>
    new RegExp(`^rpc_server_call_duration_seconds_count.*"OK",rpc_system_name="${transport}"`, 'm').test(
      text,
    ),
  );
}

test.skipIf(!hasProxy)(
  'replacing every replica twice, behind a proxy and under load, costs nobody a call',
  async () => {
    const upstream = await startFakeUpstream(async () => {
      await sleep(UPSTREAM_MS);
      return [200, { instance: { id: EXAMPLE } }];
    });
    const ports: Ports[] = [];
    for (let index = 0; index < 3; index += 1) ports.push({ grpc: await freePort(), http: await freePort() });
    const replicas = await Promise.all(ports.map((each) => startReplica(each, upstream.url)));
    const front = await startProxy(ports);
    const proxy = `127.0.0.1:${front.grpc}`;
    const direct = ports.map(({ grpc }) => `127.0.0.1:${grpc}`);
    const callers = [
      grpcJs('grpc-js over the proxy', proxy),
      grpcJs('grpc-js without a proxy', `ipv4:${direct.join(',')}`),
      httpKeepAlive('HTTP over the proxy', front.http),
    ];
    if (hasGo) {
      const program = join(await newFolder(), 'rolling-restart');
      const cwd = new URL('rolling-restart/', import.meta.url);
      execFileSync('go', ['build', '-o', program, '.'], { cwd, stdio: 'pipe' });
      callers.push(grpcGo('grpc-go over the proxy', program, [proxy]));
      callers.push(grpcGo('grpc-go without a proxy', program, direct));
    }

    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, each] of ports.entries()) {
        await expect.poll(() => isServing(each), { timeout: 20_000 }).toBe(true);
        const old = replicas[index];
        const exit = once(old as ChildProcess, 'exit');
        old?.kill('SIGTERM');
        expect(await exit).toEqual([0, null]);
        replicas[index] = await startReplica(each, upstream.url);
      }
    }
    await Promise.all(
      ports.map((each) => expect.poll(() => isServing(each), { timeout: 20_000 }).toBe(true)),
    );

    const outcomes = await Promise.all(callers.map((caller) => caller.stop()));
    const failed = outcomes.map(({ failures }, index) => [callers[index]?.name, failures]);
    expect(failed).toEqual(callers.map(({ name }) => [name, []]));
    for (const { calls } of outcomes) expect(calls).toBeGreaterThan(100);
  },
  180_000,
);
