/**
 * A seeded source of everything that looks random in the sandbox, so that a run can be repeated. Not for real secrets.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [low, high]. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** `digits` lower-case hexadecimal digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.integer(0, 15).toString(16)).join('');
  }

  /** A version 4 UUID (RFC 9562, section 5.4). */
  uuid(): string {
    const variant = '89ab'.charAt(this.integer(0, 3));
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-${variant}${this.hex(3)}-${this.hex(12)}`;
  }

  /** A public-looking IPv4 address in Vultr's 45.76.0.0/16. */
  ipv4(): string {
    return `45.76.${this.integer(0, 255)}.${this.integer(2, 254)}`;
  }

  /** A password of 16 letters and digits. */
  password(): string {
    const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
    return Array.from({ length: 16 }, () => letters.charAt(this.integer(0, letters.length - 1))).join('');
  }
}
