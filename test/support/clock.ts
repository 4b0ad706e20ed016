import type { Clock } from '../../src/base/clock.ts';

/** A clock that stands still until it is moved. Its sleepers wake in the order of their times. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  now = (): number => this.#nowMs;

  sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const sleeper = {
        atMs: this.#nowMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(new Error('The sleep was aborted.'));
      });
    });

  /** How many sleep. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  /** Moves time forward; everything that follows from a waking happens at its time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#sleepers].sort((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  /** Sets time, as an administrator does: nobody wakes. */
  set(ms: number): void {
    this.#nowMs = ms;
  }

  /** Sets time by so much, forward or back: nobody wakes. */
  shift(ms: number): void {
    this.#nowMs += ms;
  }
}

/** A clock that stands still but for its sleeps, which it notes and passes at once. */
export class PassingClock extends ManualClock {
  readonly slept: number[] = [];

  override sleep = async (ms: number): Promise<void> => {
    this.slept.push(ms);
    this.shift(ms);
  };
}

/** Lets everything happen that does not wait for time. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
