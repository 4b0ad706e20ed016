import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

/** What the process is after each of its starts. */
interface Told {
  readonly at: string;
  readonly pid: number;
  readonly flags: readonly string[];
  /** V8 derives it from the sizes of both generations. */
  readonly limit: number;
  readonly hasFetch: boolean;
}

/** Tells it on stderr, at the start and at the end. */
const TELL = `
import { getHeapStatistics } from 'node:v8';
const tell = (at) => console.error(JSON.stringify({
  at,
  pid: process.pid,
  flags: process.execArgv.filter((flag) => flag.includes('semi')),
  limit: getHeapStatistics().heap_size_limit,
  hasFetch: process.moduleLoadList.includes('NativeModule internal/deps/undici/undici'),
}));
tell('start');
process.on('exit', () => tell('end'));
`;
const PRELOAD = `--import=data:text/javascript,${encodeURIComponent(TELL)}`;

/** Runs the command to its end. */
async function run(command: string, node: readonly string[] = [], options = ''): Promise<readonly Told[]> {
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [...node, resolve('bin/vultr-grpc.js'), command, '--help'],
    { env: { PATH: process.env['PATH'], NODE_OPTIONS: `${PRELOAD} ${options}` } },
  );
  return stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
}

const SIZE = '--max-semi-space-size=8';

describe('the size of the young generation', () => {
  test('is in force for the command that serves, in the same process', async () => {
    const [first, second, end, ...more] = await run('serve');
    expect(more).toEqual([]);
    expect(first?.flags).toEqual([]);
    expect(second).toEqual({ ...end, at: 'start' });
    expect(second?.pid).toBe(first?.pid);
    expect(second?.flags).toEqual([SIZE]);
    expect(second?.limit).toBeLessThan(first?.limit ?? 0);
    const [asked] = await run('serve', [SIZE]);
    expect(second?.limit).toBe(asked?.limit);
  });

  test.each([
    ['NODE_OPTIONS', [], '--max-semi-space-size=2'],
    ['NODE_OPTIONS with underscores', [], '--max_semi_space_size=2'],
    ["Node's command line", ['--max-semi-space-size=2'], ''],
  ])('is what %s says, where it says something', async (_where, node, options) => {
    const told = await run('serve', node, options);
    const [asked] = await run('sandbox', ['--max-semi-space-size=2']);
    expect(told).toHaveLength(2);
    expect(told.map(({ limit }) => limit)).toEqual([asked?.limit, asked?.limit]);
  });

  test('is left alone for commands that end at once', async () => {
    const told = await run('token');
    expect(told.flatMap(({ flags }) => flags)).toEqual([]);
    expect(told).toHaveLength(2);
  });
});

test("the service loads without Node's own fetch, which it does not use", async () => {
  const told = await run('serve', [SIZE]);
  expect(told.map(({ hasFetch }) => hasFetch)).toEqual([false, false]);
});
