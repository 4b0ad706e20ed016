import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { closeAtEnd } from '../support/opened.ts';

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
  flags: process.execArgv.filter((flag) => /space-size|heap-growing/.test(flag)),
  limit: getHeapStatistics().heap_size_limit,
  hasFetch: process.moduleLoadList.includes('NativeModule internal/deps/undici/undici'),
}));
tell('start');
process.on('exit', () => tell('end'));
`;

/** On SIGUSR2, tells in MB how large the young generation is before and after some MB were filled. */
const FILL = `
import { getHeapSpaceStatistics } from 'node:v8';
const size = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 2 ** 20;
process.on('SIGUSR2', () => {
  const before = size();
  const kept = Array.from({ length: 500_000 }, (_, index) => ({ index }));
  console.error(JSON.stringify({ before, after: size(), kept: kept.length }));
});
`;

/** The option of Node that runs a script before the program. */
function preload(script: string): string {
  return `--import=data:text/javascript,${encodeURIComponent(script)}`;
}

/** Runs the command to its end. */
async function run(command: string, node: readonly string[] = [], options = ''): Promise<readonly Told[]> {
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [...node, resolve('bin/vultr-grpc.js'), command, '--help'],
    { env: { PATH: process.env['PATH'], NODE_OPTIONS: `${preload(TELL)} ${options}` } },
  );
  return stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
}

const limit = process.constrainedMemory();
const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
const SIZES = [
  '--max-semi-space-size=8',
  '--initial-old-space-size=24',
  // V8 has a smaller bound of its own where there is less memory.
  ...(memory >= 8 * 1024 ** 3 ? ['--heap-growing-percent=200'] : []),
];

describe('the size of the heap', () => {
  test('is in force for the command that serves, in the same process', async () => {
    const [first, second, end, ...more] = await run('serve');
    expect(more).toEqual([]);
    expect(first?.flags).toEqual([]);
    expect(second).toEqual({ ...end, at: 'start' });
    expect(second?.pid).toBe(first?.pid);
    expect(second?.flags).toEqual(SIZES);
    expect(second?.limit).toBeLessThan(first?.limit ?? 0);
    const [asked] = await run('serve', SIZES);
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

  test.each([
    '--initial-heap-size=64',
    '--initial-old-space-size=64',
    '--initial_old_space_size=64',
    '--heap-growing-percent=50',
  ])('is what Node makes of %s', async (flag) => {
    const told = await run('serve', [flag]);
    expect(told.map(({ flags }) => flags.filter((one) => one !== flag))).toEqual([[], []]);
  });

  test.each([
    ['NODE_OPTIONS', [], '--max-old-space-size=512'],
    ["Node's command line", ['--max_old_space_size=512'], ''],
  ])('leaves its growth to V8 where %s bounds it', async (_where, node, options) => {
    const [, second] = await run('serve', node, options);
    const flags = second?.flags.filter((flag) => !/max[-_]old/.test(flag));
    expect(flags).toEqual(['--max-semi-space-size=8', '--initial-old-space-size=24']);
  });

  test('grows, of the young generation, only once the service serves', async () => {
    const flags = ['--upstream', 'sandbox', '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];
    const child = spawn(process.execPath, [resolve('bin/vultr-grpc.js'), 'serve', ...flags], {
      env: { PATH: process.env['PATH'], STATE_DIR: 'memory', NODE_OPTIONS: preload(FILL) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    closeAtEnd(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    child.kill('SIGUSR2');
    for await (const line of createInterface(child.stderr)) {
      const { before, after } = JSON.parse(line) as Record<'before' | 'after', number>;
      expect(before).toBe(2);
      expect(after).toBeGreaterThan(2);
      expect(after).toBeLessThanOrEqual(16);
      return;
    }
    expect.unreachable('It ended without an answer.');
  });

  test('is left alone for commands that end at once', async () => {
    const told = await run('token');
    expect(told.flatMap(({ flags }) => flags)).toEqual([]);
    expect(told).toHaveLength(2);
  });
});

test("the service loads without Node's own fetch, which it does not use", async () => {
  const told = await run('serve', SIZES);
  expect(told.map(({ hasFetch }) => hasFetch)).toEqual([false, false]);
});
