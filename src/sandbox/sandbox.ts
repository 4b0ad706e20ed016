import { randomInt } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Api } from './engine/api.ts';
import { systemTime, type TimeSource } from './engine/clock.ts';
import type { Controls } from './engine/control.ts';
import { EdgeLimit } from './engine/edge-limit.ts';
import { type Fault, FaultBook } from './engine/faults.ts';
import type { JsonObject } from './engine/json.ts';
import { Random } from './engine/random.ts';
import { RequestLog } from './engine/request-log.ts';
import { createSandboxServer } from './engine/server.ts';
import { type LagOptions, World } from './engine/world.ts';
import { resources } from './resources/index.ts';

/** The options of `startSandbox`. Everything has a default. */
export interface SandboxOptions {
  /** `host:port`; port 0 takes any free one. Default `127.0.0.1:0`. */
  listen?: string;
  /** How many times faster than real time the sandbox lives, above 0. The edge limit stays in real time. Default 1. */
  timeScale?: number;
  /** Requests per second of one source address; 0 switches the limit off. Default 30. */
  rateLimitPerSecond?: number;
  /** Faults in force from the start. */
  faults?: readonly Fault[];
  /** Real time; tests may pass their own. */
  clock?: TimeSource;
  /** Makes ids, addresses and fault probabilities repeatable. Default: different at each start. */
  seed?: number;
  /** How long things take, in milliseconds of sandbox time. */
  lag?: Partial<LagOptions>;
  /** The largest number of instances. Creating more is refused. Default 10 000. */
  maxInstances?: number;
  /**
   * The largest number of resources of all kinds, not counting the examples. Creating more is refused. Default 50 000.
   */
  maxResources?: number;
  /** The largest number of requests that are remembered. Default 10 000. */
  maxLoggedRequests?: number;
}

/** What tests want to know about purchases. */
export interface SandboxState {
  /** How many instances have ever been created through the API, including deleted ones. The examples do not count. */
  readonly instancesCreated: number;
  /** Every instance as the API shows it, including those that lists still leave out. */
  instances(): JsonObject[];
}

/** A running sandbox. */
export interface Sandbox {
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  readonly faults: FaultBook;
  readonly requests: RequestLog;
  readonly state: SandboxState;
  /** Moves sandbox time forward by `ms`. */
  advance(ms: number): void;
  /** Sandbox time in milliseconds since 1970. */
  nowMs(): number;
  /** Returns to the state after the start: only the examples, no faults, nothing logged. */
  reset(): void;
  /** Stops listening and ends every connection. May be called more than once. */
  close(): Promise<void>;
}

/** How long things take when `startSandbox` is told nothing else. */
export const DEFAULT_LAG: Readonly<LagOptions> = {
  readMs: 1500,
  listMs: 3000,
  powerMs: 1000,
  bootMs: 40_000,
  provisionMs: 10_000,
};

/**
 * Starts an HTTP server that behaves like api.vultr.com for the API v2, with its state in memory. Rejects when the
 * address cannot be bound, with a RangeError or TypeError for options that make no sense.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { listen, seed, time, rateLimitPerSecond, maxLoggedRequests, ...worldOptions } = readOptions(options);
  const api = new Api(resources);
  const newWorld = (): World => {
    const world = new World({ source: time, seed, ...worldOptions });
    api.seed(world);
    return world;
  };
  let world = newWorld();
  const limit = new EdgeLimit(rateLimitPerSecond);
  const faults = new FaultBook(new Random(seed), options.faults);
  const requests = new RequestLog(maxLoggedRequests);
  const state: SandboxState = {
    get instancesCreated() {
      return world.instancesCreated;
    },
    instances: () => instancesIn(world),
  };
  const controls: Controls = {
    faults,
    requests,
    advance: (ms) => world.clock.advance(ms),
    reset: () => {
      world = newWorld();
      limit.clear();
      faults.clear();
      requests.clear();
    },
    state: () => ({ instances_created: state.instancesCreated, instances: state.instances() }),
  };
  const server = createSandboxServer({ api, world: () => world, limit, controls, time });
  const url = await bind(server, listen);
  return {
    url,
    faults,
    requests,
    state,
    advance: controls.advance,
    reset: controls.reset,
    nowMs: () => world.clock.nowMs(),
    close: onceClosed(server),
  };
}

/** Fills in the defaults; throws a RangeError for a number that makes no sense. */
function readOptions({ faults: _faults, clock, ...given }: SandboxOptions) {
  const read = {
    listen: '127.0.0.1:0',
    timeScale: 1,
    rateLimitPerSecond: 30,
    maxInstances: 10_000,
    maxResources: 50_000,
    maxLoggedRequests: 10_000,
    ...given,
    seed: given.seed ?? randomInt(2 ** 32),
    time: clock ?? systemTime,
    lag: { ...DEFAULT_LAG, ...given.lag },
  };
  const { timeScale, rateLimitPerSecond, maxInstances, maxResources, maxLoggedRequests, lag } = read;
  if (!(timeScale > 0 && Number.isFinite(timeScale)))
    throw new RangeError('timeScale must be a number above 0');
  checkCounts({ rateLimitPerSecond, maxInstances, maxResources, maxLoggedRequests, ...lag });
  return read;
}

/** Every instance as the API shows it. The password is shown only by the response to the creation. */
function instancesIn({ store }: World): JsonObject[] {
  return store.all('/v2/instances').map(({ fields: { default_password: _shownOnce, ...fields } }) => fields);
}

/** A function that closes the server once, however often it is called. */
function onceClosed(server: Server): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () => {
    closing ??= new Promise((resolve, reject) => {
      server.close((error) => (error === undefined ? resolve() : reject(error)));
      server.closeAllConnections();
    });
    return closing;
  };
}

function checkCounts(counts: Record<string, number>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (!Number.isSafeInteger(count) || count < 0)
      throw new RangeError(`${name} must be an integer >= 0, got ${count}`);
  }
}

function bind(server: Server, listen: string): Promise<string> {
  const { host, port } = /^(?<host>\[[\da-fA-F:.]+\]|[^:]*):(?<port>\d{1,5})$/.exec(listen)?.groups ?? {};
  if (port === undefined || Number(port) > 65_535) {
    throw new TypeError(`listen must be host:port, for example 127.0.0.1:8080, got ${listen}`);
  }
  const name = host || '127.0.0.1';
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: name.replace(/^\[|\]$/g, ''), port: Number(port) }, () => {
      server.removeListener('error', reject);
      const { port: bound } = server.address() as AddressInfo;
      resolve(`http://${name}:${bound}`);
    });
  });
}
