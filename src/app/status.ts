import { systemClock } from '../base/clock.ts';
import type { ServeConfig } from '../config/settings.ts';
import { readVersion } from '../config/version.ts';
import type { Figures } from '../figures/figures.ts';
import type { ReplicaBoard } from '../figures/replicas.ts';
import type { BudgetFigures, CacheFigures, Snapshot } from '../figures/snapshot.ts';
import type { Phase } from '../http/routes/service.ts';
import type { VultrClient } from '../vultr/client.ts';
import type { CacheView, StageDetails, StageState } from '../vultr/stages.ts';
import type { Watches } from '../watch/watches.ts';

/** How many cached responses are named. */
const MAX_CACHE_ENTRIES = 20;

/** Where the figures come from. */
export interface StatusSources {
  readonly config: ServeConfig;
  /** What is asked, as people know it. */
  readonly upstream: string;
  readonly figures: Figures;
  readonly client: VultrClient;
  readonly watches: Watches;
  readonly isRecording: () => boolean;
  readonly phase: () => Phase;
  /** Undefined: there is no Redis. */
  readonly replicas: ReplicaBoard | undefined;
}

/** Makes the function that reads what is going on. */
export function createStatusReader(sources: StatusSources): () => Snapshot {
  const { upstream, figures, client, watches, replicas } = sources;
  const version = readVersion();
  const startedMs = systemClock.now();
  return () => {
    const state = client.state();
    const details = client.inspect(MAX_CACHE_ENTRIES);
    const { watches: count, things, keptBytes } = watches.state;
    const nowMs = systemClock.now();
    return {
      service: 'vultr-grpc',
      version,
      upstream,
      at: new Date(nowMs).toISOString(),
      uptime_s: seconds(nowMs - startedMs),
      phase: sources.phase(),
      calls: figures.calls(),
      budget: budgetFigures(figures, state, details),
      breaker: state.breaker ?? null,
      retries_left: state.retryTokens,
      cache: details.cache === undefined ? null : cacheFigures(details.cache),
      watches: { watches: count, things, kept_bytes: keptBytes },
      idempotency: sources.isRecording() ? 'available' : 'unavailable',
      replicas: replicas?.list() ?? null,
      errors: figures.errors(),
    };
  };
}

function budgetFigures(
  figures: Figures,
  { budget }: StageState,
  { waitingByCaller = new Map() }: StageDetails,
): BudgetFigures | null {
  if (budget === undefined) return null;
  return {
    source: budget.kind,
    rate: Math.round(10_000 / budget.intervalMs) / 10,
    rate_factor: budget.rateFactor,
    waiting: budget.waiting,
    waiting_bytes: budget.waitingBytes,
    in_flight: budget.inFlight,
    per_second: figures.permitsPerSecond(),
    callers: figures.callers(waitingByCaller),
  };
}

function cacheFigures({ entries, bytes, freshMs, recent }: CacheView): CacheFigures {
  return {
    entries,
    held_bytes: bytes,
    fresh_s: seconds(freshMs),
    recent: recent.map(({ path, ageMs }) => ({ path, age_s: seconds(ageMs), is_fresh: ageMs < freshMs })),
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}
