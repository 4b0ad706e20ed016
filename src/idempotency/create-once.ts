import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { abortError } from '../status/abort.ts';
import { CallError } from '../status/call-error.ts';
import type { VultrResponse } from '../vultr/request.ts';
import { attempt } from './attempt.ts';
import type { Creation, Outcome } from './creation.ts';
import { type CreationEnding, endingOf } from './ending.ts';
import { conflict, stillUnderWay, tooManyUnderWay, uncertain } from './errors.ts';
import type { Moments } from './moment.ts';
import { DEFAULT_POLICY, type OncePolicy } from './policy.ts';
import { differingFields } from './record.ts';
import type { IdempotencyStore } from './store.ts';

/** What createOnce works with. */
export interface OnceOptions {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly moments: Moments;
  readonly policy?: Partial<OncePolicy>;
  /** Called when the store has failed and the call could go on without it. */
  readonly onStoreFailure: (error: unknown) => void;
  /** Called with how each create ended, before its caller is told. Default: nothing is called. */
  readonly onEnding?: ((ending: CreationEnding) => void) | undefined;
}

/** Creates things at most once per key. */
export interface Once {
  /**
   * Creates it, or returns what was returned before. When the caller leaves, the work goes on within bounds.
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

/** What was made, and by whom. */
type Made = Pick<Extract<Outcome, { kind: 'made' }>, 'response' | 'how'>;

/** Nothing is sent before it is recorded; what is recorded without a response is looked for, not sent again. */
export function createOnce(options: OnceOptions): Once {
  const { clock, onEnding = () => undefined } = options;
  const policy = { ...DEFAULT_POLICY, ...options.policy };
  const underWay = new Map<string, UnderWay>();
  const closing = new AbortController();

  /** Joins the attempt of this process that is under way for the same request, or starts one. */
  function join(creation: Creation): { readonly outcome: Promise<Outcome>; readonly isOwn: boolean } {
    const { key, fields } = creation;
    const running = underWay.get(key);
    if (running !== undefined) {
      const differing = differingFields(running.fields, fields);
      if (differing.length > 0) throw conflict(differing);
      return { outcome: running.outcome, isOwn: false };
    }
    if (underWay.size >= policy.maxUnderWay) throw tooManyUnderWay(underWay.size);
    const context = { ...options, policy, owner: randomUUID(), closing: closing.signal };
    const outcome = attempt(creation, context).finally(() => underWay.delete(key));
    underWay.set(key, { outcome, fields });
    return { outcome, isOwn: true };
  }

  async function make(creation: Creation): Promise<Made> {
    const wait = <T>(work: Promise<T>): Promise<T> => untilDeadline(work, creation, clock, policy.marginMs);
    for (;;) {
      if (creation.signal.aborted) throw abortError(creation.signal);
      const { outcome: attempted, isOwn } = join(creation);
      const outcome = await wait(attempted);
      if (outcome.kind === 'made')
        return { response: outcome.response, how: isOwn ? outcome.how : 'repeated' };
      if (outcome.kind === 'refused') throw outcome.error;
      if (outcome.kind === 'not-sent' && isOwn) throw outcome.error;
      if (outcome.kind === 'uncertain' && (isOwn || !outcome.isFindable))
        throw uncertain(outcome.isFindable, outcome.cause);
      // An attempt of another process is awaited; one of another caller is over, and this caller starts its own.
      if (outcome.kind === 'in-progress') await wait(clock.sleep(policy.pollMs, creation.signal));
    }
  }

  return {
    create: async (creation) => {
      try {
        const { response, how } = await make(creation);
        onEnding(how);
        return response;
      } catch (error) {
        onEnding(endingOf(error));
        throw error;
      }
    },
    close: async () => {
      closing.abort(new CallError('UNAVAILABLE', 'SHUTTING_DOWN', 'The service is shutting down.'));
      await Promise.allSettled([...underWay.values()].map(({ outcome }) => outcome));
      await options.store.close();
    },
  };
}

/**
 * Waits for as long as the caller can still be told something.
 * @throws CallError CREATE_UNCERTAIN shortly before the caller's deadline; why the caller has left, when it has
 */
async function untilDeadline<T>(
  work: Promise<T>,
  { deadline, signal }: Creation,
  clock: Clock,
  marginMs: number,
): Promise<T> {
  const done = new AbortController();
  const leftMs = Math.max(0, deadline - marginMs - clock.now());
  const late = clock.sleep(leftMs, AbortSignal.any([done.signal, signal])).then(
    () => {
      throw stillUnderWay();
    },
    () => {
      throw abortError(signal);
    },
  );
  // Nothing awaits it when the work is done first.
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}
