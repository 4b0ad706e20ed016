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

/** The last states of a thing, oldest first. */
export class KeptStates {
  readonly #limits: Pick<WatchLimits, 'maxStates' | 'maxStateBytes'>;
  /** Takes out what differs at every read. */
  readonly #steady: SelectFields;
  #states: KeptState[] = [];
  #sequence = 0;

  constructor(limits: Pick<WatchLimits, 'maxStates' | 'maxStateBytes'>, steady: SelectFields) {
    this.#limits = limits;
    this.#steady = steady;
  }

  /** The newest; undefined: none has been seen. */
  get newest(): KeptState | undefined {
    return this.#states.at(-1);
  }

  /** Takes a state; false: it is the newest again. */
  add(payload: Payload, bytes: number): boolean {
    const { newest } = this;
    if (newest !== undefined && this.#isSame(newest.payload, payload)) return false;
    this.#sequence += 1;
    this.#states.push({ sequence: this.#sequence, payload, bytes });
    let total = this.#states.reduce((sum, state) => sum + state.bytes, 0);
    const { maxStates, maxStateBytes } = this.#limits;
    while (this.#states.length > 1 && (this.#states.length > maxStates || total > maxStateBytes)) {
      total -= this.#states.shift()?.bytes ?? 0;
    }
    return true;
  }

  /** The state with this number, if it is kept. */
  at(sequence: number): KeptState | undefined {
    return this.#states.find((state) => state.sequence === sequence);
  }

  /** Those kept that came after this number. */
  after(sequence: number): readonly KeptState[] {
    return this.#states.filter((state) => state.sequence > sequence);
  }

  #isSame(before: Payload, after: Payload): boolean {
    return before === after || sameJson(this.#steady(before.value), this.#steady(after.value));
  }
}
