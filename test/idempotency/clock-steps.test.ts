import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createBootClock } from '../../src/idempotency/boot-clock.ts';
import { createOnce } from '../../src/idempotency/create-once.ts';
import { createMoments } from '../../src/idempotency/moment.ts';
import { createVultrDouble, type Fate, LOST, textOf } from '../support/creations.ts';
import { openTestStore, TestMachine, temporaryFolder } from '../support/stores.ts';

const STEP_MS = 180_000;
const SETTLE_MS = 120_000;
/** The longest that a request may be under way, which is what a moment of unknown age may lie ahead. */
const POST_TIMEOUT_MS = 60_000;

/** A machine, the Vultr that it talks to, and a service that can be started again on the same record. */
function start(fates: readonly Fate[]) {
  const machine = new TestMachine();
  const path = join(temporaryFolder(), 'idempotency.sqlite');
  const double = createVultrDouble(machine.time, fates);

  /** Starts the service anew: the one before was killed, so its record is as it was. */
  function startService() {
    const { clock, boot } = machine.startProcess();
    const store = openTestStore(machine, { path });
    const moments = createMoments(clock, boot);
    const once = createOnce({ store, clock, moments, onStoreFailure: () => undefined });
    onTestFinished(() => once.close());
    const create = async (takesMs = 12_000): Promise<string> => {
      const work = textOf(once.create(double.creation({ deadline: clock.now() + 30_000 })));
      await machine.time.advance(takesMs);
      return await work;
    };
    return { create, once, deadline: () => clock.now() + 30_000 };
  }

  return { machine, startService, ...double };
}

type Service = ReturnType<ReturnType<typeof start>['startService']>;

/** Creates with the same key until there is an outcome; says how long it took. */
async function settle(machine: TestMachine, service: Service): Promise<{ text: string; afterMs: number }> {
  const startedMs = machine.time.now();
  for (;;) {
    const text = await service.create();
    const afterMs = machine.time.now() - startedMs;
    if (text !== 'CREATE_UNCERTAIN' || afterMs > 3_600_000) return { text, afterMs };
  }
}

/** What happens to the service between its first attempt and the next. */
const INTERRUPTIONS = {
  'the same process goes on': { interrupt: () => undefined, isNew: false, waitMs: SETTLE_MS },
  'a new process goes on': { interrupt: () => undefined, isNew: true, waitMs: SETTLE_MS },
  'the machine was started again': {
    interrupt: (machine: TestMachine) => machine.reboot(),
    isNew: true,
    // Nobody knows how long the machine was off: the whole wait begins anew.
    waitMs: POST_TIMEOUT_MS + SETTLE_MS,
  },
} as const;

describe.each(Object.entries(INTERRUPTIONS))('when %s', (_what, { interrupt, isNew, waitMs }) => {
  describe.each([
    ['forward', STEP_MS],
    ['back', -STEP_MS],
  ])('and the wall clock is set three minutes %s', (_direction, stepMs) => {
    test('what the lists do not show yet is not created again, and found when they show it', async () => {
      const { machine, startService, vultr } = start([{ fails: LOST }]);
      vultr.isListed = false;
      const first = startService();
      expect(await first.create()).toBe('CREATE_UNCERTAIN');
      machine.step(stepMs);
      interrupt(machine);
      const service = isNew ? startService() : first;
      for (let time = 0; time < 3; time += 1) {
        expect(await service.create(15_000)).toBe('CREATE_UNCERTAIN');
      }
      vultr.isListed = true;
      expect(await service.create()).toBe('found 1');
      expect(vultr).toMatchObject({ posts: 1, made: 1 });
    });

    test('what was not made is created again after the wait, and no later', async () => {
      const { machine, startService, vultr } = start([{ makes: false, fails: LOST }, {}]);
      const first = startService();
      expect(await first.create()).toBe('CREATE_UNCERTAIN');
      machine.step(stepMs);
      interrupt(machine);
      const { text, afterMs } = await settle(machine, isNew ? startService() : first);
      expect(text).toBe('made 1');
      expect(afterMs).toBeGreaterThan(waitMs - 30_000);
      expect(afterMs).toBeLessThan(waitMs + 30_000);
      expect(vultr.posts).toBe(2);
    });

    test('while the request is under way, it is waited for and made once', async () => {
      const { machine, startService, vultr, creation } = start([{ takesMs: 20_000 }]);
      const first = startService();
      const work = textOf(first.once.create(creation({ deadline: first.deadline() })));
      await machine.time.advance(5_000);
      machine.step(stepMs);
      await machine.time.advance(16_000);
      expect(await work).toBe('made 1');
      interrupt(machine);
      expect(await (isNew ? startService() : first).create()).toBe('made 1');
      expect(vultr.posts).toBe(1);
    });
  });
});

