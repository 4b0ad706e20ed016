import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sandboxUsage } from '../../src/cli/usage.ts';
import { CONTROLS, MAX_SHOWN_REQUESTS } from '../../src/sandbox/engine/control.ts';
import { FAULT_KINDS, FAULT_MEMBERS } from '../../src/sandbox/engine/faults.ts';
import { parseFaults, type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { DEFAULT_LAG } from '../../src/sandbox/sandbox.ts';
import { readOperations } from '../facts/operations.ts';
import { client } from '../sandbox/client.ts';

const doc = readFileSync('docs/sandbox.md', 'utf8');

/** Where the examples of the guide expect a sandbox. */
const EXAMPLE_ADDRESS = '127.0.0.1:8080';

const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe('docs/sandbox.md', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ rateLimitPerSecond: 0 });
  });
  afterAll(() => sandbox.close());

  test('names every flag and its default', () => {
    const usage = [...sandboxUsage().matchAll(/^ +--([\w-]+) .*?\(default ([^)]*)\)/gm)];
    expect(usage.length).toBeGreaterThan(0);
    expect(rows('flag').map(([flag, value]) => [flag, value])).toEqual(
      usage.map(([, flag, value]) => [`--${flag}`, value]),
    );
  });

  test('names every kind of fault and every member', () => {
    expect(rows('kind').map(([kind]) => kind)).toEqual(FAULT_KINDS);
    expect(rows('member').map(([member]) => member)).toEqual(FAULT_MEMBERS);
  });

  test('shows faults that are accepted', () => {
    const [, json = ''] = /```json\n(.*?)```/s.exec(doc) ?? [];
    expect(parseFaults(JSON.parse(json))).toHaveLength(5);
  });

  test('names every control', () => {
    expect(rows('request').map(([request]) => request)).toEqual(Object.keys(CONTROLS));
    expect(doc).toContain(`the last ${MAX_SHOWN_REQUESTS} requests`);
  });

  test('names every time and its default', () => {
    expect(Object.fromEntries(rows('name').map(([name, ms]) => [name, Number(ms)]))).toEqual(DEFAULT_LAG);
  });

  test('names every resource', () => {
    const [, listed = ''] = /```text\n(.*?)```/s.exec(doc) ?? [];
    const segments = readOperations().map(({ path }) => /^\/(?:scim\/)?v2\/([^/]+)/.exec(path)?.[1]);
    expect(listed.trim().split(/,\s+/)).toEqual([...new Set(segments)].toSorted());
  });

  test('counts operations and the catalogue right', async () => {
    const call = client(sandbox);
    const total = async (path: string): Promise<number> => (await call(`GET ${path}`)).json.meta.total;
    expect(doc).toContain(`all ${readOperations().length} operations`);
    expect(doc).toContain(`${await total('/v2/regions')} regions`);
    expect(doc).toContain(`${await total('/v2/plans')} plans`);
    expect(doc).toContain(`${await total('/v2/os')} operating systems`);
    expect(doc).toMatch(new RegExp(`${await total('/v2/applications')}\\s+applications`));
  });

  test.skipIf(!hasCurl)('shows commands that give what it shows (skipped without curl)', async () => {
    const [, block = ''] = /```console\n(.*?)```/s.exec(doc) ?? [];
    const steps = block.split(/^\$ /m).slice(1);
    expect(steps).toHaveLength(2);
    for (const step of steps) {
      const [command = '', ...output] = step.split('\n');
      const here = command.replace(EXAMPLE_ADDRESS, new URL(sandbox.url).host);
      const { stdout } = await promisify(execFile)('sh', ['-c', here]);
      expect(stdout.trim()).toBe(output.join('\n').trim());
    }
  });
});

/** The rows of the table whose first column has that title, cell by cell and without marks of code. */
function rows(title: string): string[][] {
  const lines = doc.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${title} |`));
  expect(start, `the table of each ${title}`).toBeGreaterThan(-1);
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
  );
}
