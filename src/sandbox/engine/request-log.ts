/** One request that reached the sandbox. */
export interface LoggedRequest {
  /** Arrival, in milliseconds of real time. */
  atMs: number;
  method: string;
  /** As sent, without the query. */
  path: string;
  /** As sent, without the question mark. */
  query: string;
  /** The status of the response, 0 while there is none (dropped, hanging). */
  status: number;
  /** The fault that hit it. */
  fault?: string;
  /** First 12 hexadecimal digits of the SHA-256 of the key; the key itself is never kept. */
  keyHash?: string;
}

/** Which requests to count: those that match every given member. In `path`, `*` stands for any one segment. */
export interface RequestFilter {
  method?: string;
  path?: string;
  status?: number;
}

/** The last requests, oldest first; older ones are forgotten. */
export class RequestLog {
  readonly #max: number;
  #entries: LoggedRequest[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Adds an entry; its status may be filled in later. */
  add(entry: LoggedRequest): LoggedRequest {
    this.#entries.push(entry);
    // Entries are dropped in blocks, because shifting a large array on every request would be slow.
    if (this.#entries.length > this.#max * 2) this.#entries = this.#entries.slice(-this.#max);
    return entry;
  }

  /** The last requests that match, oldest first. */
  list(filter: RequestFilter = {}): LoggedRequest[] {
    return this.#entries.slice(-this.#max).filter((entry) => fits(entry, filter));
  }

  /** How many of the remembered requests match. */
  count(filter: RequestFilter = {}): number {
    return this.list(filter).length;
  }

  /** The largest number of matching requests that arrived within any half-open window of `windowMs`. */
  maxInWindow(windowMs = 1000, filter: RequestFilter = {}): number {
    const arrivals = this.list(filter).map((entry) => entry.atMs);
    let start = 0;
    let most = 0;
    for (const [end, atMs] of arrivals.entries()) {
      while ((arrivals[start] ?? atMs) <= atMs - windowMs) start++;
      most = Math.max(most, end - start + 1);
    }
    return most;
  }

  /** Totals: all, by status, by method, and the busiest second. */
  summary(): {
    total: number;
    byStatus: Record<string, number>;
    byMethod: Record<string, number>;
    maxPerSecond: number;
  } {
    const byStatus: Record<string, number> = {};
    const byMethod: Record<string, number> = {};
    for (const { status, method } of this.list()) {
      byStatus[status] = (byStatus[status] ?? 0) + 1;
      byMethod[method] = (byMethod[method] ?? 0) + 1;
    }
    return { total: this.count(), byStatus, byMethod, maxPerSecond: this.maxInWindow() };
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries = [];
  }
}

/** True when `path` equals `pattern`, where a `*` segment of the pattern stands for any one segment. */
export function pathFits(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length && wanted.every((segment, at) => segment === '*' || segment === given[at])
  );
}

function fits(entry: LoggedRequest, filter: RequestFilter): boolean {
  return (
    (filter.method === undefined || filter.method === entry.method) &&
    (filter.path === undefined || pathFits(filter.path, entry.path)) &&
    (filter.status === undefined || filter.status === entry.status)
  );
}
