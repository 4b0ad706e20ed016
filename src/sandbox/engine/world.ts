import { SandboxClock, type TimeSource } from './clock.ts';
import { Random } from './random.ts';
import { Store } from './store.ts';

/** How long things take, in milliseconds of sandbox time. */
export interface LagOptions {
  /** Reading a new instance gives 404 for this long. */
  readMs: number;
  /** A new instance is missing from lists for this long. */
  listMs: number;
  /** Halt and start show in power_status after this long. */
  powerMs: number;
  /** From the create until server_status is ok. The address is there after a fifth, `active` after a half. */
  bootMs: number;
  /** From pending to active (or complete), for every other resource. */
  provisionMs: number;
}

/** The e-mail address of the only account, which every good key belongs to. */
export const ACCOUNT_EMAIL = 'sandbox@example.com';

/** Everything that the sandbox remembers between two requests. */
export class World {
  readonly clock: SandboxClock;
  readonly random: Random;
  readonly store: Store;
  readonly lag: LagOptions;
  readonly maxInstances: number;
  /** How many instances have ever been created through the API. The examples do not count. */
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
