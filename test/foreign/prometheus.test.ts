import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Meter } from '../../src/telemetry/meter.ts';
import { METRICS } from '../../src/telemetry/metric-table.ts';
import { prometheusName, renderPrometheus } from '../../src/telemetry/prometheus.ts';
import { sendHttp } from '../support/http-request.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

/** A metric as Prometheus reads it. */
interface Read {
  readonly type: string;
  readonly help: string;
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const hasGo = spawnSync('go', ['version']).status === 0;
if (!hasGo)
  process.stderr.write("Prometheus' parser does not read the metrics: there is no go on the PATH.\n");

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-prometheus-'));
const program = join(folder, 'parse');
beforeAll(() => {
  if (!hasGo) return;
  const cwd = new URL('prometheus/', import.meta.url);
  execFileSync('go', ['build', '-o', program, '.'], { cwd, stdio: 'pipe' });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Has Prometheus' own parser read a text. */
function parse(text: string): Readonly<Record<string, Read>> {
  return JSON.parse(execFileSync(program, { input: text, encoding: 'utf8', stdio: 'pipe' }));
}

describe.skipIf(!hasGo)("Prometheus' own parser", () => {
  test('reads what the service tells, and finds every metric of the table that has a value', async () => {
    const service = await startOnSandbox({
      httpListen: { host: '127.0.0.1', port: 0 },
      rate: 30,
      cacheFreshMs: 60_000,
    });
    const get = async (path: string) =>
      await sendHttp(service.app.httpAddress ?? '', 'GET', path, undefined, {
        authorization: `Bearer ${KEY}`,
      });
    for (const path of ['/api/regions', '/api/regions', '/v2/instances', '/v2/unheard-of', '/nothing'])
      await get(path);
    await service.client.ask('listPlans', {});
    const { text } = await get('/metrics');
    const metrics = parse(text);
    const types = new Map(Object.values(METRICS).map((spec) => [prometheusName(spec), spec]));
    for (const [name, { type, help }] of Object.entries(metrics)) {
      const spec = types.get(name);
      expect([type.toLowerCase(), help], name).toEqual([spec?.kind, spec?.help]);
    }
    expect(Object.keys(metrics).length).toBeGreaterThan(25);
    const calls = metrics['rpc_server_call_duration_seconds']?.series ?? [];
    expect(calls.find(({ labels }) => labels['rpc_method']?.endsWith('CloudService/ListRegions'))).toEqual({
      labels: {
        rpc_method: 'vultr.cloud.v1.CloudService/ListRegions',
        rpc_status_code: 'OK',
        rpc_system_name: 'http',
      },
      value: 2,
    });
  });

  test('reads any label as it was given', () => {
    const subject = 'CN=a "quoted" \\ name,\nO=über';
    const meter = new Meter();
    meter.observed(METRICS.certificateExpiry, (observe) => observe(1.5, 'server', 'a{b="c"}', subject));
    const { series } =
      parse(renderPrometheus(meter.read()))['tls_certificate_expiry_timestamp_seconds'] ?? {};
    expect(series).toEqual([{ labels: { side: 'server', file: 'a{b="c"}', subject }, value: 1.5 }]);
  });

  test('refuses what is not right, so that its silence means something', () => {
    expect(() => parse('a{b="c} 1\n')).toThrow();
  });
});
