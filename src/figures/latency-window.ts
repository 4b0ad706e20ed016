/** How long the window is, and in how many parts it moves on. */
const WINDOW = { ms: 60_000, slots: 6 } as const;
const SLOT_MS = WINDOW.ms / WINDOW.slots;

/** Two bins for each doubling, from half a millisecond to twenty minutes: a percentile is at most 1.42 times the truth. */
const BINS = { count: 43, leastMs: 0.5, perDoubling: 2 } as const;

/** What a window holds, summed up. */
export interface LatencySummary {
  readonly calls: number;
  readonly errors: number;
  /** How long calls took: half of them at most, 95 of 100 at most, and the longest. Undefined when there were none. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly maxMs: number | undefined;
}

interface Slot {
  /** Which part of time it holds, counted since the epoch. */
  readonly part: number;
  calls: number;
  errors: number;
  maxMs: number;
  readonly bins: Uint32Array;
}

/** How many calls there were in the last minute, and how long they took, in memory of a fixed size. */
export class LatencyWindow {
  readonly #slots: (Slot | undefined)[] = new Array(WINDOW.slots);
  #lastMs = 0;

  /** When the last call was recorded. */
  get lastMs(): number {
    return this.#lastMs;
  }

  record(nowMs: number, durationMs: number, isError: boolean): void {
    this.#lastMs = nowMs;
    const slot = this.#slotAt(nowMs);
    slot.calls += 1;
    if (isError) slot.errors += 1;
    slot.maxMs = Math.max(slot.maxMs, durationMs);
    const bin = binOf(durationMs);
    slot.bins[bin] = (slot.bins[bin] ?? 0) + 1;
  }

  summary(nowMs: number): LatencySummary {
    const oldest = Math.floor(nowMs / SLOT_MS) - WINDOW.slots;
    const slots = this.#slots.filter((slot) => slot !== undefined && slot.part > oldest) as Slot[];
    const sum = (read: (slot: Slot) => number): number => slots.reduce((all, slot) => all + read(slot), 0);
    const calls = sum((slot) => slot.calls);
    const maxMs = Math.max(0, ...slots.map((slot) => slot.maxMs));
    const bins = Array.from({ length: BINS.count }, (_, bin) => sum((slot) => slot.bins[bin] ?? 0));
    const percentile = (part: number): number => Math.min(maxMs, upperBoundOf(bins, calls * part));
    return {
      calls,
      errors: sum((slot) => slot.errors),
      p50Ms: calls === 0 ? undefined : percentile(0.5),
      p95Ms: calls === 0 ? undefined : percentile(0.95),
      maxMs: calls === 0 ? undefined : maxMs,
    };
  }

  #slotAt(nowMs: number): Slot {
    const part = Math.floor(nowMs / SLOT_MS);
    const place = part % WINDOW.slots;
    const slot = this.#slots[place];
    if (slot?.part === part) return slot;
    const bins = slot?.bins.fill(0) ?? new Uint32Array(BINS.count);
    const fresh = { part, calls: 0, errors: 0, maxMs: 0, bins };
    this.#slots[place] = fresh;
    return fresh;
  }
}

function binOf(durationMs: number): number {
  if (!(durationMs > BINS.leastMs)) return 0;
  return Math.min(BINS.count - 1, Math.ceil(Math.log2(durationMs / BINS.leastMs) * BINS.perDoubling));
}

/** The upper bound of the bin that holds the call of this rank. */
function upperBoundOf(bins: readonly number[], rank: number): number {
  let before = 0;
  const bin = bins.findIndex((count) => {
    before += count;
    return count > 0 && before >= rank;
  });
  return BINS.leastMs * 2 ** (Math.max(0, bin) / BINS.perDoubling);
}
