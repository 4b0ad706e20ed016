import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createOnce, type OnceOptions } from '../../src/idempotency/create-once.ts';
import { createMoments } from '../../src/idempotency/moment.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { VultrResponse } from '../../src/vultr/request.ts';
import type { ManualClock } from '../support/budget.ts';
import { createVultrDouble, type Fate, LOST, textOf } from '../support/creations.ts';
import { openTestStore, TestMachine, temporaryFolder } from '../support/stores.ts';

const NEVER_SENT = new CallError('UNAVAILABLE', 'BREAKER_OPEN', 'left alone', { reached: 'no' });
const REFUSED = new CallError('INVALID_ARGUMENT', 'VULTR_REFUSED', 'no', {
  reached: 'no',
  vultr: { status: 400, error: 'no' },
});
const SETTLE_MS = 120_000;

function start(fates: readonly Fate[], given: Partial<OnceOptions> = {}, machine = new TestMachine()) {
  const { clock, boot } = machine.startProcess();
  const store = given.store ?? openTestStore(machine);
  const failures: unknown[] = [];
  const onStoreFailure = (error: unknown): void => void failures.push(error);
  const once = createOnce({ store, clock, moments: createMoments(clock, boot), onStoreFailure, ...given });
  onTestFinished(() => once.close());
  return { clock: machine.time, store, once, failures, ...createVultrDouble(machine.time, fates) };
}

/** The text of the response, or the reason of the failure, once time has passed. */
async function outcome(clock: ManualClock, work: Promise<VultrResponse>, ms = 40_000): Promise<string> {
  const settled = textOf(work);
  await clock.advance(ms);
  return await settled;
}

test('a creation whose response was lost is found, and its key returns it from then on', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  expect(await outcome(clock, once.create(creation()))).toBe('found 1');
  expect(await outcome(clock, once.create(creation()))).toBe('found 1');
  expect(vultr.posts).toBe(1);
});

test('a lagging list is polled until it shows the resource', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  vultr.isListed = false;
  const work = once.create(creation());
  await clock.advance(4_500);
  vultr.isListed = true;
  expect(await outcome(clock, work)).toBe('found 1');
  expect(vultr.polls).toBe(6);
});

test('what is not found is not created again until the lists have settled', async () => {
  const { clock, once, vultr, creation } = start([{ makes: false, fails: LOST }, {}]);
  const startedMs = clock.now();
  while (clock.now() < startedMs + SETTLE_MS - 20_000) {
    expect(await outcome(clock, once.create(creation()), 20_000)).toBe('CREATE_UNCERTAIN');
    expect(vultr.posts).toBe(1);
  }
  await clock.advance(40_000);
  expect(await outcome(clock, once.create(creation()))).toBe('made 1');
  expect(vultr.posts).toBe(2);
});

test('only a poll that reads the whole list, without a filter, leads to another creation', async () => {
  const { clock, once, vultr, creation } = start([{ makes: false, fails: LOST }, {}]);
  await outcome(clock, once.create(creation()));
  expect(vultr.thoroughPolls).toBe(0);
  await clock.advance(SETTLE_MS);
  expect(await outcome(clock, once.create(creation()))).toBe('made 1');
  expect(vultr.thoroughPolls).toBe(1);
});

test('a poll that fails proves nothing, however late', async () => {
  const { clock, once, vultr, creation } = start([{ makes: false, fails: LOST }, {}]);
  await outcome(clock, once.create(creation()));
  await clock.advance(2 * SETTLE_MS);
  vultr.pollFails = true;
  expect(await outcome(clock, once.create(creation()))).toBe('CREATE_UNCERTAIN');
  expect(vultr.posts).toBe(1);
});

test('what carries no tag is never created again', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  const untagged = () => creation({ tag: undefined });
  await outcome(clock, once.create(untagged()));
  await clock.advance(10 * SETTLE_MS);
  expect(await outcome(clock, once.create(untagged()))).toBe('CREATE_UNCERTAIN');
  expect(vultr).toMatchObject({ posts: 1, polls: 0 });
});

test('a tag that was recorded is looked for, also when none would be given now', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  vultr.isListed = false;
  await outcome(clock, once.create(creation()));
  vultr.isListed = true;
  expect(await outcome(clock, once.create(creation({ tag: undefined })))).toBe('found 1');
});

test.each([
  ['refused by Vultr', REFUSED, 'VULTR_REFUSED'],
  ['not sent', NEVER_SENT, 'BREAKER_OPEN'],
])('a key whose creation was %s is free', async (_what, fails, reason) => {
  const { clock, once, vultr, creation } = start([{ makes: false, fails }, {}]);
  expect(await outcome(clock, once.create(creation()))).toBe(reason);
  expect(await outcome(clock, once.create(creation({ fields: { plan: 'b' } })))).toBe('made 1');
  expect(vultr.posts).toBe(2);
});

