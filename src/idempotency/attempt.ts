import { CallError } from '../status/call-error.ts';
import { abortError } from '../status/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { Creation, Outcome } from './creation.ts';
import { conflict, recordUnavailable } from './errors.ts';
import type { Moments } from './moment.ts';
import type { OncePolicy } from './policy.ts';
import { differingFields } from './record.ts';
import type { Begun, IdempotencyStore } from './store.ts';

/** What an attempt works with. */
export interface AttemptContext {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly moments: Moments;
  readonly policy: OncePolicy;
  readonly onStoreFailure: (error: unknown) => void;
  /** Names this attempt in the record. */
  readonly owner: string;
  /** Aborts when the service goes down. */
  readonly closing: AbortSignal;
}

/**
 * Brings a creation as far as it can be brought now. The request to create obeys its caller until it is sent; from then on
 * the caller may leave: the request is ended by its deadline only, and the search for the resource by its own.
 */
export async function attempt(creation: Creation, context: AttemptContext): Promise<Outcome> {
  const { store, clock, moments, policy, owner, closing, onStoreFailure } = context;
  const { key, fields, tag } = creation;

  let begun: Begun;
  try {
    begun = await store.begin(key, { fields, tag, postUntil: moments.write(postUntil()) }, owner);
  } catch (error) {
    return { kind: 'refused', error: recordUnavailable(error) };
  }
  switch (begun.kind) {
    case 'done':
      return { kind: 'made', response: creation.decrypt(begun.response) };
    case 'conflict':
      return { kind: 'refused', error: conflict(differingFields(begun.fields, fields)) };
    case 'in-progress':
      return { kind: 'in-progress' };
    case 'fresh':
      return await owning(() => post(tag, postUntil()));
    case 'recovered': {
      const { record } = begun;
      const postUntilMs = moments.read(record.postUntil, key, policy.postTimeoutMs);
      return await owning(() => poll(record.tag, postUntilMs));
    }
  }

  function postUntil(): number {
    return Math.min(creation.deadline, clock.now() + policy.postTimeoutMs);
  }

  /** Holds the lease for as long as the work takes. */
  async function owning(work: () => Promise<Outcome>): Promise<Outcome> {
    const done = new AbortController();
    const renewal = (async () => {
      while (!done.signal.aborted) {
        await clock.sleep(policy.renewMs, done.signal).catch(() => undefined);
        if (!done.signal.aborted) await quietly(store.renew(key, owner));
      }
    })();
    try {
      return await work();
    } finally {
      done.abort();
      await renewal;
    }
  }

  async function post(carried: string | undefined, deadline: number): Promise<Outcome> {
    let isSent = false;
    const left = new AbortController();
    const onLeave = (): void => {
      if (!isSent) left.abort(abortError(creation.signal));
    };
    creation.signal.addEventListener('abort', onLeave, { once: true });
    if (creation.signal.aborted) onLeave();
    try {
      const onSend = (): void => {
        isSent = true;
      };
      const signal = AbortSignal.any([left.signal, closing]);
      return await complete(await creation.post(carried, { signal, deadline, onSend }));
    } catch (thrown) {
      const error = CallError.from(thrown);
      if (isSent && error.reached !== 'no') {
        await quietly(store.setPostUntil(key, owner, moments.write(clock.now())));
        return await poll(carried, clock.now(), error);
      }
      await quietly(store.remove(key, owner));
      return { kind: error.vultr === undefined ? 'not-sent' : 'refused', error };
    } finally {
      creation.signal.removeEventListener('abort', onLeave);
    }
  }

  /** Looks for what may have been made by a request that was under way until `postUntilMs`. */
  async function poll(carried: string | undefined, postUntilMs: number, cause?: CallError): Promise<Outcome> {
    const deadline = clock.now() + policy.findMs;
    while (carried !== undefined && !closing.aborted) {
      const isSettled = clock.now() >= postUntilMs + policy.settleMs;
      const sight = await pollOnce(carried, isSettled, deadline);
      if (sight.kind === 'found') return await complete(sight.response);
      if (sight.kind === 'absent' && isSettled) return await postAgain(carried);
      if (clock.now() + policy.pollMs >= deadline) break;
      await clock.sleep(policy.pollMs, closing).catch(() => undefined);
    }
    await quietly(store.release(key, owner));
    return { kind: 'uncertain', isFindable: carried !== undefined, cause };
  }

  /** A poll that fails proves nothing. */
  async function pollOnce(carried: string, isThorough: boolean, deadline: number): Promise<Sight> {
    try {
      const response = await creation.find(carried, isThorough, { signal: closing, deadline });
      return response === undefined ? { kind: 'absent' } : { kind: 'found', response };
    } catch (error) {
      if (error instanceof CallError) return { kind: 'nothing-seen' };
      throw error;
    }
  }

  /** Nothing was made, and nothing is under way any more. */
  async function postAgain(carried: string): Promise<Outcome> {
    const deadline = postUntil();
    try {
      if (!(await store.setPostUntil(key, owner, moments.write(deadline)))) return { kind: 'in-progress' };
    } catch (error) {
      return { kind: 'refused', error: recordUnavailable(error) };
    }
    return await post(carried, deadline);
  }

  async function complete(response: VultrResponse): Promise<Outcome> {
    await quietly(store.complete(key, creation.encrypt(response)));
    return { kind: 'made', response };
  }

  /** The record then knows less than it could, which costs time later and buys nothing. */
  async function quietly(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      onStoreFailure(error);
    }
  }
}

type Sight =
  | { readonly kind: 'found'; readonly response: VultrResponse }
  | { readonly kind: 'absent' | 'nothing-seen' };
