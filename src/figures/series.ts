/** Counts by the second, for the last seconds of a fixed number. */
export class SecondSeries {
  readonly #counts: Float64Array;
  /** The second that each place counts; a place is reused when its second is over. */
  readonly #seconds: Float64Array;

  constructor(length: number) {
    // One more than is shown: the second that is under way.
    this.#counts = new Float64Array(length + 1);
    this.#seconds = new Float64Array(length + 1).fill(-1);
  }

  add(nowMs: number, count = 1): void {
    const second = Math.floor(nowMs / 1_000);
    const place = second % this.#counts.length;
    if (this.#seconds[place] !== second) {
      this.#seconds[place] = second;
      this.#counts[place] = 0;
    }
    this.#counts[place] = (this.#counts[place] ?? 0) + count;
  }

  /** The counts of the seconds that are over, the oldest first. */
  list(nowMs: number): number[] {
    const current = Math.floor(nowMs / 1_000);
    const length = this.#counts.length - 1;
    return Array.from({ length }, (_, index) => {
      const second = current - length + index;
      const place = ((second % (length + 1)) + length + 1) % (length + 1);
      return this.#seconds[place] === second ? (this.#counts[place] ?? 0) : 0;
    });
  }
}