test('a caller who leaves before the request is sent takes it back', async () => {
  const { clock, once, store, vultr, creation } = start([{ isUnsent: true, takesMs: 5_000, fails: LOST }]);
  const caller = new AbortController();
  const work = once.create(creation({ signal: caller.signal }));
  await clock.advance(10);
  caller.abort(new CallError('CANCELLED', 'CALL_CANCELLED', 'left'));
  expect(await outcome(clock, work, 10)).toBe('CALL_CANCELLED');
  expect(vultr.posts).toBe(0);
  const begun = await store.begin('key', { fields: {}, tag: undefined, postUntil: 'boot 0' }, 'me');
  expect(begun.kind).toBe('fresh');
});

test('a caller who leaves after the request was sent can learn the outcome later', async () => {
  const { clock, once, vultr, creation } = start([{ takesMs: 5_000 }]);
  const caller = new AbortController();
  const work = once.create(creation({ signal: caller.signal }));
  await clock.advance(10);
  caller.abort(new CallError('CANCELLED', 'CALL_CANCELLED', 'left'));
  expect(await outcome(clock, work, 10_000)).toBe('CALL_CANCELLED');
  expect(await outcome(clock, once.create(creation()))).toBe('made 1');
  expect(vultr.posts).toBe(1);
});

test.each([['tag'], [undefined]])(
  'a deadline in the middle is told in time, and to repeat with the same key (tag: %s)',
  async (tag) => {
    const { clock, once, vultr, creation } = start([{ takesMs: 5_000 }]);
    const deadline = clock.now() + 1_000;
    const failed = once.create(creation({ tag, deadline })).catch((error: unknown) => error);
    await clock.advance(800);
    expect(await failed).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'CREATE_UNCERTAIN',
      retryDelayMs: expect.any(Number),
    });
    // The double does not obey the deadline of the request, as a response that is on its way.
    expect(await outcome(clock, once.create(creation({ tag })))).toBe('made 1');
    expect(vultr.posts).toBe(1);
  },
);

test('the request ends no later than recorded, however long the record took', async () => {
  const machine = new TestMachine();
  const inner = openTestStore(machine);
  let recorded = '';
  const store: typeof inner = {
    ...inner,
    begin: async (key, record, owner) => {
      recorded = record.postUntil;
      await machine.time.sleep(20_000, new AbortController().signal);
      return await inner.begin(key, record, owner);
    },
  };
  const { clock, once, vultr, creation } = start([{}], { store }, machine);
  const work = outcome(clock, once.create(creation({ deadline: clock.now() + 300_000 })), 30_000);
  const { clock: same, boot } = machine.startProcess();
  const until = createMoments(same, boot).read(recorded, 'key', 60_000);
  expect(await work).toBe('made 1');
  expect(vultr.deadlines).toEqual([until]);
});

test('a process that was stopped until others went on does not send any more', async () => {
  const machine = new TestMachine();
  const path = join(temporaryFolder(), 'idempotency.sqlite');
  const stopped = start([{}], { store: openTestStore(machine, { path }) }, machine);
  const other = start([{}], { store: openTestStore(machine, { path }) }, machine);
  const release = Promise.withResolvers<void>();
  const { post } = stopped.creation();
  const late = textOf(
    stopped.once.create(
      stopped.creation({
        deadline: machine.time.now() + 600_000,
        post: async (...args) => {
          await release.promise;
          return await post(...args);
        },
      }),
    ),
  );
  // The process stands still: it renews no lease, and lets a permit to send wait.
  await machine.time.advance(0);
  machine.time.set(machine.time.now() + 400_000);
  const work = textOf(other.once.create(other.creation()));
  await machine.time.advance(1_000);
  expect(await work).toBe('made 1');
  release.resolve();
  expect(await late).toBe('DEADLINE_EXCEEDED');
  expect(stopped.vultr.posts + other.vultr.posts).toBe(1);
});

test('a key that is used for another request meanwhile is refused with the fields', async () => {
  const { clock, once, vultr, creation } = start([{ takesMs: 1_000 }]);
  const first = once.create(creation());
  const other = once.create(creation({ fields: { plan: 'b', label: 'x' } }));
  await expect(other).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'IDEMPOTENCY_CONFLICT',
    violations: [{ field: 'label' }, { field: 'plan' }],
  });
  expect(await outcome(clock, first)).toBe('made 1');
  expect(vultr.posts).toBe(1);
});

