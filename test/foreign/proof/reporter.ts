import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { SUITES, type Suite } from './suites.ts';

const FILE = 'docs/proof.md';
const [START, END] = ['<!-- proof -->', '<!-- /proof -->'];

/** What a suite came to in one run. */
interface Result {
  readonly passed: number;
  readonly total: number;
  readonly known: number;
  readonly seconds: number;
  /** Whether some of its tests were left out, since the machine lacks what they need. Then its counts are not those of the table. */
  readonly isPart: boolean;
}

/**
 * Compares what the suites came to with the table of docs/proof.md, and fails the run when a count differs. With PROOF=write it
 * writes the table anew instead. Suites that did not run, or of which tests were skipped, keep their row.
 */
export default class ProofReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const results = new Map<string, Result>();
    for (const suite of SUITES) {
      const result = resultOf(suite, modules);
      if (result !== undefined) results.set(suite.name, result);
    }
    const page = readFileSync(FILE, 'utf8');
    const rows = new Map(rowsOf(page).map((row) => [row.split(' | ')[0]?.slice(2) ?? '', row]));
    for (const { name, shows } of SUITES) {
      const result = results.get(name);
      if (result === undefined) continue;
      const { passed, total, known, seconds, isPart } = result;
      process.stdout.write(
        `proof: ${name}: ${passed} passed of ${total}, ${known} known failures, ${seconds} s${isPart ? ', and others skipped' : ''}\n`,
      );
      if (isPart && rows.has(name)) continue;
      const row = `| ${name} | ${shows} | ${passed} | ${total} | ${known} | ${seconds} |`;
      const before = rows.get(name);
      if (process.env['PROOF'] === 'write') rows.set(name, row);
      else if (before === undefined) process.stdout.write(`${FILE} has no row for it yet:\n${row}\n`);
      else if (withoutSeconds(before) !== withoutSeconds(row)) {
        process.stderr.write(
          `${FILE} says otherwise; PROOF=write npm run test:foreign writes it anew:\n${row}\n`,
        );
        process.exitCode = 1;
      }
    }
    if (process.env['PROOF'] !== 'write') return;
    const table = SUITES.flatMap(({ name }) => rows.get(name) ?? []).join('\n');
    const head =
      '| suite | what it shows | passed | of | known failures | seconds |\n|---|---|---|---|---|---|';
    writeFileSync(
      FILE,
      page.replace(new RegExp(`${START}.*${END}`, 's'), () => `${START}\n${head}\n${table}\n${END}`),
    );
  }
}

/** What a suite came to; undefined: it was skipped, or not part of the run. */
function resultOf(
  { name, file, isCounted = false, tests: own = /^/ }: Suite,
  modules: readonly TestModule[],
): Result | undefined {
  const all = modules
    .filter(({ moduleId }) => basename(moduleId) === file)
    .flatMap((module) => [...module.children.allTests()])
    .filter((test) => own.test(test.name));
  const tests = all.filter((test) =>
    isCounted ? test.meta().cases?.suite === name : test.result().state !== 'skipped',
  );
  if (tests.length === 0) return undefined;
  const seconds = Math.round(
    tests.reduce((sum, test) => sum + (test.diagnostic()?.duration ?? 0), 0) / 1_000,
  );
  const [cases] = tests.map((test) => test.meta().cases);
  if (isCounted && cases !== undefined) return { ...cases, seconds, isPart: false };
  const passed = tests.filter((test: TestCase) => test.ok()).length;
  return { passed, total: tests.length, known: 0, seconds, isPart: tests.length < all.length };
}

function rowsOf(text: string): string[] {
  const table = text.slice(text.indexOf(START), text.indexOf(END));
  return table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| suite |'));
}

function withoutSeconds(row: string): string {
  return row.replace(/ \d+ \|$/, '');
}
