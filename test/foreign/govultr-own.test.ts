import { spawnSync } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { closeAtEnd } from '../support/opened.ts';
import { KEY, startService } from '../support/service.ts';
import { type Child, startChild } from './child.ts';
import { recordCases } from './proof/cases.ts';
import { newFolder, runProgram } from './toolbox.ts';

/** Fetching the module and building its tests takes a minute on a slow machine. */
const PATIENCE_MS = 300_000;

const SUITE = "govultr's own tests";

/** The line of the client's tests that points it at the server of the running test, and what stands there instead. */
const [ORIGINAL, REPLACEMENT] = [
  'client.BaseURL = thisURL\n',
  '_, client.BaseURL = thisURL, throughGateway()\n',
];

const OWN = new URL('govultr-own/', import.meta.url);

interface KnownFailure {
  readonly reason: string;
  readonly tests: readonly string[];
}

const known: readonly KnownFailure[] = JSON.parse(
  await readFile(new URL('known-failures.json', OWN), 'utf8'),
);

/** Builds the tests of the client, at the version of govultr/go.mod, with the gateway in their setup. */
async function buildTests(folder: string): Promise<string> {
  const module = 'github.com/vultr/govultr/v3';
  const { stdout } = await runProgram('go', ['mod', 'download', '-json', module], {
    cwd: new URL('govultr/', import.meta.url).pathname,
  });
  const { Dir: source } = JSON.parse(stdout) as { Dir: string };
  const copy = join(folder, 'govultr');
  await cp(source, copy, { recursive: true });
  // Modules are kept without the right to write, which a copy has, too.
  await runProgram('chmod', ['-R', 'u+w', copy]);
  const setup = join(copy, 'govultr_test.go');
  const text = await readFile(setup, 'utf8');
  expect(text.split(ORIGINAL), 'the setup of the tests').toHaveLength(2);
  await writeFile(setup, text.replace(ORIGINAL, REPLACEMENT));
  await cp(new URL('gateway_test.go', OWN), join(copy, 'gateway_test.go'));
  const program = join(folder, 'tests');
  await runProgram('go', ['test', '-c', '-o', program, '.'], { cwd: copy });
  return program;
}

/** What tests came to: PASS, SKIP, or FAIL and what they printed. */
type Results = Map<string, string>;

/** Reads results until the program ends. A panic ends it early, and is the failure of the test that was running. */
async function readResults(child: Child, results: Results): Promise<void> {
  let running = '';
  let printed: string[] = [];
  for (;;) {
    const line = await child.line().catch((thrown) => {
      if (running === '') throw thrown;
      results.set(running, `FAIL ${/^panic: .*/m.exec(String(thrown))?.[0]}`);
    });
    if (line === undefined || line === 'PASS' || line === 'FAIL') return;
    const [, started] = /^=== RUN +([^/]+)$/.exec(line) ?? [];
    const [, outcome, name = ''] = /^--- (PASS|FAIL|SKIP): (\S+)/.exec(line) ?? [];
    if (started !== undefined) [running, printed] = [started, []];
    else if (outcome === undefined) printed.push(line.trim());
    else results.set(name, outcome === 'FAIL' ? `FAIL ${printed.join('\n')}` : outcome);
  }
}

/** Runs these tests through a gateway. Those after a panic are not run. */
async function run(program: string, names: readonly string[], results: Results): Promise<void> {
  const child = startChild(program, ['-test.v', '-test.run', `^(${names.join('|')})$`]);
  closeAtEnd(() => child.stop());
  const { app } = await startService({
    upstream: new URL(await child.line()),
    httpListen: { host: '127.0.0.1', port: 0 },
    apiKey: KEY,
  });
  child.write(`http://${app.httpAddress}\n`);
  await readResults(child, results);
}

/** Runs all tests. */
async function runAll(program: string): Promise<Results> {
  const { stdout } = await runProgram(program, ['-test.list', '.']);
  const names = stdout.split('\n').filter((line) => line.startsWith('Test'));
  const results: Results = new Map();
  for (;;) {
    const left = names.filter((name) => !results.has(name));
    if (left.length === 0) return results;
    const before = results.size;
    await run(program, left, results);
    expect(results.size, 'tests that have run').toBeGreaterThan(before);
  }
}

const hasGo = spawnSync('go', ['version']).status === 0;

test(
  'the tests of govultr pass with the gateway between the client and their canned responses',
  async ({ task, skip }) => {
    if (!hasGo) {
      process.stderr.write("The own tests of Vultr's Go client are skipped: there is no go on the PATH.\n");
      skip(true, 'There is no go on the PATH.');
    }
    const program = await buildTests(await newFolder());
    const results = await runAll(program);
    const failed = [...results].filter(([, text]) => text.startsWith('FAIL'));
    const expected = known.flatMap(({ tests }) => tests);
    const names = failed.map(([name]) => name);
    recordCases(task, {
      suite: SUITE,
      passed: [...results.values()].filter((text) => text === 'PASS').length,
      total: results.size,
      known: names.filter((name) => expected.includes(name)).length,
    });
    const surprising = failed.filter(([name]) => !expected.includes(name));
    expect(surprising.map(([name, text]) => `${name}: ${text}`)).toEqual([]);
    expect(names.toSorted(), 'all of known-failures.json still fail').toEqual(expected.toSorted());
    expect(results.size).toBeGreaterThanOrEqual(243);
  },
  PATIENCE_MS,
);
