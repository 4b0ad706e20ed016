import { expect, onTestFinished, test } from 'vitest';
import { createOnce, type OnceOptions } from '../../src/idempotency/create-once.ts';
import type { Creation } from '../../src/idempotency/creation.ts';
import { openSqliteStore } from '../../src/idempotency/sqlite-store.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { VultrResponse } from '../../src/vultr/request.ts';
import { ManualClock } from '../support/budget.ts';

const LOST = new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'lost');
const NEVER_SENT = new CallError('UNAVAILABLE', 'BREAKER_OPEN', 'left alone', { reached: 'no' });
const REFUSED = new CallError('INVALID_ARGUMENT', 'VULTR_REFUSED', 'no', {
  reached: 'no',
  vultr: { status: 400, error: 'no' },
});
const SETTLE_MS = 120_000;

function answer(text: string): VultrResponse {
  return { status: 202, contentType: 'application/json', body: Buffer.from(text), attempts: 1 };
}

/** What Vultr does with a request: it makes a resource or not, lists it or not, and answers or fails. */
interface Fate {
  readonly makes?: boolean;
  readonly fails?: CallError;
  /** Fails before anything is handed to the connection. */
  readonly isUnsent?: boolean;
  readonly takesMs?: number;
}

/** Vultr as far as a creation sees it; each post has its fate, the last one for all that follow. */
function startVultr(clock: ManualClock, fates: readonly Fate[]) {
  const vultr = { posts: 0, made: 0, looks: 0, isListed: true, lookFails: false, log: [] as string[] };
  const creation = (given: Partial<Creation> = {}): Creation => ({
    key: 'key',
    fields: { plan: 'a' },
    mark: 'mark',
    deadline: clock.now() + 30_000,
    signal: new AbortController().signal,
    post: async (_mark, { signal, onSend }) => {
      const fate = fates[Math.min(vultr.posts, fates.length - 1)] ?? {};
      vultr.log.push('post');
      if (fate.isUnsent === true) {
        if (fate.takesMs !== undefined) {
          await clock.sleep(fate.takesMs, signal).catch(() => {
            throw signal.reason;
          });
        }
        throw fate.fails;
      }
      vultr.posts += 1;
      onSend();
      if (fate.takesMs !== undefined) await clock.sleep(fate.takesMs, signal);
      if (fate.makes !== false) vultr.made += 1;
      if (fate.fails !== undefined) throw fate.fails;
      return answer(`made ${vultr.made}`);
    },
    find: async () => {
      vultr.looks += 1;
      if (vultr.lookFails) throw LOST;
      return vultr.made > 0 && vultr.isListed ? answer(`found ${vultr.made}`) : undefined;
    },
    seal: ({ body }) => body,
    open: (sealed) => answer(String(Buffer.from(sealed))),
    ...given,
  });
  return { vultr, creation };
}

function start(fates: readonly Fate[], given: Partial<OnceOptions> = {}) {
  const clock = new ManualClock();
  const store = openSqliteStore({ stateDir: undefined, now: clock.now });
  const failures: unknown[] = [];
  const once = createOnce({ store, clock, onStoreFailure: (error) => failures.push(error), ...given });
  onTestFinished(() => once.close().then(() => store.close().catch(() => undefined)));
  return { clock, store, once, failures, ...startVultr(clock, fates) };
}

/** The text of the answer, or the reason of the failure, once time has passed. */
async function outcome(clock: ManualClock, work: Promise<VultrResponse>, ms = 40_000): Promise<string> {
  const settled = work.then(
    ({ body }) => String(Buffer.from(body)),
    (error: CallError) => error.reason,
  );
  await clock.advance(ms);
  return await settled;
}

test('a lost answer is found, and the id answers with it from then on', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  expect(await outcome(clock, once.create(creation()))).toBe('found 1');
  expect(await outcome(clock, once.create(creation()))).toBe('found 1');
  expect(vultr.posts).toBe(1);
});

