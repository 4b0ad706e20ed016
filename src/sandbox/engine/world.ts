import { SandboxClock, type TimeSource } from './clock.ts';
import { Random } from './random.ts';
import { Store } from './store.ts';

/** How long things take, in milliseconds of sandbox time. */
export interface LagOptions {
  /** A new instance answers 404 on GET for this long. */
  readMs: number;
  /** A new instance is missing from lists for this long. */
  listMs: number;
  /** Halt and start show in power_status after this long. */
  powerMs: number;
  /** From create until server_status ok; the address comes after a fifth, `active` after a half. */
  bootMs: number;
  /** From pending to active (or complete) of every other resource. */
  provisionMs: number;
}

/** The e-mail address of the one account that every good key sees. */
export const ACCOUNT_EMAIL = 'sandbox@example.com';

/** Everything that the sandbox remembers between two requests. */
export class World {
  readonly clock: SandboxClock;
  readonly random: Random;
  readonly store: Store;
  readonly lag: LagOptions;
  readonly maxInstances: number;
  /** Instances ever created over the API; the examples do not count. */
  instancesCreated = 0;
  #lastNumber = 1000;

  constructor(options: {
    source: TimeSource;
    timeScale: number;
    seed: number;
    lag: LagOptions;
    maxInstances: number;
    maxResources: number;
  }) {
    this.clock = new SandboxClock(options.source, options.timeScale);
    this.random = new Random(options.seed);
    this.store = new Store(this.clock, options.maxResources);
    this.lag = options.lag;
    this.maxInstances = options.maxInstances;
  }

  /** The next of Vultr's integer ids. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }
}