test('nothing is sent when the record cannot be written', async () => {
  const machine = new TestMachine();
  const store = { ...openTestStore(machine), begin: () => Promise.reject(new Error('the disk is full')) };
  const { once, vultr, creation } = start([{}], { store }, machine);
  await expect(once.create(creation())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'IDEMPOTENCY_UNAVAILABLE',
    reached: 'no',
  });
  expect(vultr.log).toEqual([]);
});

test('nothing is created again when that cannot be recorded', async () => {
  const machine = new TestMachine();
  const inner = openTestStore(machine);
  const store = { ...inner, setPostUntil: () => Promise.reject(new Error('the disk is full')) };
  const { clock, once, vultr, creation } = start([{ makes: false, fails: LOST }, {}], { store }, machine);
  await outcome(clock, once.create(creation()));
  await clock.advance(2 * SETTLE_MS);
  expect(await outcome(clock, once.create(creation()))).toBe('IDEMPOTENCY_UNAVAILABLE');
  expect(vultr.posts).toBe(1);
});

test('a response that cannot be recorded is returned all the same, reported, and found later', async () => {
  const machine = new TestMachine();
  const inner = openTestStore(machine);
  let isBroken = true;
  const store = {
    ...inner,
    complete: (key: string, response: Uint8Array) =>
      isBroken ? Promise.reject(new Error('the disk is full')) : inner.complete(key, response),
  };
  const { clock, once, failures, vultr, creation } = start([{}], { store }, machine);
  expect(await outcome(clock, once.create(creation()))).toBe('made 1');
  expect(failures).toHaveLength(1);
  isBroken = false;
  expect(await outcome(clock, once.create(creation()))).toBe('found 1');
  expect(vultr.posts).toBe(1);
});

test('a response that cannot be decrypted is not created again', async () => {
  const { clock, once, vultr, creation } = start([{}]);
  await outcome(clock, once.create(creation()));
  const decrypt = (): never => {
    throw new Error('damaged');
  };
  expect(await outcome(clock, once.create(creation({ decrypt })))).toBe('IDEMPOTENCY_UNAVAILABLE');
  expect(vultr.posts).toBe(1);
});

test('a store that hangs while the lease is renewed does not hold back the response', async () => {
  const machine = new TestMachine();
  const store = { ...openTestStore(machine), renew: () => new Promise<void>(() => undefined) };
  const { clock, once, creation } = start([{ takesMs: 3_000 }], { store }, machine);
  expect(await outcome(clock, once.create(creation()), 3_100)).toBe('made 1');
});

test('no more creations are under way than may be, those of callers who have left included', async () => {
  const { clock, once, vultr, creation } = start([{ takesMs: 1_000 }], { policy: { maxUnderWay: 2 } });
  const caller = new AbortController();
  const left = once.create(creation({ key: 'left', signal: caller.signal }));
  const first = once.create(creation());
  await clock.advance(10);
  caller.abort(new CallError('CANCELLED', 'CALL_CANCELLED', 'left'));
  await expect(left).rejects.toMatchObject({ reason: 'CALL_CANCELLED' });
  await expect(once.create(creation({ key: 'other' }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'IDEMPOTENCY_UNAVAILABLE',
    reached: 'no',
  });
  expect(vultr.posts).toBe(2);
  // The same key joins what is under way, and takes no place.
  const joined = once.create(creation());
  expect(await outcome(clock, first)).toBe(await textOf(joined));
  expect(await outcome(clock, once.create(creation({ key: 'other' })))).toMatch(/^made/);
});

test('closing ends what is under way, and what was sent is found by the next process', async () => {
  const machine = new TestMachine();
  const path = join(temporaryFolder(), 'idempotency.sqlite');
  const before = start([{ takesMs: 20_000 }], { store: openTestStore(machine, { path }) }, machine);
  const work = textOf(before.once.create(before.creation()));
  await before.clock.advance(5_000);
  await before.once.close();
  expect(await work).toBe('CREATE_UNCERTAIN');
  const after = start([{}], { store: openTestStore(machine, { path }) }, machine);
  after.vultr.made = 1;
  expect(await outcome(after.clock, after.once.create(after.creation()), 12_000)).toBe('found 1');
  expect(after.vultr.posts).toBe(0);
});

test('a poll that fails in an unexpected way leaves the outcome open, and frees the lease', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  const find = (): never => {
    throw new TypeError('a fault of this service');
  };
  expect(await outcome(clock, once.create(creation({ find })), 12_000)).toBe('CREATE_UNCERTAIN');
  expect(await outcome(clock, once.create(creation()), 10)).toBe('found 1');
  expect(vultr.posts).toBe(1);
});
