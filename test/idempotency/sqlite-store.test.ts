import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteStore, type SqliteStoreOptions } from '../../src/idempotency/sqlite-store.ts';
import type { IdempotencyStore } from '../../src/idempotency/store.ts';
import { openTestStore, TestMachine, temporaryFolder } from '../support/stores.ts';

const REQUEST = { fields: { plan: 'a' }, tag: 'the-tag', postUntil: 'boot-1 1' };
const FILE = 'idempotency.sqlite';

async function open(options: SqliteStoreOptions): Promise<IdempotencyStore> {
  const store = await openSqliteStore(options);
  onTestFinished(() => store.close());
  return store;
}

test('a file is for its owner alone', async () => {
  const stateDir = join(temporaryFolder(), 'deep', 'down');
  const store = await open({ stateDir });
  await store.begin('k', REQUEST, 'one');
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  for (const file of ['', '-wal', '-shm']) {
    expect(statSync(join(stateDir, `${FILE}${file}`)).mode & 0o777).toBe(0o600);
  }
});

test('a file holds so many keys and no more, and forgets none of them early', async () => {
  const machine = new TestMachine();
  const store = openTestStore(machine, { limits: { maxRecords: 2, rememberedMs: 1_000 } });
  onTestFinished(() => store.close());
  await store.begin('one', REQUEST, 'o');
  await store.begin('two', REQUEST, 'o');
  await expect(store.begin('three', REQUEST, 'o')).rejects.toThrow('2 keys');
  await expect(store.probe()).rejects.toThrow('2 keys');
  expect((await store.begin('one', REQUEST, 'p')).kind).toBe('in-progress');
  await machine.time.advance(999);
  await expect(store.begin('three', REQUEST, 'o')).rejects.toThrow('2 keys');
  await machine.time.advance(1);
  await store.probe();
  expect((await store.begin('three', REQUEST, 'o')).kind).toBe('fresh');
});

test.each([
  ['is a folder', (file: string) => mkdirSync(file), 'unable to open'],
  ['is not a database', (file: string) => writeFileSync(file, 'some text'.repeat(1_000)), 'not a database'],
  [
    'is of another version',
    (file: string) => {
      const database = new DatabaseSync(file);
      database.exec('PRAGMA user_version = 99');
      database.close();
    },
    'another version (99',
  ],
])('a file that %s is refused by name', async (_what, prepare, why) => {
  const stateDir = temporaryFolder();
  prepare(join(stateDir, FILE));
  const opening = openSqliteStore({ stateDir });
  await expect(opening).rejects.toThrow(`STATE_DIR: the record of creations cannot be kept in ${stateDir}`);
  await expect(opening).rejects.toThrow(`${FILE}: `);
  await expect(opening).rejects.toThrow(why);
});

