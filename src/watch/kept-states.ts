import type { Payload } from '../payload/payload.ts';
import { sameJson } from './json-diff.ts';
import type { WatchLimits } from './options.ts';
import type { SelectFields } from './select-fields.ts';

/** A state of a thing. */
export interface KeptState {
  /** From 1 on, without gaps. */
  readonly sequence: number;
  readonly payload: Payload;
  readonly bytes: number;
}

type KeptLimits = Pick<WatchLimits, 'maxStates' | 'maxStateBytes' | 'maxBytes'>;

/** The total size of the states of all things. */
export interface KeptBytes {
  total: number;
}

/** The last states of a thing, oldest first. */
export class KeptStates {
  readonly #limits: KeptLimits;
  /** Removes what differs at every read. */
  readonly #steady: SelectFields;
  readonly #ofAll: KeptBytes;
  #bytes = 0;
  #states: KeptState[] = [];
  #sequence = 0;

  constructor(limits: KeptLimits, steady: SelectFields, ofAll: KeptBytes) {
    this.#limits = limits;
    this.#ofAll = ofAll;
    this.#steady = steady;
  }

  /** The newest state; undefined: none has been seen. */
  get newest(): KeptState | undefined {
    return this.#states.at(-1);
  }

  /** Adds a state. Returns false when it equals the newest. */
  add(payload: Payload, bytes: number): boolean {
    const { newest } = this;
    if (newest !== undefined && this.#isSame(newest.payload, payload)) return false;
    this.#sequence += 1;
    this.#states.push({ sequence: this.#sequence, payload, bytes });
    this.#count(bytes);
    const { maxStates, maxStateBytes, maxBytes } = this.#limits;
    while (
      this.#states.length > 1 &&
      (this.#states.length > maxStates || this.#bytes > maxStateBytes || this.#ofAll.total > maxBytes)
    ) {
      this.#count(-(this.#states.shift()?.bytes ?? 0));
    }
    return true;
  }

  /** Forgets all states. */
  clear(): void {
    this.#states = [];
    this.#count(-this.#bytes);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#ofAll.total += bytes;
  }

  /** The state with this number, if it is kept. */
  at(sequence: number): KeptState | undefined {
    return this.#states.find((state) => state.sequence === sequence);
  }

  /** The kept states with higher numbers. */
  after(sequence: number): readonly KeptState[] {
    return this.#states.filter((state) => state.sequence > sequence);
  }

  #isSame(before: Payload, after: Payload): boolean {
    return before === after || sameJson(this.#steady(before.value), this.#steady(after.value));
  }
}
