/** How much work one evaluation of a condition may be, in units of about 0.2 microseconds on a slow machine's processor. */
export const MAX_WORK = 100_000;

/** An evaluation was stopped because it was too much work. */
export class TooMuchWork extends Error {
  constructor() {
    super(`takes more than ${MAX_WORK} steps`);
  }
}

/** The work that an evaluation may still do. Evaluations do not overlap, so that one budget serves them all. */
export class WorkBudget {
  #left = 0;

  /** Begins an evaluation. */
  refill(): void {
    this.#left = MAX_WORK;
  }

  /** @throws TooMuchWork when that much is not left */
  charge(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new TooMuchWork();
  }
}