/** Mounts a file system of 1 MB on a folder. */
function mount(folder: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=1m,${options}`, 'none', folder], { stdio: 'ignore' });
}

function unmount(folder: string): void {
  execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' });
}

/** Whether this user may mount anything, which a test needs for a disk that is full and one that can only be read. */
function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-mount-'));
  try {
    mount(folder, 'rw');
    unmount(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}

const isRoot = canMount();
const needsMount = isRoot ? '' : ' (left out: needs the right to mount a file system)';

function mountedFolder(options: string): string {
  const folder = temporaryFolder();
  mount(folder, options);
  onTestFinished(() => unmount(folder));
  return folder;
}

function fileInTheWay(): string {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  return file;
}

async function expectRefused(stateDir: string, why: string): Promise<void> {
  const startedAt = performance.now();
  const opening = openSqliteStore({ stateDir });
  await expect(opening).rejects.toThrow(`STATE_DIR: the record of creations cannot be kept in ${stateDir}: `);
  await expect(opening).rejects.toThrow(why);
  await expect(opening).rejects.toThrow('"memory"');
  expect(performance.now() - startedAt).toBeLessThan(2_000);
}

test.each([
  ['below /proc', () => '/proc/x', 'ENOENT'],
  ['deep below /proc', () => '/proc/x/y/z', 'ENOENT'],
  ['that is a file', fileInTheWay, 'there is a file of that name'],
  ['below a file', () => join(fileInTheWay(), 'x'), 'ENOTDIR'],
])('a state folder %s is refused at once', async (_what, make, why) => {
  await expectRefused(make(), why);
});

test.skipIf(!isRoot)(`a state folder that can only be read is refused at once${needsMount}`, async () => {
  await expectRefused(mountedFolder('ro'), 'EROFS');
});

test.skipIf(!isRoot)(`a full disk refuses new keys and keeps the old ones${needsMount}`, async () => {
  const stateDir = mountedFolder('rw');
  const store = await open({ stateDir });
  await store.begin('before', REQUEST, 'one');
  await store.complete('before', Buffer.from('response'));
  const filler = join(stateDir, 'filler');
  expect(() => writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024))).toThrow('ENOSPC');
  let failure: unknown;
  for (let count = 0; count < 2_000 && failure === undefined; count += 1) {
    await store.begin(`key ${count}`, REQUEST, 'one').catch((error: unknown) => {
      failure = error;
    });
  }
  expect(String(failure)).toContain('full');
  await expect(store.probe()).rejects.toThrow('full');
  rmSync(filler);
  await store.probe();
  expect((await store.begin('before', REQUEST, 'two')).kind).toBe('done');
  expect((await store.begin('after', REQUEST, 'two')).kind).toBe('fresh');
});

test('a file that was deleted or replaced is noticed, and so is its return', async () => {
  const stateDir = join(temporaryFolder(), 'state');
  const store = await open({ stateDir });
  await store.begin('k', REQUEST, 'one');
  const aside = join(dirname(stateDir), 'aside');
  renameSync(stateDir, aside);
  await expect(store.check()).rejects.toThrow(`${join(stateDir, FILE)} was deleted or replaced`);
  await expect(store.begin('new', REQUEST, 'one')).rejects.toThrow('deleted or replaced');
  mkdirSync(stateDir);
  writeFileSync(join(stateDir, FILE), '');
  await expect(store.probe()).rejects.toThrow('deleted or replaced');
  rmSync(stateDir, { recursive: true });
  renameSync(aside, stateDir);
  await store.check();
  expect((await store.begin('k', REQUEST, 'two')).kind).toBe('in-progress');
});

/** Locks the file from another process until `release` is called. */
async function lockFile(file: string): Promise<{ release: () => Promise<void> }> {
  const script = `
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1]);
    database.exec('BEGIN EXCLUSIVE');
    process.stdin.once('data', () => { database.exec('ROLLBACK'); process.exit(0); });
    console.log('locked');
  `;
  const child = spawn(process.execPath, ['-e', script, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return {
    release: async () => {
      child.stdin.write('release');
      await once(child, 'exit');
    },
  };
}

test('a file that another process has locked blocks nobody but the creations', {
  timeout: 20_000,
}, async () => {
  const stateDir = temporaryFolder();
  const store = await open({ stateDir });
  await store.begin('before', REQUEST, 'one');
  const { release } = await lockFile(join(stateDir, FILE));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const begun = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => store.begin(`locked ${index}`, REQUEST, 'one')),
  );
  delay.disable();
  expect(begun.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'rejected'));
  // A lock held the event loop for two seconds per creation; what is left is what a shared machine does by itself.
  expect(delay.max / 1e6).toBeLessThan(500);
  await release();
  await store.probe();
  // What was reported as failed has not been carried out meanwhile.
  for (let index = 0; index < 20; index += 1)
    expect((await store.begin(`locked ${index}`, REQUEST, 'two')).kind).toBe('fresh');
});

test('a lock that is soon released is waited for', async () => {
  const stateDir = temporaryFolder();
  const store = await open({ stateDir });
  const { release } = await lockFile(join(stateDir, FILE));
  const begun = store.begin('k', REQUEST, 'one');
  await release();
  expect((await begun).kind).toBe('fresh');
});

test('what was asked before it is closed is carried out, and nothing after', async () => {
  const stateDir = temporaryFolder();
  const store = await openSqliteStore({ stateDir });
  const begun = store.begin('k', REQUEST, 'one');
  await store.check();
  const completed = store.complete('k', Buffer.from('response'));
  await Promise.all([begun, completed, store.close()]);
  await expect(store.begin('k', REQUEST, 'one')).rejects.toThrow('has ended');
  await store.close();
  const again = await open({ stateDir });
  expect((await again.begin('k', REQUEST, 'one')).kind).not.toBe('fresh');
});
