/** What a replica is to do. */
export interface ReplicaPlan {
  readonly upstreamUrl: string;
  /** Undefined: a budget of its own. */
  readonly redisUrl: string | undefined;
  readonly replicas: number;
  readonly callers: number;
  readonly firstCaller: number;
  /** From one call of a caller to its next. */
  readonly everyMs: number;
  /** The deadline of each call. */
  readonly timeoutMs: number;
  readonly seconds: number;
}

/** How the calls of one caller ended. */
export interface CallerTally {
  asked: number;
  answered: number;
  /** RESOURCE_EXHAUSTED. */
  refused: number;
  /** DEADLINE_EXCEEDED. */
  deadline: number;
  other: number;
  /** Of all of them: ended after their deadline. */
  late: number;
}

/** What a replica reports. */
export interface ReplicaTally {
  readonly callers: readonly CallerTally[];
  /** The states of its source, in the order in which it entered them. */
  readonly sources: readonly string[];
  readonly cpuMs: number;
  readonly rssMb: number;
  /** The least time that a response had left until its deadline. */
  readonly leastLeftMs: number;
}
