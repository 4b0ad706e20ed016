import { CallError, type FieldViolation } from '../status/call-error.ts';

/** The most violations that are collected; the caller can correct those first. */
const MAX_VIOLATIONS = 50;

/** Collects what is wrong with a request, so that the caller learns about every fault at once. */
export class Violations {
  readonly #list: FieldViolation[] = [];

  /**
   * Adds one. Beyond the bound they are dropped, so that a hostile request cannot cause a huge reply.
   * @param field where, as a path of proto field names; "" for the message as a whole
   * @param description what is wrong and what to do, as a sentence
   */
  add(field: string, description: string): void {
    if (!this.isFull) this.#list.push({ field, description: description.toWellFormed() });
  }

  /** Whether more would be dropped, so that there is no point in looking for any. */
  get isFull(): boolean {
    return this.#list.length >= MAX_VIOLATIONS;
  }

  /** What was collected. */
  get list(): readonly FieldViolation[] {
    return this.#list;
  }

  /**
   * Ends the collecting.
   * @throws CallError INVALID_ARGUMENT with all of them, when there is one
   */
  throwIfAny(): void {
    if (this.#list.length > 0) throw CallError.invalid(this.#list);
  }
}

/** The path of a field below another: `at("until", "status")` is `until.status`. */
export function at(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}
