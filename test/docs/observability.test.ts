import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MAX_SERIES } from '../../src/telemetry/meter.ts';
import { FLUSH_TIMEOUT_MS } from '../../src/telemetry/otlp.ts';

const text = readFileSync('docs/observability.md', 'utf8');

/** The names in the first cells of a table, between the comments that bear the table's name. */
function namesIn(table: string): string[] {
  const rows = new RegExp(`<!-- ${table} -->\n(.*?)<!-- /${table} -->`, 's').exec(text)?.[1] ?? '';
  return rows
    .trim()
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
    .toSorted();
}

/** What stands in single quotes in the sources, and looks like a name of OpenTelemetry's: lower case, with dots. */
function quoted(pattern: RegExp, ...files: readonly string[]): string[] {
  const found = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name = '']) => name),
  );
  return [...new Set(found)].toSorted();
}

test('the attributes of spans are those that the sources set', () => {
  const attribute = /'([a-z_]+(?:\.[a-z_]+)+)'(?::|\] =)/g;
  expect(namesIn('call attributes')).toEqual(quoted(attribute, 'src/telemetry/call-span.ts'));
  expect(namesIn('exchange attributes')).toEqual(quoted(attribute, 'src/vultr/exchange.ts'));
});

test('the events are those that the sources tell of', () => {
  const named = quoted(/\.event\('([\w.]+)'/g, 'src/vultr/telemetry.ts', 'src/app/idempotency.ts');
  const byKind =
    /case 'retry_refused':\s+case 'breaker_refused':\s+case 'shared':\s+span\.event\(`vultr\.\$\{event\.kind\}`\)/;
  expect(readFileSync('src/vultr/telemetry.ts', 'utf8')).toMatch(byKind);
  const all = [...named, 'vultr.retry_refused', 'vultr.breaker_refused', 'vultr.shared'];
  expect(namesIn('events')).toEqual(all.toSorted());
});

test('the variables that are read are told of', () => {
  for (const [, name = ''] of readFileSync('src/telemetry/otel-settings.ts', 'utf8').matchAll(
    /'(OTEL_[A-Z_]+)'/g,
  ))
    expect(text, name).toContain(`\`${name}\``);
});

test('the bounds are those of the sources', () => {
  expect(text).toContain(`${MAX_SERIES} series at most`);
  expect([text.includes('at most three seconds'), FLUSH_TIMEOUT_MS]).toEqual([true, 3_000]);
});
