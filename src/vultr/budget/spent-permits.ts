/** How many times there is room for at first. */
const FIRST_SIZE = 64;

/** When the last permits were used, as many as a window may have: a ring, so that one more costs the same at any rate. */
export class SpentPermits {
  readonly #limit: number;
  /** In their order from `#next` on, once the ring is full. */
  #times: Float64Array;
  #next = 0;
  #count = 0;

  /** @param limit how many are kept */
  constructor(limit: number) {
    this.#limit = limit;
    this.#times = new Float64Array(Math.min(limit, FIRST_SIZE));
  }

  /** When the last one was used; 0: none was. */
  get lastMs(): number {
    return this.#count === 0 ? 0 : (this.#times.at(this.#next - 1) ?? 0);
  }

  /** When the one was used that is as many uses back as are kept; 0: there were not so many. */
  get firstMs(): number {
    return this.#count < this.#limit ? 0 : (this.#times[this.#next] ?? 0);
  }

  add(atMs: number): void {
    if (this.#count === this.#times.length && this.#count < this.#limit) this.#grow();
    this.#times[this.#next] = atMs;
    this.#next = (this.#next + 1) % this.#times.length;
    this.#count = Math.min(this.#count + 1, this.#times.length);
  }

  /** Changes all times, in no particular order. */
  change(toTime: (atMs: number) => number): void {
    for (let index = 0; index < this.#count; index += 1) {
      this.#times[index] = toTime(this.#times[index] ?? 0);
    }
  }

  /** Before the ring is as long as it may become it begins anew at its end, so the times are in order. */
  #grow(): void {
    const larger = new Float64Array(Math.min(this.#limit, this.#times.length * 2));
    larger.set(this.#times);
    this.#times = larger;
    this.#next = this.#count;
  }
}
