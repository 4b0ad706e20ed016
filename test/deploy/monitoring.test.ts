import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { freePort } from '../../bench/overload/redis-server.ts';
import { sendHttp } from '../support/http-request.ts';
import { readMetrics, readQuery } from '../support/promql.ts';
import { startOnSandbox } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';
import { hasTool, neededTool } from '../support/tools.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const RULES = resolve('deploy/prometheus/alerts.yaml');
const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(readFileSync('deploy/grafana/vultr-grpc.json', 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const queries = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr }))),
];

/** What Prometheus adds by itself. */
const OF_PROMETHEUS = ['up', 'instance', 'job', 'le'];

/** A service with everything that has metrics, after some calls. */
async function startCounted() {
  const service = await startOnSandbox({
    httpListen: { host: '127.0.0.1', port: 0 },
    rate: 30,
    cacheFreshMs: 1_000,
    redisUrl: 'redis://127.0.0.1:1',
  });
  const address = service.app.httpAddress ?? '';
  for (const path of ['/api/regions', '/api/instances', '/api/nothing', '/v2/regions'])
    await sendHttp(address, 'GET', path);
  return { address, metrics: async () => (await sendHttp(address, 'GET', '/metrics')).text };
}

describe('the queries of alerts and dashboard', () => {
  test('name metrics and labels that a running service exposes', async () => {
    const { metrics } = await startCounted();
    const exposed = readMetrics(await metrics());
    const unknown = queries.flatMap(({ where, expr }) => {
      const { names, labels } = readQuery(expr);
      return [
        ...names.filter((name) => !exposed.names.has(name) && !OF_PROMETHEUS.includes(name)),
        ...labels
          .filter(({ metric, label }) => {
            const known = exposed.labels.get(metric);
            return known !== undefined && !known.has(label) && !OF_PROMETHEUS.includes(label);
          })
          .map(({ metric, label }) => `${metric}{${label}}`),
      ].map((name) => `${where}: ${name}`);
    });
    expect(unknown).toEqual([]);
  });
});

describe('the runbook', () => {
  const text = readFileSync('docs/runbook.md', 'utf8');
  const sections = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0] ?? '', section] as const),
  );

  test('has a section for each alert, and no other', () => {
    expect([...sections.keys()].toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  test('names panels of the dashboard, and says something in each section', () => {
    for (const [name, section] of sections) expect(section.length, name).toBeGreaterThan(150);
    const titles = panels.map(({ title }) => title);
    const named = [...text.matchAll(/(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)/g)].map(([, title]) => title);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((title) => !titles.includes(title ?? ''))).toEqual([]);
  });
});

test('every alert has a severity and a summary, and every panel a title of its own and a description', () => {
  for (const { alert, labels, annotations } of rules) {
    expect(['critical', 'warning'], alert).toContain(labels.severity);
    expect(annotations.summary, alert).not.toBe('');
  }
  for (const { title, description = '' } of panels) expect(description, title).not.toBe('');
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
});

/** For each alert, series on which it fires, and series on which it does not, a value a minute. */
const CASES: Readonly<Record<string, { readonly fires: Series; readonly quiet: Series }>> = {
  VultrGrpcDown: { fires: { 'up{job="vultr-grpc"}': '0x60' }, quiet: { 'up{job="vultr-grpc"}': '1x60' } },
  VultrGrpcErrors: {
    fires: calls({ OK: '0+90x60', INTERNAL: '0+10x60' }),
    quiet: calls({ OK: '0+90x60', NOT_FOUND: '0+50x60', INTERNAL: '0+1x60' }),
  },
  VultrGrpcSlow: { fires: durations('0+1x60', '0+10x60'), quiet: durations('0+1000x60', '0+1000x60') },
  VultrGrpcOverloaded: {
    fires: { 'rpc_server_shed_calls_total{kind="watch"}': '0+30x60' },
    quiet: { 'rpc_server_shed_calls_total{kind="watch"}': '0 20 20x58' },
  },
  VultrGrpcBreakerOpen: {
    fires: { vultr_breaker_changes_open: '1x60', vultr_breaker_reads_open: '0x60' },
    quiet: { vultr_breaker_changes_open: '0x60', vultr_breaker_reads_open: '0x60' },
  },
  VultrGrpcBudgetSpent: {
    fires: { 'vultr_budget_refused_total{cause="too_late"}': '0+30x60' },
    quiet: { 'vultr_budget_refused_total{cause="too_late"}': '0+1x60' },
  },
  VultrGrpcBudgetThrottled: {
    fires: { vultr_budget_rate_factor: '0.5x60' },
    quiet: { vultr_budget_rate_factor: '1x60' },
  },
  VultrGrpcBudgetDegraded: {
    fires: { vultr_budget_degraded: '1x60' },
    quiet: { vultr_budget_degraded: '0x60' },
  },
  VultrGrpcCreatesRefused: {
    fires: { vultr_idempotency_available: '0x60' },
    quiet: { vultr_idempotency_available: '1x60' },
  },
  VultrGrpcRedisFails: {
    fires: { 'redis_failures_total{use="record",cause="timeout"}': '0+30x60' },
    quiet: { 'redis_failures_total{use="record",cause="timeout"}': '0 1 2 2x58' },
  },
  VultrGrpcCertificateExpires: {
    fires: { 'tls_certificate_expiry_timestamp_seconds{side="server"}': '500000x90' },
    quiet: { 'tls_certificate_expiry_timestamp_seconds{side="server"}': '900000x90' },
  },
  VultrGrpcConnectionsRefused: {
    fires: { 'http_server_ended_connections_total{cause="full"}': '0+1x60' },
    quiet: { 'http_server_ended_connections_total{cause="idle"}': '0+1x60' },
  },
  VultrGrpcLogLinesDropped: {
    fires: { log_lines_dropped_total: '0+1x60' },
    quiet: { log_lines_dropped_total: '5x60' },
  },
};

