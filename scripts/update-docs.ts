/**
 * Writes the tables of the documents that the code is the source of: settings, status codes, reasons. With --check it
 * writes nothing and fails when a document is not what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { SERVE_SETTINGS } from '../src/config/settings.ts';
import { CODES } from '../src/status/code.ts';
import { REASONS } from '../src/status/reasons.ts';

const isCheck = process.argv.includes('--check');

const tables: readonly { readonly file: string; readonly name: string; readonly lines: readonly string[] }[] =
  [
    { file: 'README.md', name: 'settings', lines: settings() },
    {
      file: 'docs/errors.md',
      name: 'codes',
      lines: [
        '| code | number | HTTP |',
        '|---|---|---|',
        ...Object.entries(CODES).map(([code, { number, http }]) => `| ${code} | ${number} | ${http} |`),
      ],
    },
    {
      file: 'docs/errors.md',
      name: 'reasons',
      lines: [
        '| reason | what it tells |',
        '|---|---|',
        ...Object.entries(REASONS).map(([reason, text]) => `| ${reason} | ${text} |`),
      ],
    },
  ];

for (const { file, name, lines } of tables) {
  const before = readFileSync(file, 'utf8');
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  if (!before.includes(start) || !before.includes(end))
    throw new Error(`${file} has no place for the table "${name}"`);
  const after = `${before.slice(0, before.indexOf(start) + start.length)}${lines.join('\n')}\n${before.slice(before.indexOf(end))}`;
  if (after === before) continue;
  if (isCheck) {
    process.stderr.write(
      `${file}: the table "${name}" is not what the code says; npm run format writes it anew\n`,
    );
    process.exitCode = 1;
  } else {
    writeFileSync(file, after);
  }
}

function settings(): string[] {
  const rows = Object.values<{ env: string; flag?: string; default: string | undefined; help: string }>(
    SERVE_SETTINGS,
  ).map(
    ({ env, flag, default: byDefault, help }) =>
      `| ${env} | ${flag === undefined ? '' : `\`--${flag}\``} | ${byDefault === undefined ? 'none' : `\`${byDefault}\``} | ${help} |`,
  );
  return ['| setting | flag | default | |', '|---|---|---|---|', ...rows];
}
