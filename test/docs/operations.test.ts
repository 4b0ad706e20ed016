import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Setting } from '../../src/config/setting.ts';
import { SANDBOX_SETTINGS, SERVE_SETTINGS } from '../../src/config/settings.ts';
import { sendHttp } from '../support/http-request.ts';
import { startOnSandbox } from '../support/service.ts';

const text = readFileSync('docs/operations.md', 'utf8');
const observability = readFileSync('docs/observability.md', 'utf8');

/** The cells of each row of a table, between the comments that bear the table's name. */
function rowsOf(name: string, from = text): string[][] {
  const table = new RegExp(`<!-- ${name} -->\n(.*?)<!-- /${name} -->`, 's').exec(from)?.[1] ?? '';
  const rows = table.trim().split('\n').slice(2);
  expect(rows.length, name).toBeGreaterThan(0);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const unquoted = (cell = ''): string => cell.replaceAll('`', '');

test('the tables that are generated are what the code says', () => {
  execFileSync(process.execPath, ['scripts/update-docs.ts', '--check'], { stdio: 'pipe' });
});

/** What is registered only where traces are exported, which this service does not do. */
const ONLY_WITH_TRACES = ['otel_sdk_processor_span_processed_total'];

test('the metrics are those of the running service, no more and no less', async () => {
  const { app } = await startOnSandbox({
    httpListen: { host: '127.0.0.1', port: 0 },
    rate: 30,
    cacheFreshMs: 1_000,
  });
  const { text: metrics } = await sendHttp(app.httpAddress ?? '', 'GET', '/metrics');
  const registered = [...metrics.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
  expect(
    rowsOf('metrics', observability)
      .map(([name]) => unquoted(name))
      .toSorted(),
  ).toEqual([...registered, ...ONLY_WITH_TRACES].toSorted());
});

test('the log messages are those of the sources, with their levels', () => {
  const written = new Map<string, Set<string>>();
  for (const file of globSync('src/**/*.ts')) {
    const source = readFileSync(file, 'utf8');
    for (const [, level = '', message = ''] of source.matchAll(
      /\blog\.(debug|info|warn|error)\([^;]*?'([^'\n\\]+)'\s*,?\s*\)/g,
    )) {
      written.set(message, (written.get(message) ?? new Set()).add(level));
    }
  }
  const told = rowsOf('log messages').map(
    ([message, levels = '']) => `${unquoted(message)}: ${levels.split(', ').toSorted()}`,
  );
  expect(told.toSorted()).toEqual(
    [...written].map(([message, levels]) => `${message}: ${[...levels].toSorted()}`).toSorted(),
  );
});

test('the members of a log line are those that are written', () => {
  const source = readFileSync('src/telemetry/call-log.ts', 'utf8');
  const written = [...source.matchAll(/[`,]"(\w+)":/g)].map(([, name = '']) => name);
  const told = rowsOf('log members').flatMap(([names = '']) => unquoted(names).split(', '));
  expect(told.toSorted()).toEqual(written.toSorted());
});

test('every setting, variable and metric in the text exists', () => {
  const settings = Object.values<Setting<unknown>>({ ...SERVE_SETTINGS, ...SANDBOX_SETTINGS });
  const variables = new Set(settings.map(({ env }) => env));
  // The tables of bounds and of log members name what is in the sources; tests of their own look at those.
  const prose = text.replace(/<!-- (bounds|log members) -->.*?<!-- \/\1 -->/gs, '');
  const named = [...prose.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=\w+)?`/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !variables.has(name))).toEqual([]);
  const metrics = rowsOf('metrics', observability).map(([name]) => unquoted(name));
  const others = [...prose.matchAll(/`((?:vultr|rpc_server)_\w+)`/g)].map(([, name = '']) => name);
  expect(others.filter((name) => !metrics.includes(name))).toEqual([]);
});

const UNITS: Readonly<Record<string, number>> = { '': 1, KB: 1024, MB: 1024 ** 2, ms: 1, s: 1_000 };

/** The value of a constant or member in a source: a product of numbers and of other constants of that source. */
function constantOf(name: string, source: string): number {
  const members = source.replace(/^ *readonly .*$/gm, '');
  const expression = new RegExp(`\\b${name}\\s*[:=]\\s*([\\w *]*\\w)\\s*[,;}]`).exec(members)?.[1];
  if (expression === undefined) throw new Error(`The source does not set ${name}.`);
  return expression.split('*').reduce((product, part) => {
    const factor = part.trim();
    return (
      product * (/^[\d_]+$/.test(factor) ? Number(factor.replaceAll('_', '')) : constantOf(factor, source))
    );
  }, 1);
}

test('every bound is the one in the source that sets it', () => {
  for (const [what, bound = '', set = ''] of rowsOf('bounds')) {
    const [, name = '', path = ''] = /`(\w+)` in \[.*\]\((.*)\)/.exec(set) ?? [];
    const [, amount, unit = ''] = /^([\d.]+) ?(\w*)$/.exec(bound) ?? [];
    const source = readFileSync(join('docs', path), 'utf8');
    expect(Number(amount) * (UNITS[unit] ?? Number.NaN), `${what}: ${name}`).toBe(constantOf(name, source));
  }
});
