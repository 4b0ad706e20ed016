/**
 * What is made of an object once, and kept with it: as a WeakMap does, but the object itself has the value. The collector of the
 * young generation takes what a WeakMap holds for alive, so that a value that refers to its key keeps both until the whole heap is
 * looked through; for a response, which is soon of no use, that is a second or more.
 */
export class Memo<Key extends object, Value> {
  readonly #name = Symbol('memo');

  get(key: Key): Value | undefined {
    return (key as Record<symbol, Value | undefined>)[this.#name];
  }

  set(key: Key, value: Value): void {
    (key as Record<symbol, Value>)[this.#name] = value;
  }
}
