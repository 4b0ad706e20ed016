import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { BEHAVIOURS } from '../expectations/behaviours.ts';
import { check, SOURCES, toRow, type Vultr } from '../expectations/expectation.ts';
import { EXPECTATIONS } from '../expectations/index.ts';
import { connectVultr } from '../expectations/vultr.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';

describe('what is expected of any Vultr', () => {
  let sandbox: Sandbox;
  let vultr: Vultr;
  beforeAll(async () => {
    sandbox = await startSandbox({ rateLimitPerSecond: 0 });
    vultr = await connectVultr(sandbox.url, 'good-key', 0);
  });
  afterAll(() => sandbox.close());

  test.each(EXPECTATIONS)('$id: $what', async (expectation) => {
    const { observed } = await check(expectation, vultr);
    expect(observed).toEqual(expectation.expected);
  });

  test('a difference is told as two rows of the table, and a failure on the way is one', async () => {
    const [any] = EXPECTATIONS;
    if (any === undefined) throw new Error('there is none');
    const other = { ...any, expected: 'something else' };
    expect((await check(other, vultr)).isMet).toBe(false);
    expect(toRow(other, [400, 'a|b'])).toMatch(/^\| \S+ \| .* \| `\[400,"a\\\|b"\]` \| .+ \|$/);
    const broken = { ...any, observe: () => Promise.reject(new Error('no route')) };
    expect((await check(broken, vultr)).observed).toBe('failed: no route');
  });

  test('nothing that changes something is taken for a read', async () => {
    for (const { id, effect = 'read', observe } of EXPECTATIONS) {
      const methods = new Set<string>();
      const spying: Vultr = {
        send: (line, options) => {
          methods.add(line.split(' ')[0] ?? '');
          return vultr.send(line, options);
        },
        until: (line, holds) => {
          methods.add(line.split(' ')[0] ?? '');
          return vultr.until(line, holds);
        },
      };
      await observe(spying);
      const isReading = [...methods].every((method) => method === 'GET');
      expect({ id, isReading }).toEqual({ id, isReading: effect === 'read' });
    }
  });
});

describe('the command', () => {
  const run = (
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ code: number; text: string }> =>
    new Promise((resolve) => {
      const script = new URL('../expectations/run.ts', import.meta.url).pathname;
      execFile(process.execPath, [script, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), text: stdout + stderr }),
      );
    });

  test('asks the sandbox for everything, as docs/sandbox-sources.md shows', async () => {
    const { code, text } = await run([]);
    expect([code, text]).toEqual([
      0,
      `${EXPECTATIONS.length} of ${EXPECTATIONS.length} expectations are met\n`,
    ]);
    expect(readFileSync('docs/sandbox-sources.md', 'utf8')).toContain(text);
  });

  test('only reads from another upstream, unless it may spend something, and prints what differs', async () => {
    const upstream = await startFakeUpstream(() => [200, { regions: [] }]);
    const { code, text } = await run(['--upstream', String(upstream.url)], { VULTR_API_KEY: 'KEY' });
    expect(code).toBe(1);
    expect(new Set(upstream.received.map(({ method }) => method))).toEqual(new Set(['GET']));
    expect(text).toMatch(/^--- docs\/sandbox-sources\.md\n\+\+\+ http:.*\n-\| .*\n\+\| /);
    expect(text).toMatch(/not asked, because they change something \(--allow-spend\)\n$/);
    expect(upstream.received.some(({ authorization }) => authorization === 'Bearer KEY')).toBe(true);
  });

  test.each([
    [['--upstream', 'http://127.0.0.1:1'], 'VULTR_API_KEY'],
    [['--allow-spend', 'much'], '--allow-spend must be an amount'],
  ])('%j is refused', async (args, message) => {
    const { code, text } = await run(args);
    expect([code, text]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe('the table of what the tests of the sandbox hold', () => {
  const files = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.test.ts') && name !== 'expectations.test.ts')
    .map((name) => name.replace('.test.ts', ''));

  test('has a row for every file', () => {
    expect(Object.keys(BEHAVIOURS).toSorted()).toEqual(files.toSorted());
  });

  test.each(files)('has a row with a source for every test in %s', (file) => {
    const source = readFileSync(`${import.meta.dirname}/${file}.test.ts`, 'utf8');
    const rows = BEHAVIOURS[file] ?? {};
    for (const [title, sources] of Object.entries(rows)) {
      expect(sources.length, title).toBeGreaterThan(0);
      for (const each of sources) expect(Object.keys(SOURCES)).toContain(each);
    }
    expect(Object.keys(rows)).toEqual([...new Set(titlesOf(source))]);
  });
});

/** The titles of the tests in a file. */
function titlesOf(source: string): readonly string[] {
  const calls = source.matchAll(/^ *test(?:\.each(?:<[^\n]*>)?\(.*?\n?\s*\))?\(\s*(['`])(.*?)\1,/gms);
  return [...calls].map(([, , title = '']) => title);
}
