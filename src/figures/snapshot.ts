/** What is going on, as `/status` shows it. Members of JSON, so their names are those of JSON. */
export interface Snapshot {
  readonly service: 'vultr-grpc';
  readonly version: string;
  readonly upstream: string;
  /** When it was read, as RFC 3339 has it. */
  readonly at: string;
  readonly uptime_s: number;
  /** `starting`, `ready` or `draining`. */
  readonly phase: string;
  readonly calls: CallFigures;
  /** Null: there is no budget. */
  readonly budget: BudgetFigures | null;
  /** Null: there is no breaker. */
  readonly breaker: { readonly changes: string; readonly reads: string } | null;
  readonly retries_left: number;
  /** Null: there is no cache. */
  readonly cache: CacheFigures | null;
  readonly watches: { readonly watches: number; readonly things: number; readonly kept_bytes: number };
  readonly idempotency: 'available' | 'unavailable';
  /** Null: there is no Redis through which replicas could know of each other. */
  readonly replicas: ReplicaFigures | null;
  /** The newest first. */
  readonly errors: readonly ErrorFigures[];
}

/** The calls of the last minutes. */
export interface CallFigures {
  /** Calls under way. */
  readonly active: number;
  /** Calls that ended in each of the last seconds, the oldest first. */
  readonly per_second: readonly number[];
  readonly failed_per_second: readonly number[];
  /** The methods that were called in the last minute, the one called most first. */
  readonly last_minute: readonly MethodFigures[];
}

/** The calls of one method in the last minute. */
export interface MethodFigures {
  readonly method: string;
  readonly calls: number;
  readonly errors: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly max_ms: number;
}

/** The request budget. */
export interface BudgetFigures {
  /** Where permits come from: `local`, `redis`, `degraded`, `recovering`. */
  readonly source: string;
  /** Requests a second that may be sent now. */
  readonly rate: number;
  /** 1: the whole rate; less after a 429. */
  readonly rate_factor: number;
  readonly waiting: number;
  readonly waiting_bytes: number;
  readonly in_flight: number;
  /** Requests that were sent in each of the last seconds, the oldest first. */
  readonly per_second: readonly number[];
  readonly callers: readonly CallerFigures[];
}

/** What one caller has of the budget. */
export interface CallerFigures {
  readonly caller: string;
  /** Sent in the last minute. */
  readonly requests: number;
  readonly waiting: number;
  readonly longest_wait_ms: number;
}

/** The cache of the catalogue. */
export interface CacheFigures {
  readonly entries: number;
  readonly held_bytes: number;
  readonly fresh_s: number;
  /** Those used last, the last one first. */
  readonly recent: readonly CacheEntryFigures[];
}

/** One response that is kept. */
export interface CacheEntryFigures {
  readonly path: string;
  readonly age_s: number;
  readonly is_fresh: boolean;
}

/** The replicas that share a Redis. */
export interface ReplicaFigures {
  /** Whether Redis could be asked. */
  readonly is_known: boolean;
  readonly replicas: readonly {
    readonly id: string;
    readonly version: string;
    readonly uptime_s: number;
    readonly seen_s: number;
    readonly is_this: boolean;
  }[];
}

/** A failure. */
export interface ErrorFigures {
  readonly at: string;
  readonly method: string;
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly request_id: string | null;
  readonly caller: string | null;
}
