/**
 * Writes the tables in the documents that the code is the source of. With --check it writes nothing, and fails when a table
 * is not what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Setting } from '../src/config/setting.ts';
import { SANDBOX_SETTINGS, SERVE_SETTINGS } from '../src/config/settings.ts';
import { loadContract } from '../src/contract/load.ts';
import type { Operation } from '../src/contract/operation.ts';
import { CODES } from '../src/status/code.ts';
import { REASONS } from '../src/status/reasons.ts';
import type { Reading } from '../src/telemetry/meter.ts';
import { METRICS } from '../src/telemetry/metric-table.ts';
import { labelName, prometheusName } from '../src/telemetry/prometheus.ts';
import { BEHAVIOURS } from '../test/expectations/behaviours.ts';
import { SOURCES, toRow } from '../test/expectations/expectation.ts';
import { EXPECTATIONS } from '../test/expectations/index.ts';

/** A part of a document, between the comments `<!-- name -->` and `<!-- /name -->`. */
interface Part {
  readonly file: string;
  readonly name: string;
  readonly lines: readonly string[];
}

const isCheck = process.argv.includes('--check');

const vultr = [...loadContract(readFileSync('src/gen/contract.binpb')).operations.values()].filter(
  ({ service }) => service.startsWith('vultr.v2.'),
);
const services = Map.groupBy(vultr, ({ service }) => service.replace('vultr.v2.', ''));

const parts: readonly Part[] = [
  { file: 'README.md', name: 'proof', lines: [proofLine()] },
  { file: 'docs/operations.md', name: 'settings of serve', lines: settings(SERVE_SETTINGS) },
  { file: 'docs/operations.md', name: 'settings of sandbox', lines: settings(SANDBOX_SETTINGS) },
  {
    file: 'docs/errors.md',
    name: 'codes',
    lines: table(
      ['code', 'number', 'HTTP'],
      Object.entries(CODES).map(([code, { number, http }]) => [code, String(number), String(http)]),
    ),
  },
  { file: 'docs/errors.md', name: 'reasons', lines: table(['reason', 'meaning'], Object.entries(REASONS)) },
  { file: 'docs/observability.md', name: 'metrics', lines: metricTable() },
  { file: 'docs/v2.md', name: 'services', lines: serviceTable() },
  { file: 'docs/v2-operations.md', name: 'operations', lines: [...services].flatMap(operationTable) },
  { file: 'docs/sandbox-sources.md', name: 'sources', lines: table(['source', ''], Object.entries(SOURCES)) },
  { file: 'docs/sandbox-sources.md', name: 'expectations', lines: expectations() },
  { file: 'docs/sandbox-sources.md', name: 'behaviours', lines: behaviours() },
];

for (const part of parts) update(part);

function update({ file, name, lines }: Part): void {
  const before = readFileSync(file, 'utf8');
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  if (!before.includes(start) || !before.includes(end))
    throw new Error(`${file} has no place for "${name}": add <!-- ${name} --> and <!-- /${name} -->.`);
  const head = before.slice(0, before.indexOf(start) + start.length);
  const after = `${head}${lines.join('\n')}\n${before.slice(before.indexOf(end))}`;
  if (after === before) return;
  if (isCheck) {
    process.stderr.write(`${file}: "${name}" is out of date; npm run format writes it anew.\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, after);
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function settings(all: Readonly<Record<string, Setting<unknown>>>): string[] {
  return table(
    ['variable', 'flag', 'default', 'meaning'],
    Object.values(all).map(({ env, flag, default: byDefault, help }) => [
      `\`${env}\``,
      flag === undefined ? 'none' : `\`--${flag}\``,
      byDefault === undefined ? 'none' : `\`${byDefault}\``,
      help,
    ]),
  );
}

function metricTable(): string[] {
  return table(
    ['at `/metrics`', 'by OTLP', 'kind', 'labels', 'meaning'],
    Object.values<Reading['spec']>(METRICS).map((spec) => [
      `\`${prometheusName(spec)}\``,
      `\`${spec.name}\``,
      spec.kind,
      spec.labels.map((label) => `\`${labelName(label)}\``).join(', '),
      spec.help,
    ]),
  );
}

/** What the suites of others came to, as docs/proof.md has it: a run of them writes that. */
function proofLine(): string {
  const rows = readFileSync('docs/proof.md', 'utf8').matchAll(/^\| (.+?) \| .+? \| (\d+) \| (\d+) \|/gm);
  const counts = [...rows].map(([, name, passed, total]) => `${name} ${passed}/${total}`);
  return `Proof by suites that others wrote: ${counts.join(' · ')}. [How and what](docs/proof.md).`;
}

function serviceTable(): string[] {
  return table(
    ['service', 'operations', 'proto'],
    [...services].map(([service, operations]) => [
      `[${service}](v2-operations.md#${service.toLowerCase()})`,
      String(operations.length),
      protoLink(operations),
    ]),
  );
}

function operationTable([service, operations]: readonly [string, readonly Operation[]]): string[] {
  const rows = operations.map((operation) => [
    operation.rpc,
    operation.bindings
      .map(({ httpMethod, template }) => `\`${httpMethod} ${template.source}\``)
      .join('<br>') || 'gRPC only',
    operation.isRaw ? 'of the request' : operation.effect,
    notes(operation).join('; '),
  ]);
  return [
    `## ${service}`,
    '',
    `Declared in ${protoLink(operations)}.`,
    '',
    ...table(['rpc', 'HTTP', 'effect', 'notes'], rows),
    '',
  ];
}

/** What is asked of any Vultr. A row is also what a difference is shown as. */
function expectations(): string[] {
  const [head = '', rule = ''] = table(['expectation', 'asked for', 'expected', 'sources'], []);
  return [head, rule, ...EXPECTATIONS.map((each) => toRow(each, each.expected))];
}

/** What the tests of the sandbox hold, by their files. */
function behaviours(): string[] {
  const rows = Object.entries(BEHAVIOURS).flatMap(([file, titles]) =>
    Object.entries(titles).map(([title, sources]) => [
      `[${file}](../test/sandbox/${file}.test.ts)`,
      title.replaceAll('|', '\\|'),
      sources.join(', '),
    ]),
  );
  return table(['held by', 'behaviour', 'sources'], rows);
}

function protoLink([operation]: readonly Operation[]): string {
  const file = `${operation?.descriptor.parent.file.name}.proto`;
  return `[${file}](../proto/${file})`;
}

/** What else callers should know of an operation. */
function notes({ isPublic, isForm, create, destroysWith, isRaw }: Operation): string[] {
  const names = (all: readonly string[]): string => all.map((name) => `\`${name}\``).join(', ');
  return [
    ...(isPublic ? ['public'] : []),
    ...(isForm ? ['form body'] : []),
    ...(isRaw ? ['passes on any request'] : []),
    ...(create === undefined
      ? []
      : create.tagFields.length > 0
        ? [`correlation tag in ${names(create.tagFields.map(({ name }) => name))}`]
        : ['no place for a correlation tag']),
    ...(destroysWith.length > 0 ? [`DESTROY with ${names(destroysWith)}`] : []),
  ];
}
