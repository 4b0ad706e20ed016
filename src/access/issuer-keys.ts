import { type CryptoKey, createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { codeOf } from './account-key.ts';
import { policyUnavailable } from './errors.ts';
import { parseJwks } from './jwks.ts';

/** The public keys of an issuer, kept and renewed. */
export interface IssuerKeys {
  /** Finds the key of a token by its header. Rejects with an error of jose, or a CallError when the keys are out of reach. */
  find(...header: Parameters<JWTVerifyGetKey>): Promise<FoundKey>;
  /** Goes up with every new set of keys: a token that an earlier set verified must be verified again. */
  readonly generation: number;
  /** Reads the keys again, unless that has just been done. Never rejects: on failure the earlier keys stay. */
  refresh(): Promise<void>;
}

/** A public key, and the set that it is from. */
export interface FoundKey {
  readonly key: CryptoKey;
  readonly generation: number;
}

/** The options of an issuer's keys. */
export interface IssuerKeysOptions {
  /** For messages: the name of the issuer. */
  readonly name: string;
  /** Fetches the key set. */
  readonly load: () => Promise<Uint8Array>;
  /** Called when the keys cannot be renewed. */
  readonly onError: (error: Error) => void;
  /** Milliseconds. */
  readonly now: () => number;
  /** How old keys may be until they are renewed in the background; Infinity: until `refresh`. */
  readonly freshMs: number;
  /** The greatest age of keys. A withdrawn key counts no longer than that. */
  readonly maxAgeMs: number;
  /** The shortest time between two readings, so that made-up key ids cannot cause more. */
  readonly cooldownMs: number;
}

interface KeySet {
  readonly text: string;
  readonly get: ReturnType<typeof createLocalJWKSet>;
  readonly generation: number;
  readonly loadedAt: number;
}

/** Keeps the keys of an issuer. A token with an unknown key id makes it look for new ones, as keys rotate that way. */
export function createIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  return new RotatingKeys(options);
}

class RotatingKeys implements IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: KeySet | undefined;
  #loading: Promise<void> | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  get generation(): number {
    return this.#keys?.generation ?? 0;
  }

  async find(...header: Parameters<JWTVerifyGetKey>): Promise<FoundKey> {
    const keys = await this.#current();
    try {
      return { key: await keys.get(...header), generation: keys.generation };
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.refresh();
      const newer = this.#keys;
      if (newer === undefined || newer.generation === keys.generation) throw error;
      return { key: await newer.get(...header), generation: newer.generation };
    }
  }

  async #current(): Promise<KeySet> {
    const { now, freshMs, maxAgeMs, name } = this.#options;
    const age = (): number => now() - (this.#keys?.loadedAt ?? Number.NEGATIVE_INFINITY);
    if (this.#keys === undefined || age() > maxAgeMs) await this.refresh();
    else if (age() > freshMs) void this.refresh();
    if (this.#keys === undefined || age() > maxAgeMs)
      throw policyUnavailable(
        `The signing keys of the issuer ${name} are out of reach, so no token of it can be verified.`,
      );
    return this.#keys;
  }

  async refresh(): Promise<void> {
    const { now, cooldownMs } = this.#options;
    if (this.#loading === undefined) {
      if (now() - this.#triedAt < cooldownMs) return;
      this.#triedAt = now();
      this.#loading = this.#load().finally(() => {
        this.#loading = undefined;
      });
    }
    await this.#loading;
  }

  async #load(): Promise<void> {
    const { load, onError, now, name } = this.#options;
    try {
      const bytes = await load();
      const jwks = parseJwks(bytes);
      const text = JSON.stringify(jwks);
      const { generation } = this;
      const isSame = text === this.#keys?.text;
      const get = createLocalJWKSet(jwks);
      this.#keys = { text, get, generation: isSame ? generation : generation + 1, loadedAt: now() };
    } catch (error) {
      const problem = error instanceof Error && !('code' in error) ? error.message : codeOf(error);
      onError(
        new Error(`The signing keys of the issuer ${name} cannot be read: ${problem}`, { cause: error }),
      );
    }
  }
}
