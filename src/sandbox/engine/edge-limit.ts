/** The largest number of sources that are remembered. The one seen least recently is forgotten first. */
const MAX_SOURCES = 10_000;

/**
 * The limit at Vultr's edge: never lets more than `perSecond` requests of one source address pass in any window of one
 * second of real time. Refused requests do not count.
 */
export class EdgeLimit {
  readonly #perSecond: number;
  readonly #passedAtMs = new Map<string, number[]>();

  /** A `perSecond` of 0 switches the limit off. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether the request may pass. If so, it counts. */
  admit(source: string, nowMs: number): boolean {
    if (this.#perSecond === 0) return true;
    const passed = (this.#passedAtMs.get(source) ?? []).filter((atMs) => atMs > nowMs - 1000);
    const free = passed.length < this.#perSecond;
    if (free) passed.push(nowMs);
    this.#passedAtMs.delete(source);
    this.#passedAtMs.set(source, passed);
    const [oldest] = this.#passedAtMs.keys();
    if (this.#passedAtMs.size > MAX_SOURCES && oldest !== undefined) this.#passedAtMs.delete(oldest);
    return free;
  }

  /** Forgets every source. */
  clear(): void {
    this.#passedAtMs.clear();
  }
}
