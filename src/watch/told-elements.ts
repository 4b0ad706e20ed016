import { type JsonValue, stringifyJson } from '../payload/json.ts';
import { isObject } from './json-diff.ts';

/**
 * Knows which elements of a list have been told, however often it is read. An element with an id is told once. Of equal ones
 * without, as many are told as one reading has shown.
 */
export class ToldElements {
  readonly #ids = new Set<string>();
  readonly #counts = new Map<string, number>();
  /** How many equal ones this reading has shown. */
  #shown = new Map<string, number>();
  #size = 0;

  /** How many have been told. */
  get size(): number {
    return this.#size;
  }

  /** The list is read from its start again. */
  startAgain(): void {
    this.#shown = new Map();
  }

  /** Takes note of an element. Returns whether it has not been told before. */
  add(element: JsonValue): boolean {
    const isNew = this.#isNew(element);
    if (isNew) this.#size += 1;
    return isNew;
  }

  #isNew(element: JsonValue): boolean {
    const id = isObject(element) ? element['id'] : undefined;
    if (typeof id === 'string' || typeof id === 'number') {
      const before = this.#ids.size;
      return this.#ids.add(String(id)).size > before;
    }
    const text = stringifyJson(element);
    const shown = (this.#shown.get(text) ?? 0) + 1;
    this.#shown.set(text, shown);
    if (shown <= (this.#counts.get(text) ?? 0)) return false;
    this.#counts.set(text, shown);
    return true;
  }
}
