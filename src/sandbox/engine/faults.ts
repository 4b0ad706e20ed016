import type { Random } from './random.ts';
import { pathFits } from './request-log.ts';

/** Every kind of fault. */
export const FAULT_KINDS = [
  'latency',
  'drop-before',
  'drop-after',
  'status',
  'error',
  'cut-body',
  'not-json',
  'hang',
  'slow-body',
] as const;

/** What a fault does; see `Fault.kind`. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Something that goes wrong on purpose. It is JSON, so that it can come from a file or through `/_sandbox/faults`. */
export interface Fault {
  /** The method to match; any by default. */
  method?: string;
  /** The path to match, as sent and without the query; any by default. The segment `*` stands for any one segment. */
  path?: string;
  /**
   * `latency`: wait `latencyMs`, then go on. `drop-before`, `drop-after`: destroy the connection before or after the
   * work is done. `status`: respond with `status` and a page instead of JSON. `error`: respond with an error object, by
   * default with status 200. `cut-body`: promise more bytes than are sent, then destroy. `not-json`: send something
   * that is not JSON as application/json. `hang`: never respond. `slow-body`: send the body in pieces over `latencyMs`.
   * The work is done for cut-body, not-json and slow-body, not for hang, and for status and error only with `after`.
   */
  kind: FaultKind;
  /** The chance of a matching request to be hit, from 0 to 1; 1 by default. */
  probability?: number;
  /** The number of requests that are hit at most. */
  times?: number;
  /** The number of matching requests that pass first. */
  skip?: number;
  /** For latency and slow-body: milliseconds of real time, at most 600 000. */
  latencyMs?: number;
  /** For status and error: from 200 to 599. The default of error is 200. */
  status?: number;
  /** For status and error: true does the work first. */
  after?: boolean;
  /** For status and error: the value of the header Retry-After, a number of seconds or a date. */
  retryAfter?: string;
  /** For error: the text, by default `Internal server error`. */
  text?: string;
  /** For error: the member that holds the text, by default `error`. Managed databases refuse with `message`. */
  member?: 'error' | 'message';
  /** For status and not-json: the body instead of the usual one. */
  body?: string;
  /** For status: the media type, by default text/html. */
  contentType?: string;
}

const isNumberIn = (low: number, high: number) => (value: unknown) =>
  typeof value === 'number' && value >= low && value <= high;
const isCount = (value: unknown) => Number.isSafeInteger(value) && isNumberIn(0, 1e9)(value);
const isText = (value: unknown) => typeof value === 'string' && value.length <= 65_536;

/** What each member must be: a check, and words that describe it. */
const MEMBERS: Record<keyof Fault, [check: (value: unknown) => boolean, expected: string]> = {
  method: [(value) => typeof value === 'string' && /^[A-Z]+$/.test(value), 'an upper-case HTTP method'],
  path: [(value) => typeof value === 'string' && value.startsWith('/'), 'a path that starts with /'],
  kind: [(value) => FAULT_KINDS.some((kind) => kind === value), `one of ${FAULT_KINDS.join(', ')}`],
  probability: [isNumberIn(0, 1), 'a number from 0 to 1'],
  times: [isCount, 'an integer >= 0'],
  skip: [isCount, 'an integer >= 0'],
  latencyMs: [isNumberIn(0, 600_000), 'milliseconds from 0 to 600000'],
  status: [(value) => isNumberIn(200, 599)(value) && isCount(value), 'an HTTP status from 200 to 599'],
  after: [(value) => typeof value === 'boolean', 'true or false'],
  retryAfter: [
    (value) => typeof value === 'string' && /^[\w ,:-]{1,40}$/.test(value),
    'seconds or a date, as text',
  ],
  text: [isText, 'a string of at most 65536 characters'],
  member: [(value) => value === 'error' || value === 'message', 'error or message'],
  body: [isText, 'a string of at most 65536 characters'],
  contentType: [(value) => typeof value === 'string' && /^[\w.+/; =-]+$/.test(value), 'a media type'],
};