type Series = Readonly<Record<string, string>>;

function calls(byCode: Series): Series {
  return Object.fromEntries(
    Object.entries(byCode).map(([code, values]) => [
      `rpc_server_call_duration_seconds_count{rpc_status_code="${code}"}`,
      values,
    ]),
  );
}

function durations(underOne: string, all: string): Series {
  const name = 'rpc_server_call_duration_seconds_bucket';
  const method = 'rpc_method="vultr.cloud.v1.CloudService/GetInstance"';
  return {
    [`${name}{${method},le="1"}`]: underOne,
    [`${name}{${method},le="30"}`]: all,
    [`${name}{${method},le="+Inf"}`]: all,
    // Watches last long, which is no fault.
    [`${name}{rpc_method="vultr.cloud.v1.CloudService/WatchInstance",le="1"}`]: '0x60',
    [`${name}{rpc_method="vultr.cloud.v1.CloudService/WatchInstance",le="+Inf"}`]: '0+9x60',
  };
}

const noPromtool = neededTool('promtool', 'Debian: apt-get install prometheus');

describe.skipIf(noPromtool !== '')(`the alerts, with promtool${noPromtool}`, () => {
  test('are rules that Prometheus takes', () => {
    expect(execFileSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' })).toContain('SUCCESS');
  });

  test('fire on what they are for, and not otherwise', () => {
    expect(Object.keys(CASES)).toEqual(rules.map(({ alert }) => alert));
    const tests = Object.entries(CASES).flatMap(([alertname, { fires, quiet }]) =>
      [
        { series: fires, isFiring: true },
        { series: quiet, isFiring: false },
      ].map(({ series, isFiring }) => ({
        interval: '1m',
        name: `${alertname} ${isFiring ? 'fires' : 'is quiet'}`,
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alertname}",alertstate="firing"}) or vector(0)`,
            eval_time: alertname === 'VultrGrpcCertificateExpires' ? '80m' : '50m',
            exp_samples: [{ labels: '{}', value: Number(isFiring) }],
          },
        ],
      })),
    );
    const file = join(temporaryFolder(), 'tests.yaml');
    writeFileSync(file, stringify({ rule_files: [RULES], evaluation_interval: '1m', tests }));
    expect(execFileSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })).toContain('SUCCESS');
  });

  test('/metrics is what Prometheus reads', async () => {
    const { metrics } = await startCounted();
    execFileSync('promtool', ['check', 'metrics'], { input: await metrics(), stdio: 'pipe' });
  });
});

const noPrometheus = neededTool('prometheus', 'Debian: apt-get install prometheus');

test.skipIf(!hasTool('prometheus'))(
  `a real Prometheus runs the dashboard's queries on a scrape of the service${noPrometheus}`,
  { timeout: 90_000 },
  async () => {
    const { address, metrics } = await startCounted();
    const folder = temporaryFolder();
    const config = join(folder, 'prometheus.yaml');
    const scrape = { job_name: 'vultr-grpc', static_configs: [{ targets: [address] }] };
    writeFileSync(
      config,
      stringify({
        global: { scrape_interval: '500ms', evaluation_interval: '500ms' },
        rule_files: [RULES],
        scrape_configs: [scrape],
      }),
    );
    const port = await freePort();
    const listen = `127.0.0.1:${port}`;
    const prometheus = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${listen}`,
      ],
      { stdio: 'ignore' },
    );
    onTestFinished(async () => {
      prometheus.kill('SIGKILL');
      if (prometheus.exitCode === null && prometheus.signalCode === null) await once(prometheus, 'exit');
    });
    const ask = async (expr: string) => {
      const path = `/api/v1/query?query=${encodeURIComponent(expr)}`;
      const { text } = await sendHttp(listen, 'GET', path);
      return JSON.parse(text) as { status: string; error?: string; data: { result: unknown[] } };
    };
    await vi.waitFor(
      async () => {
        const { data } = await ask('count_over_time(up{job="vultr-grpc"}[1m]) > 3');
        expect(data.result).toHaveLength(1);
      },
      { timeout: 60_000, interval: 250 },
    );
    const { labels: samples } = readMetrics(await metrics());
    const variables = { $__rate_interval: '1m', $instance: '.*' };
    for (const { title, targets = [] } of panels) {
      for (const { expr } of targets) {
        const query = Object.entries(variables).reduce((text, [from, to]) => text.replaceAll(from, to), expr);
        const { status, error, data } = await ask(query);
        expect(status, `${title}: ${error}`).toBe('success');
        const hasSamples = readQuery(query).names.every((name) => samples.has(name));
        if (hasSamples && !query.includes('> 0')) expect(data.result, `${title}: ${query}`).not.toEqual([]);
      }
    }
  },
);
