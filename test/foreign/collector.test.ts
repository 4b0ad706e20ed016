import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { closeAtEnd } from '../support/opened.ts';
import { startOnSandbox } from '../support/service.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** Why it is not asked; undefined: it is. */
const missing =
  process.env['FOREIGN_CLIENTS'] !== 'all'
    ? 'its first build takes minutes; FOREIGN_CLIENTS=all includes it'
    : spawnSync('go', ['version']).status !== 0
      ? 'there is no go on the PATH'
      : undefined;
if (missing !== undefined) process.stderr.write(`OpenTelemetry's collector is not asked: ${missing}.\n`);

const program = join(tmpdir(), 'vultr-grpc-tools', 'collector');
beforeAll(() => {
  if (missing !== undefined) return;
  const cwd = new URL('collector/', import.meta.url);
  execFileSync('go', ['build', '-o', program, '.'], { cwd, stdio: 'pipe' });
}, 900_000);

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Starts the collector, which writes what it is sent; returns the function that reads that. */
async function startCollector(ports: { readonly grpc: number; readonly http: number }) {
  const parts = [
    `receivers::otlp::protocols: {http: {endpoint: "127.0.0.1:${ports.http}"}, grpc: {endpoint: "127.0.0.1:${ports.grpc}"}}`,
    'exporters::debug::verbosity: detailed',
    'service::pipelines: {traces: {receivers: [otlp], exporters: [debug]}, metrics: {receivers: [otlp], exporters: [debug]}}',
    'service::telemetry::metrics::level: none',
  ];
  const child = spawn(
    program,
    parts.flatMap((part) => ['--config', `yaml:${part}`]),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  closeAtEnd(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await vi.waitUntil(() => text.includes('Everything is ready'), { timeout: 30_000 });
  return () => text;
}

describe.skipIf(missing !== undefined)("OpenTelemetry's own collector", () => {
  test.each(['grpc', 'http/protobuf'] as const)('takes traces and metrics by %s', async (protocol) => {
    const ports = { grpc: await freePort(), http: await freePort() };
    const told = await startCollector(ports);
    const port = protocol === 'grpc' ? ports.grpc : ports.http;
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`);
    vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', protocol);
    closeAtEnd(() => vi.unstubAllEnvs());
    const service = await startOnSandbox({}, {}, { env: process.env });
    const metadata = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
    await service.client.ask('listRegions', {}, { metadata });
    await service.app.close();
    await vi.waitUntil(() => /Name: rpc\.server\.call\.duration/.test(told()), { timeout: 10_000 });
    const [call = ''] = /Trace ID +: 4bf9.*?Kind +: Server/s.exec(told()) ?? [];
    expect(call).toContain('Name           : vultr.cloud.v1.CloudService/ListRegions');
    expect(told()).toContain('-> rpc.status_code: Str(OK)');
    expect(service.log.lines({ msg: 'the collector does not take what it is sent: it is dropped' })).toEqual(
      [],
    );
  });
});
