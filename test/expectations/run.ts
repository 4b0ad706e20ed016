/**
 * Asks a Vultr for everything that is expected of it, and prints what differs as a patch for docs/sandbox-sources.md.
 *
 *     npm run test:contract                                                  the sandbox, everything
 *     npm run test:contract -- --upstream https://api.vultr.com              the real one: what only reads
 *     npm run test:contract -- --upstream ... --allow-spend 0.50             and what makes and deletes things, for so much
 *
 * The key of the real one is VULTR_API_KEY. Exits with 1 when something differs.
 */
import { parseArgs } from 'node:util';
import { startSandbox } from '../../src/sandbox/index.ts';
import { check, type Expectation, type Outcome, toRow } from './expectation.ts';
import { EXPECTATIONS } from './index.ts';
import { connectVultr } from './vultr.ts';

const { values } = parseArgs({
  options: {
    upstream: { type: 'string', default: 'sandbox' },
    'allow-spend': { type: 'string', default: '0' },
  },
});
const allowance = Number(values['allow-spend']);
const isSandbox = values.upstream === 'sandbox';
const key = process.env['VULTR_API_KEY'];
if (!Number.isFinite(allowance) || allowance < 0)
  fail('--allow-spend must be an amount in US dollars, such as 0.50.');
if (!isSandbox && (key === undefined || key === ''))
  fail('Set VULTR_API_KEY to a key of the account to ask with.');

const sandbox = isSandbox ? await startSandbox({ rateLimitPerSecond: 0 }) : undefined;
const vultr = await connectVultr(
  sandbox?.url ?? values.upstream,
  key ?? 'good-key',
  isSandbox ? 0 : undefined,
);
const chosen = isSandbox ? EXPECTATIONS : affordable(EXPECTATIONS, allowance);
const outcomes: Outcome[] = [];
for (const expectation of chosen) outcomes.push(await check(expectation, vultr));
await sandbox?.close();
report(outcomes, EXPECTATIONS.length - chosen.length);

/** What only reads; and with an allowance the changes, in their order, for as long as it lasts. */
function affordable(all: readonly Expectation[], dollars: number): readonly Expectation[] {
  let left = dollars;
  return all.filter(({ effect = 'read', costs = 0 }) => {
    if (effect === 'read') return true;
    if (dollars === 0 || costs > left) return false;
    left -= costs;
    return true;
  });
}

function report(all: readonly Outcome[], left: number): void {
  const differing = all.filter(({ isMet }) => !isMet);
  const lines = differing.flatMap(({ expectation, observed }) => [
    `-${toRow(expectation, expectation.expected)}`,
    `+${toRow(expectation, observed)}`,
  ]);
  if (lines.length > 0) print(['--- docs/sandbox-sources.md', `+++ ${values.upstream}`, ...lines].join('\n'));
  const not = left === 0 ? '' : `; ${left} not asked, because they change something (--allow-spend)`;
  print(`${all.length - differing.length} of ${all.length} expectations are met${not}`);
  if (differing.length > 0) process.exitCode = 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}
