/** Values by name, of which there are at most so many: what comes after that shares one. */
export class NamedValues<Value> {
  readonly #values = new Map<string, Value>();
  readonly #most: number;
  readonly #make: () => Value;
  /** Whether a value may give way to another name. */
  readonly #isIdle: (value: Value) => boolean;

  constructor(most: number, make: () => Value, isIdle: (value: Value) => boolean) {
    this.#most = most;
    this.#make = make;
    this.#isIdle = isIdle;
  }

  get(name: string): Value {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    if (this.#isFull()) this.#forgetIdle();
    const given = this.#isFull() ? OTHERS : name;
    const value = this.#values.get(given) ?? this.#make();
    this.#values.set(given, value);
    return value;
  }

  entries(): IterableIterator<[string, Value]> {
    return this.#values.entries();
  }

  /** The last place is for all names that have none of their own. */
  #isFull(): boolean {
    return this.#values.size - Number(this.#values.has(OTHERS)) >= this.#most - 1;
  }

  #forgetIdle(): void {
    for (const [name, value] of this.#values) if (this.#isIdle(value)) this.#values.delete(name);
  }
}

/** The name of the value that is shared. */
export const OTHERS = '(others)';
