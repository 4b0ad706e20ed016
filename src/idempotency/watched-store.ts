import type { IdempotencyStore } from './store.ts';

/** A store of which it is known whether it works. */
export interface WatchedStore extends IdempotencyStore {
  /** Whether creations can be recorded, as far as is known: for readiness and metrics. */
  isAvailable(): boolean;
}

/** What a store is watched with. */
export interface WatchOptions {
  readonly store: IdempotencyStore;
  /** Called once when the store has become unusable. */
  readonly onLost: (error: unknown) => void;
  /** Called once when it works again. */
  readonly onBack: () => void;
  /** How often the store is asked. Default 5 000. */
  readonly intervalMs?: number;
}

/**
 * Watches a store: by what becomes of the creations that begin, and, where none do, by asking it every few seconds. A store
 * that cannot be written to (a full disk, a Redis without memory) counts as lost until a write has succeeded. Resolves when
 * the store has been asked once, so that the service knows its state from the start.
 */
export async function watchStore(options: WatchOptions): Promise<WatchedStore> {
  const { store, onLost, onBack, intervalMs = 5_000 } = options;
  let isLost = false;
  let isClosed = false;
  let isAsking = false;

  function note(failure: { readonly error: unknown } | undefined): void {
    const wasLost = isLost;
    isLost = failure !== undefined;
    if (isClosed || isLost === wasLost) return;
    if (failure === undefined) onBack();
    else onLost(failure.error);
  }

  async function watch<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      note(undefined);
      return result;
    } catch (error) {
      note({ error });
      throw error;
    }
  }

  async function ask(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    await watch(isLost ? store.probe() : store.check()).catch(() => undefined);
    isAsking = false;
  }

  await ask();
  const timer = setInterval(() => void ask(), intervalMs);
  timer.unref();
  return {
    ...store,
    begin: (...args) => watch(store.begin(...args)),
    isAvailable: () => !isLost,
    close: async () => {
      isClosed = true;
      clearInterval(timer);
      await store.close();
    },
  };
}
