import { randomUUID } from 'node:crypto';
import { CallError } from '../status/call-error.ts';
import { abortError } from '../status/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { VultrResponse } from '../vultr/request.ts';
import { attempt } from './attempt.ts';
import type { Creation, Outcome } from './creation.ts';
import { conflict, recordUnavailable, uncertain } from './errors.ts';
import type { Moments } from './moment.ts';
import { DEFAULT_POLICY, type OncePolicy } from './policy.ts';
import { differingFields } from './record.ts';
import type { IdempotencyStore } from './store.ts';

/** What createOnce is made of. */
export interface OnceOptions {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly moments: Moments;
  readonly policy?: Partial<OncePolicy>;
  /** Told of a failure of the store that the call could cope with. */
  readonly onStoreFailure: (error: unknown) => void;
}

/** Creates things at most once per key. */
export interface Once {
  /**
   * Creates it, or returns what was returned before. The work goes on, within bounds, when its caller leaves.
   * @throws CallError ALREADY_EXISTS for a key of another request; UNAVAILABLE with CREATE_UNCERTAIN while the outcome
   * is not known; whatever Vultr refused the creation with
   */
  create(creation: Creation): Promise<VultrResponse>;
  /** Ends what is under way; the record knows how far it came. */
  close(): Promise<void>;
}

/** An attempt that is under way in this process. */
interface UnderWay {
  readonly outcome: Promise<Outcome>;
  readonly fields: Creation['fields'];
}

/** Makes it. Nothing is sent before it is recorded; what is recorded without a response is looked for, not sent again. */
export function createOnce(options: OnceOptions): Once {
  const { store, clock, moments, onStoreFailure } = options;
  const policy = { ...DEFAULT_POLICY, ...options.policy };
  const underWay = new Map<string, UnderWay>();
  const closing = new AbortController();

  /** Joins the attempt of this process that is under way for the same request, or makes one. */
  function join(creation: Creation): { readonly outcome: Promise<Outcome>; readonly isOwn: boolean } {
    const running = underWay.get(creation.key);
    if (running !== undefined) {
      const fields = differingFields(running.fields, creation.fields);
      if (fields.length > 0) throw conflict(fields);
      return { outcome: running.outcome, isOwn: false };
    }
    if (underWay.size >= policy.maxUnderWay) {
      throw recordUnavailable(
        new Error(`${underWay.size} creations are under way, which is all that may be.`),
      );
    }
    const owner = randomUUID();
    const outcome = attempt(creation, {
      store,
      clock,
      moments,
      policy,
      onStoreFailure,
      owner,
      closing: closing.signal,
    });
    underWay.set(creation.key, { outcome, fields: creation.fields });
    void outcome.finally(() => underWay.delete(creation.key)).catch(() => undefined);
    return { outcome, isOwn: true };
  }

  async function create(creation: Creation): Promise<VultrResponse> {
    for (;;) {
      if (creation.signal.aborted) throw abortError(creation.signal);
      const { outcome: attempted, isOwn } = join(creation);
      const outcome = await untilDeadline(attempted, creation);
      if (outcome.kind === 'made') return outcome.response;
      if (outcome.kind === 'refused') throw outcome.error;
      if (outcome.kind === 'not-sent' && isOwn) throw outcome.error;
      if (outcome.kind === 'uncertain' && (isOwn || !outcome.isFindable)) {
        throw uncertain(outcome.isFindable, outcome.cause);
      }
      // Somebody else's attempt came to nothing, or is another process's: it is over, or will be.
      await untilDeadline(
        clock.sleep(outcome.kind === 'in-progress' ? policy.pollMs : 0, creation.signal),
        creation,
      );
    }
  }

  /** Waits for as long as the caller can still be told something. */
  async function untilDeadline<T>(work: Promise<T>, { deadline, signal, tag }: Creation): Promise<T> {
    const done = new AbortController();
    const leftMs = Math.max(0, deadline - policy.marginMs - clock.now());
    const late = clock.sleep(leftMs, AbortSignal.any([done.signal, signal])).then(
      () => {
        throw uncertain(tag !== undefined);
      },
      () => {
        throw abortError(signal);
      },
    );
    late.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
    }
  }

  return {
    create,
    close: async () => {
      closing.abort(new CallError('UNAVAILABLE', 'SHUTTING_DOWN', 'The service is going down.'));
      await Promise.allSettled([...underWay.values()].map(({ outcome }) => outcome));
      await store.close();
    },
  };
}
