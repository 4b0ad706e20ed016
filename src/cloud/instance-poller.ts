import { setTimeout as sleep } from 'node:timers/promises';
import { stringifyJson } from '../payload/json.ts';
import type { Payload } from '../payload/payload.ts';
import { CallError } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';

/** What a poll found: the instance, or that it is gone. */
export type Sighting = { readonly kind: 'seen'; readonly payload: Payload } | { readonly kind: 'gone' };

/** What a poller needs. */
export interface PollerOptions {
  readonly intervalMs: number;
  /** Reads the instance: `{"instance": ...}`. Throws CallErrors. */
  poll(signal: AbortSignal): Promise<Payload>;
  /** Whether NOT_FOUND may mean that a read does not show the new instance yet. */
  mayNotBeKnownYet(): boolean;
  /** Called when nobody watches any more, or the poller has failed. It must not be used after that. */
  onIdle(): void;
}

/** Polls one instance, for all of its watchers. */
export interface InstancePoller {
  /** The instance as it is, then after every change. Ends when the signal aborts or after `gone`; throws as polls do. */
  watch(signal: AbortSignal): AsyncGenerator<Sighting>;
}

/** A watcher: the changes that it has not taken yet, and how to wake it. */
interface Watcher {
  readonly pending: Sighting[];
  failure: CallError | undefined;
  wake: () => void;
}

/** Changes that a slow watcher may have waiting; the oldest go first. */
const MAX_PENDING = 100;

/** How many failures in a row a watch survives, when they are of a kind that may pass. */
const MAX_FAILURES = 5;
const PASSING: ReadonlySet<Code> = new Set([
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'ABORTED',
]);

/** Makes a poller. It polls only while somebody watches. */
export function createInstancePoller(options: PollerOptions): InstancePoller {
  const watchers = new Set<Watcher>();
  let last: Sighting | undefined;
  let controller: AbortController | undefined;

  function publish(sighting: Sighting): void {
    if (last !== undefined && isSame(last, sighting)) return;
    last = sighting;
    for (const watcher of watchers) {
      watcher.pending.push(sighting);
      if (watcher.pending.length > MAX_PENDING) watcher.pending.shift();
      watcher.wake();
    }
  }

  function fail(error: CallError): void {
    options.onIdle();
    for (const watcher of watchers) {
      watcher.failure = error;
      watcher.wake();
    }
  }

  async function poll(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; ) {
      try {
        publish({ kind: 'seen', payload: await options.poll(signal) });
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = CallError.from(thrown);
        if (error.code === 'NOT_FOUND') {
          if (last !== undefined || !options.mayNotBeKnownYet()) {
            publish({ kind: 'gone' });
            return;
          }
        } else {
          failures += 1;
          if (last === undefined || failures > MAX_FAILURES || !PASSING.has(error.code)) {
            fail(error);
            return;
          }
        }
      }
      try {
        await sleep(options.intervalMs, undefined, { signal });
      } catch {
        // The last watcher has left.
        return;
      }
    }
  }

  return {
    async *watch(signal) {
      const watcher: Watcher = {
        pending: last === undefined ? [] : [last],
        failure: undefined,
        wake: () => undefined,
      };
      const leave = (): void => watcher.wake();
      watchers.add(watcher);
      signal.addEventListener('abort', leave, { once: true });
      if (controller === undefined) {
        controller = new AbortController();
        void poll(controller.signal);
      }
      try {
        while (!signal.aborted) {
          const sighting = watcher.pending.shift();
          if (sighting !== undefined) {
            yield sighting;
            if (sighting.kind === 'gone') return;
          } else if (watcher.failure !== undefined) {
            throw watcher.failure;
          } else {
            await new Promise<void>((resolve) => {
              watcher.wake = resolve;
            });
          }
        }
      } finally {
        signal.removeEventListener('abort', leave);
        watchers.delete(watcher);
        if (watchers.size === 0) {
          options.onIdle();
          controller.abort();
        }
      }
    },
  };
}

/** Whether nothing has changed but the address of the console, which differs at every poll. */
function isSame(before: Sighting, after: Sighting): boolean {
  if (before.kind === 'gone' || after.kind === 'gone') return before.kind === after.kind;
  return withoutConsole(before.payload) === withoutConsole(after.payload);
}

function withoutConsole(payload: Payload): string {
  return stringifyJson({ ...payload.value, instance: { ...(payload.value['instance'] as object), kvm: '' } });
}
