import type { Clock } from '../base/clock.ts';
import { abortError } from '../status/abort.ts';
import { CallError } from '../status/call-error.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { Creation, Outcome } from './creation.ts';
import { conflict, recordUnavailable, tooLateToSend } from './errors.ts';
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
  /** Called when the store has failed after something was sent: the record then knows less than it could. */
  readonly onStoreFailure: (error: unknown) => void;
  /** Names this attempt in the record. */
  readonly owner: string;
  /** Aborts when the service shuts down. */
  readonly closing: AbortSignal;
}

/**
 * Brings a creation as far as it can be brought now. Until the request to create is sent, the caller may take it back by
 * leaving. From then on the caller's leaving changes nothing: the request ends by its own deadline, and so does the search
 * for the resource.
 */
export async function attempt(creation: Creation, context: AttemptContext): Promise<Outcome> {
  return await new Attempt(creation, context).run();
}

class Attempt {
  readonly #creation: Creation;
  readonly #context: AttemptContext;

  constructor(creation: Creation, context: AttemptContext) {
    this.#creation = creation;
    this.#context = context;
  }

  async run(): Promise<Outcome> {
    const { store, moments, policy, owner } = this.#context;
    const { key, fields, tag } = this.#creation;
    const postUntil = this.#postUntil();
    let begun: Begun;
    try {
      begun = await store.begin(key, { fields, tag, postUntil: moments.write(postUntil) }, owner);
    } catch (error) {
      return { kind: 'refused', error: recordUnavailable(error) };
    }
    switch (begun.kind) {
      case 'done':
        return this.#recall(begun.response);
      case 'conflict':
        return { kind: 'refused', error: conflict(differingFields(begun.fields, fields)) };
      case 'in-progress':
        return { kind: 'in-progress' };
      case 'fresh':
        // Not a minute from now, but the moment that was recorded: others rely on it.
        return await this.#holdingLease(() => this.#post(tag, postUntil));
      case 'recovered': {
        const { record } = begun;
        const recordedUntil = moments.read(record.postUntil, key, policy.postTimeoutMs);
        return await this.#holdingLease(() => this.#poll(record.tag, recordedUntil));
      }
    }
  }

  /** Until when a request that is sent now may be under way. */
  #postUntil(): number {
    const { clock, policy } = this.#context;
    return Math.min(this.#creation.deadline, clock.now() + policy.postTimeoutMs);
  }

  #recall(encrypted: Uint8Array): Outcome {
    try {
      return { kind: 'made', how: 'repeated', response: this.#creation.decrypt(encrypted) };
    } catch (error) {
      return { kind: 'refused', error: recordUnavailable(error) };
    }
  }

  /** Renews the lease for as long as the work takes. */
  async #holdingLease(work: () => Promise<Outcome>): Promise<Outcome> {
    const { store, clock, policy, owner } = this.#context;
    const done = new AbortController();
    const renew = async (): Promise<void> => {
      while (!done.signal.aborted) {
        await clock.sleep(policy.renewMs, done.signal).catch(() => undefined);
        if (!done.signal.aborted) await this.#quietly(() => store.renew(this.#creation.key, owner));
      }
    };
    // Not awaited: a store that hangs must not hold back the response. A late renewal changes nothing that is done.
    void renew();
    try {
      return await work();
    } finally {
      done.abort();
    }
  }

  async #post(tag: string | undefined, deadline: number): Promise<Outcome> {
    const { store, clock, moments, owner, closing } = this.#context;
    const { key, signal: caller } = this.#creation;
    let isSent = false;
    const left = new AbortController();
    const onLeave = (): void => {
      if (!isSent) left.abort(abortError(caller));
    };
    caller.addEventListener('abort', onLeave, { once: true });
    if (caller.aborted) onLeave();
    try {
      const onSend = (): void => {
        // A process that was suspended meanwhile may get here this late, when others no longer expect it.
        if (clock.now() >= deadline) throw tooLateToSend();
        isSent = true;
      };
      const signal = AbortSignal.any([left.signal, closing]);
      return await this.#complete('made', await this.#creation.post(tag, { signal, deadline, onSend }));
    } catch (thrown) {
      const error = CallError.from(thrown);
      if (isSent && error.reached !== 'no') {
        await this.#quietly(() => store.setPostUntil(key, owner, moments.write(clock.now())));
        return await this.#poll(tag, clock.now(), error);
      }
      await this.#quietly(() => store.remove(key, owner));
      return { kind: error.vultr === undefined ? 'not-sent' : 'refused', error };
    } finally {
      caller.removeEventListener('abort', onLeave);
    }
  }

  /** Looks for what may have been made by a request that was under way until `postUntil`. */
  async #poll(tag: string | undefined, postUntil: number, failure?: CallError): Promise<Outcome> {
    const { store, clock, policy, owner, closing } = this.#context;
    const deadline = clock.now() + policy.findMs;
    let cause = failure;
    while (tag !== undefined && !closing.aborted) {
      const isSettled = clock.now() >= postUntil + policy.settleMs;
      const sight = await this.#pollOnce(tag, isSettled, deadline);
      if (sight.kind === 'found') return await this.#complete('found', sight.response);
      if (sight.kind === 'absent' && isSettled) return await this.#postAgain(tag);
      if (sight.kind === 'unknown') cause ??= sight.error;
      if (clock.now() + policy.pollMs >= deadline) break;
      await clock.sleep(policy.pollMs, closing).catch(() => undefined);
    }
    await this.#quietly(() => store.release(this.#creation.key, owner));
    return { kind: 'uncertain', isFindable: tag !== undefined, cause };
  }

  /** A poll that fails proves nothing. */
  async #pollOnce(tag: string, isThorough: boolean, deadline: number): Promise<Sight> {
    try {
      const context = { signal: this.#context.closing, deadline };
      const response = await this.#creation.find(tag, isThorough, context);
      return response === undefined ? { kind: 'absent' } : { kind: 'found', response };
    } catch (error) {
      return { kind: 'unknown', error: CallError.from(error) };
    }
  }

  /** Nothing was made, and nothing is under way any more. */
  async #postAgain(tag: string): Promise<Outcome> {
    const { store, moments, owner } = this.#context;
    const deadline = this.#postUntil();
    try {
      const isOwner = await store.setPostUntil(this.#creation.key, owner, moments.write(deadline));
      if (!isOwner) return { kind: 'in-progress' };
    } catch (error) {
      return { kind: 'refused', error: recordUnavailable(error) };
    }
    return await this.#post(tag, deadline);
  }

  async #complete(how: 'made' | 'found', response: VultrResponse): Promise<Outcome> {
    const { key } = this.#creation;
    await this.#quietly(() => this.#context.store.complete(key, this.#creation.encrypt(response)));
    return { kind: 'made', how, response };
  }

  /** The record then knows less than it could, which costs time later and buys nothing. */
  async #quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#context.onStoreFailure(error);
    }
  }
}

type Sight =
  | { readonly kind: 'found'; readonly response: VultrResponse }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly error: CallError };