/** The name of every member of a fault. */
export const FAULT_MEMBERS: readonly string[] = Object.keys(MEMBERS);

const isMember = (name: string): name is keyof Fault => Object.hasOwn(MEMBERS, name);

/** Checks a list of faults that came as JSON; throws a TypeError that names every wrong member. */
export function parseFaults(value: unknown): Fault[] {
  if (!Array.isArray(value)) throw new TypeError('faults must be an array of fault objects');
  const problems = value.flatMap((fault, at) =>
    problemsOf(fault).map((problem) => `faults[${at}]${problem}`),
  );
  if (problems.length > 0) throw new TypeError(problems.join('; '));
  return value;
}

function problemsOf(fault: unknown): string[] {
  if (typeof fault !== 'object' || fault === null || Array.isArray(fault)) return [' must be an object'];
  const members = new Map<string, unknown>(Object.entries(fault).filter(([, value]) => value !== undefined));
  const problems = [...members].flatMap(([name, value]) => {
    if (!isMember(name)) return [`.${name} is unknown (known: ${FAULT_MEMBERS.join(', ')})`];
    const [check, expected] = MEMBERS[name];
    return check(value) ? [] : [`.${name} must be ${expected}`];
  });
  const kind = members.get('kind');
  if (kind === undefined) problems.push(`.kind is missing: ${MEMBERS.kind[1]}`);
  if (kind === 'status' && !members.has('status')) problems.push('.status is missing for kind status');
  const timed = kind === 'latency' || kind === 'slow-body';
  if (timed && !members.has('latencyMs')) problems.push(`.latencyMs is missing for kind ${kind}`);
  return problems;
}

interface Armed {
  fault: Fault;
  fitted: number;
  hits: number;
}

/** The faults in force, and which of them hit a request. */
export class FaultBook {
  readonly #random: Random;
  #armed: Armed[] = [];

  constructor(random: Random, faults: readonly Fault[] = []) {
    this.#random = random;
    this.set(faults);
  }

  /** Replaces all faults; throws a TypeError that names every wrong member. */
  set(faults: readonly Fault[]): void {
    this.#armed = parseFaults([...faults]).map((fault) => ({ fault: { ...fault }, fitted: 0, hits: 0 }));
  }

  /** Adds a fault after the others. */
  add(fault: Fault): void {
    this.#armed.push(...parseFaults([fault]).map((parsed) => ({ fault: { ...parsed }, fitted: 0, hits: 0 })));
  }

  /** Removes all faults. */
  clear(): void {
    this.#armed = [];
  }

  /** The faults in force, with the number of requests each has hit. */
  list(): (Fault & { hits: number })[] {
    return this.#armed.map(({ fault, hits }) => ({ ...fault, hits }));
  }

  /** The faults that hit this request: every matching latency, and the first matching fault of another kind. */
  hitsFor(method: string, path: string): { latencyMs: number; fault: Fault | undefined } {
    let latencyMs = 0;
    let hit: Fault | undefined;
    for (const armed of this.#armed) {
      const { fault } = armed;
      if (fault.kind !== 'latency' && hit !== undefined) continue;
      if (!this.#fires(armed, method, path)) continue;
      if (fault.kind === 'latency') latencyMs += fault.latencyMs ?? 0;
      else hit = fault;
    }
    return { latencyMs, fault: hit };
  }

  #fires(armed: Armed, method: string, path: string): boolean {
    const { fault } = armed;
    if (fault.method !== undefined && fault.method !== method) return false;
    if (fault.path !== undefined && !pathFits(fault.path, path)) return false;
    if (++armed.fitted <= (fault.skip ?? 0) || armed.hits >= (fault.times ?? Number.POSITIVE_INFINITY))
      return false;
    if (fault.probability !== undefined && this.#random.next() >= fault.probability) return false;
    armed.hits++;
    return true;
  }
}