test.each([
  ['forward', STEP_MS],
  ['back', -STEP_MS],
])('a step %s between the record and the request changes nothing', async (_direction, stepMs) => {
  const { machine, startService, vultr, creation } = start([{ fails: LOST }]);
  const service = startService();
  const post = creation().post;
  const work = textOf(
    service.once.create(
      creation({
        deadline: service.deadline(),
        post: async (...args) => {
          machine.step(stepMs);
          return await post(...args);
        },
      }),
    ),
  );
  await machine.time.advance(12_000);
  expect(await work).toBe('found 1');
  expect(vultr.posts).toBe(1);
});

test.each([
  ['forward', STEP_MS],
  ['back', -STEP_MS],
])(
  'a lease of a killed process is over after its time, also when the wall clock is set %s',
  async (_d, stepMs) => {
    const machine = new TestMachine();
    const path = join(temporaryFolder(), 'idempotency.sqlite');
    const record = { fields: {}, tag: undefined, postUntil: 'boot-1 0' };
    const [killed, next] = [openTestStore(machine, { path }), openTestStore(machine, { path })];
    onTestFinished(async () => {
      await killed.close();
      await next.close();
    });
    await killed.begin('k', record, 'one');
    machine.step(stepMs);
    expect((await next.begin('k', record, 'two')).kind).toBe('in-progress');
    await machine.time.advance(5_001);
    expect((await next.begin('k', record, 'two')).kind).toBe('recovered');
  },
);

test('a record is kept for a day, whatever the wall clock shows meanwhile', async () => {
  const machine = new TestMachine();
  const store = openTestStore(machine);
  onTestFinished(() => store.close());
  const record = { fields: {}, tag: undefined, postUntil: 'boot-1 0' };
  await store.begin('k', record, 'one');
  await store.complete('k', Buffer.from('response'));
  machine.step(7 * 86_400_000);
  expect((await store.begin('k', record, 'two')).kind).toBe('done');
  await machine.time.advance(86_400_000);
  expect((await store.begin('k', record, 'two')).kind).toBe('fresh');
});

test('the clock of this machine is the same for every thread and process, and no wall clock', async () => {
  const boot = createBootClock();
  const script =
    "import { createBootClock } from './src/idempotency/boot-clock.ts'; const { bootId, uptimeMs } = createBootClock(); console.log(bootId, uptimeMs());";
  const before = boot.uptimeMs();
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module-typescript',
    '-e',
    script,
  ]);
  const [bootId = '', uptimeMs] = stdout.trim().split(' ');
  if (existsSync('/proc/sys/kernel/random/boot_id')) expect(bootId).toBe(boot.bootId);
  expect(Number(uptimeMs)).toBeGreaterThan(before);
  expect(Number(uptimeMs)).toBeLessThan(boot.uptimeMs());
});

describe('a moment', () => {
  const machine = new TestMachine();
  const first = machine.startProcess();
  const moments = createMoments(first.clock, first.boot);

  test('is exact for another process since the same start of the machine', () => {
    const text = moments.write(first.clock.now() + 7_000);
    machine.step(-STEP_MS);
    const { clock, boot } = machine.startProcess();
    expect(createMoments(clock, boot).read(text, 'k', 60_000)).toBe(clock.now() + 7_000);
  });

  test.each([
    ['of another machine', 'other-boot 5'],
    ['further ahead than it can be', 'boot-1 999999999999'],
    ['that cannot be read', 'boot-1'],
  ])('%s is as late as it may have been, from the first sight on', async (_what, text) => {
    const seenAt = first.clock.now();
    expect(moments.read(text, 'k', 60_000)).toBe(seenAt + 60_000);
    await machine.time.advance(45_000);
    expect(moments.read(text, 'k', 60_000)).toBe(seenAt + 60_000);
    expect(moments.read(text, 'other', 60_000)).toBe(seenAt + 105_000);
  });
});
