import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closeAtEnd } from '../support/opened.ts';

/** The reader of a process's standard error, which reads only when the test says so. */
interface Reader {
  readonly child: ChildProcess;
  ask(request: object): Promise<{ dropped: number; ms: number }>;
  /** Everything that can be read now. */
  read(): string;
}

/** Starts the process with a pipe, as a shell or a container runtime makes it, or with a socket or a file. */
async function start(kind: 'pipe' | 'file' | 'socket'): Promise<Reader> {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const path = join(folder, 'stderr');
  if (kind === 'pipe') execFileSync('mkfifo', [path]);
  const { O_RDWR, O_RDONLY, O_NONBLOCK, O_CREAT } = constants;
  const reading = openSync(path, kind === 'pipe' ? O_RDONLY | O_NONBLOCK : O_RDONLY | O_CREAT);
  const writing = openSync(path, kind === 'pipe' ? O_RDWR : 'a');
  const child = spawn(process.execPath, [resolve(import.meta.dirname, 'log-child.ts')], {
    stdio: ['ignore', 'inherit', kind === 'socket' ? 'pipe' : writing, 'ipc'],
  });
  closeSync(writing);
  closeAtEnd(async () => {
    child.kill('SIGKILL');
    closeSync(reading);
    rmSync(folder, { recursive: true });
  });
  await once(child, 'message');
  return {
    child,
    ask: async (request) => {
      const reply = once(child, 'message');
      child.send(request);
      return (await reply)[0] as { dropped: number; ms: number };
    },
    read: () => (kind === 'file' ? readFileSync(path, 'utf8') : readAll(reading)),
  };
}

function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(1024 * 1024);
  try {
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      chunks.push(Buffer.from(buffer.subarray(0, length)));
    }
  } catch {
    // Nothing more for now.
  }
  return Buffer.concat(chunks).toString();
}

/** A pipe holds 64 KB, so that the reader has to come several times. */
const PATIENTLY = { timeout: 20_000, interval: 5 };

type Line = { line?: number; msg: string; dropped?: number };
const parse = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('a reader that stops reading', () => {
  test.each(['pipe', 'socket'] as const)(
    'holds nobody up: lines are dropped and counted (%s)',
    async (kind) => {
      const { ask } = await start(kind);
      const { dropped, ms } = await ask({ lines: 20_000 });
      expect(ms).toBeLessThan(2_000);
      expect(dropped).toBeGreaterThan(10_000);
      expect(dropped).toBeLessThan(20_000);
    },
  );

  test('and reads again gets what was kept, whole and in order, and hears how many are missing', async () => {
    const { ask, read } = await start('pipe');
    const { dropped } = await ask({ lines: 20_000 });
    let text = '';
    await expect
      .poll(() => {
        text += read();
        return text.includes('were dropped');
      }, PATIENTLY)
      .toBe(true);
    const lines = parse(text);
    expect(lines.at(-1)).toMatchObject({ level: 'warn', dropped });
    const numbers = lines.slice(0, -1).map(({ line }) => line);
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(numbers).toHaveLength(20_000 - dropped);
    await ask({ lines: 1 });
    expect(parse(read())).toMatchObject([{ line: 0 }]);
  });

  test('does not keep the process from ending', async () => {
    const { child, ask } = await start('pipe');
    await ask({ lines: 20_000 });
    const ended = once(child, 'exit');
    child.send({ end: 'exit' });
    expect(await ended).toEqual([0, null]);
  });

  test('holds up the end no longer than asked, and gets the rest when it reads', async () => {
    const { child, ask, read } = await start('pipe');
    await ask({ lines: 1_000 });
    const ended = once(child, 'exit');
    child.send({ end: 'flush' });
    let text = '';
    await expect
      .poll(() => {
        text += read();
        return child.exitCode;
      }, PATIENTLY)
      .toBe(0);
    await ended;
    expect(parse(text + read())).toHaveLength(1_000);
  });
});

describe('lines', () => {
  test.each([
    ['pipe', 'exit'],
    ['pipe', 'crash'],
    ['file', 'exit'],
    ['file', 'crash'],
  ] as const)('are there after the end (%s, %s)', async (kind, end) => {
    const { child, read } = await start(kind);
    const ended = once(child, 'exit');
    child.send({ lines: 100, end });
    await ended;
    expect(parse(read()).map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test.each(['exit', 'crash after the turn', 'fault', 'flush'] as const)(
    'of calls are there after the end, though they are written together (%s)',
    async (end) => {
      const { child, read } = await start('pipe');
      const ended = once(child, 'exit');
      child.send({ calls: 250, end });
      await ended;
      const numbers = parse(read()).flatMap(({ line }) => line ?? []);
      expect(numbers).toEqual(Array.from({ length: 250 }, (_, index) => index));
    },
  );

  test('stand in the order in which they were logged, whichever kind they are of', async () => {
    const { child, read } = await start('pipe');
    const ended = once(child, 'exit');
    child.send({ calls: 3, lines: 3, end: 'exit' });
    await ended;
    expect(parse(read()).map(({ line, msg }) => `${msg} ${line}`)).toEqual([
      'call 0',
      'call 1',
      'call 2',
      'line 0',
      'line 1',
      'line 2',
    ]);
  });

  test.each(['pipe', 'socket'] as const)(
    'of calls hold nobody up when the reader stops, and the rest is whole (%s)',
    async (kind) => {
      const { ask } = await start(kind);
      const { dropped, ms } = await ask({ calls: 40_000 });
      expect(ms).toBeLessThan(2_000);
      expect(dropped).toBeGreaterThan(10_000);
    },
  );

  test('to a reader that is gone are dropped, and the process goes on', async () => {
    const { child, ask } = await start('socket');
    child.stderr?.destroy();
    await ask({ lines: 5 });
    expect((await ask({ lines: 5 })).ms).toBeLessThan(1_000);
    expect(child.exitCode).toBeNull();
  });
});
