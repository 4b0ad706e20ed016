/**
 * One of the things that bench/cost.ts compares, as a process of its own: `upstream`, or what stands before it. Tells its
 * parent the port, then answers every message with the CPU time and memory that it has used.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { startApp } from '../../src/app/app.ts';
import { readServeConfig } from '../../src/config/read.ts';
import { loadContract } from '../../src/contract/load.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { admitEverybody } from '../../src/pipeline/admission.ts';
import { createPipeline } from '../../src/pipeline/pipeline.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { createForwarder } from '../../src/v2/forward.ts';
import { createResolver } from '../../src/v2/resolve.ts';
import { createVultrClient } from '../../src/vultr/client.ts';

const [kind = '', upstreamUrl = ''] = process.argv.slice(2);
const log = createLogger({ level: 'silent', format: 'json' });

const START: Readonly<Record<string, () => Promise<string>>> = { upstream, bare, off, on };

const start = START[kind];
if (start === undefined) throw new Error(`${kind} is none of ${Object.keys(START).join(', ')}`);
process.send?.({ url: await start() });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system, rssBytes: process.memoryUsage.rss() });
});

/** Answers of the sandbox, kept as bytes, so that the upstream costs next to nothing. */
async function upstream(): Promise<string> {
  const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 1 });
  const paths = ['/v2/plans?per_page=100', '/v2/instances'];
  const responses = new Map<string, Buffer>();
  for (const path of paths) {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer k' };
    responses.set(path, Buffer.from(await (await fetch(sandbox.url + path, { headers })).arrayBuffer()));
  }
  await sandbox.close();
  return listen((path) => responses.get(path.replace(/[?&]label=.*/, '')) ?? Buffer.from('{}'));
}

function listen(answer: (path: string) => Buffer | Promise<Buffer>): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await answer(request.url ?? '');
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}

/** undici and node:http with nothing between them. */
async function bare(): Promise<string> {
  const pool = new Pool(upstreamUrl, { connections: 64 });
  const headers = { 'content-type': 'application/json' };
  return listen(async (path) => {
    const { body } = await pool.request({ method: 'GET', path, headers });
    return Buffer.from(await body.arrayBuffer());
  });
}

/** The service without any stage between its client and the transport but deadline, retry and errors. */
async function off(): Promise<string> {
  const vultr = createVultrClient({ baseUrl: upstreamUrl });
  const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
  const operations = [...contract.operations.values()].filter(({ service }) =>
    service.startsWith('vultr.v2.'),
  );
  const handle = createForwarder(vultr);
  const timeoutMs = { default: 30_000, max: 300_000 };
  const pipeline = createPipeline({
    handlers: new Map(operations.map(({ name }) => [name, { kind: 'unary', handle }])),
    openAdmission: admitEverybody(undefined),
    log,
    unaryTimeoutMs: timeoutMs,
    streamTimeoutMs: timeoutMs,
  });
  const http = await startHttpServer({
    operations,
    resolveVultr: createResolver(contract),
    dispatcher: pipeline,
    listen: { host: '127.0.0.1', port: 0 },
  });
  return `http://127.0.0.1:${http.port}`;
}

/** The service as it is served, its budget too large to be felt. */
async function on(): Promise<string> {
  const args = [
    '--upstream',
    upstreamUrl,
    '--grpc',
    '127.0.0.1:0',
    '--http',
    '127.0.0.1:0',
    '--rate',
    '1000000',
  ];
  const app = await startApp(readServeConfig(args, {}), log);
  return `http://${app.httpAddress}`;
}