test('a lagging list is looked at until it shows the resource', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  vultr.isListed = false;
  const work = once.create(creation());
  await clock.advance(4_500);
  vultr.isListed = true;
  expect(await outcome(clock, work)).toBe('found 1');
  expect(vultr.looks).toBe(6);
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

test('a look that fails proves nothing, however late', async () => {
  const { clock, once, vultr, creation } = start([{ makes: false, fails: LOST }, {}]);
  await outcome(clock, once.create(creation()));
  await clock.advance(2 * SETTLE_MS);
  vultr.lookFails = true;
  expect(await outcome(clock, once.create(creation()))).toBe('CREATE_UNCERTAIN');
  expect(vultr.posts).toBe(1);
});

test('what carries no mark is never created again', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  const unmarked = () => creation({ mark: undefined });
  await outcome(clock, once.create(unmarked()));
  await clock.advance(10 * SETTLE_MS);
  expect(await outcome(clock, once.create(unmarked()))).toBe('CREATE_UNCERTAIN');
  expect(vultr).toMatchObject({ posts: 1, looks: 0 });
});

test('a mark that was recorded is looked for, also when none would be given now', async () => {
  const { clock, once, vultr, creation } = start([{ fails: LOST }]);
  vultr.isListed = false;
  await outcome(clock, once.create(creation()));
  vultr.isListed = true;
  expect(await outcome(clock, once.create(creation({ mark: undefined })))).toBe('found 1');
});

test.each([
  ['refused by Vultr', REFUSED, 'VULTR_REFUSED'],
  ['not sent', NEVER_SENT, 'BREAKER_OPEN'],
])('an id whose creation was %s is free', async (_what, fails, reason) => {
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
  const begun = await store.begin('key', { fields: {}, mark: undefined, postUntilMs: 0 }, 'me');
  expect(begun.kind).toBe('fresh');
});

test('a caller who leaves after the request was sent is found out for', async () => {
  const { clock, once, vultr, creation } = start([{ takesMs: 5_000 }]);
  const caller = new AbortController();
  const work = once.create(creation({ signal: caller.signal }));
  await clock.advance(10);
  caller.abort(new CallError('CANCELLED', 'CALL_CANCELLED', 'left'));
  expect(await outcome(clock, work, 10_000)).toBe('CALL_CANCELLED');
  expect(await outcome(clock, once.create(creation()))).toBe('made 1');
  expect(vultr.posts).toBe(1);
});

test('a deadline in the middle is told in time, with how to go on', async () => {
  const { clock, once, creation } = start([{ takesMs: 5_000 }]);
  const failed = once.create(creation({ deadline: clock.now() + 1_000 })).catch((error: unknown) => error);
  await clock.advance(800);
  expect(await failed).toMatchObject({ reason: 'CREATE_UNCERTAIN', retryDelayMs: expect.any(Number) });
});

test('an id that is used for another request meanwhile is refused with the fields', async () => {
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
  const clock = new ManualClock();
  const store = openSqliteStore({ stateDir: undefined, now: clock.now });
  const broken = { ...store, begin: () => Promise.reject(new Error('the disk is full')) };
  const { once, vultr, creation } = start([{}], { store: broken });
  await expect(once.create(creation())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'IDEMPOTENCY_UNAVAILABLE',
    reached: 'no',
  });
  expect(vultr.log).toEqual([]);
});

test('an answer that cannot be recorded is answered all the same, told of, and found later', async () => {
  const clock = new ManualClock();
  const inner = openSqliteStore({ stateDir: undefined, now: clock.now });
  let isBroken = true;
  const store = {
    ...inner,
    complete: (key: string, sealed: Uint8Array) =>
      isBroken ? Promise.reject(new Error('the disk is full')) : inner.complete(key, sealed),
  };
  const { once, failures, vultr, creation } = start([{}], { store, clock });
  const at = () => creation({ deadline: clock.now() + 30_000 });
  expect(await outcome(clock, once.create(at()))).toBe('made 1');
  expect(failures).toHaveLength(1);
  isBroken = false;
  expect(await outcome(clock, once.create(at()))).toBe('found 1');
  expect(vultr.posts).toBe(1);
});

test('no more creations are under way than may be', async () => {
  const { clock, once, creation } = start([{ takesMs: 1_000 }], { policy: { maxUnderWay: 1 } });
  const first = once.create(creation());
  await expect(once.create(creation({ key: 'other' }))).rejects.toMatchObject({
    reason: 'IDEMPOTENCY_UNAVAILABLE',
  });
  expect(await outcome(clock, first)).toBe('made 1');
});
