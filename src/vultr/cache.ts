import type { Clock } from '../base/clock.ts';
import { resolvePositive } from '../base/limits.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { CacheStatus } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';
import { type CacheEntry, type CacheStoreLimits, createCacheStore } from './cache-store.ts';
import { badResponse } from './errors.ts';
import type { VultrObserver } from './observe.ts';
import type { Send, SendContext, SendOrRecall, VultrRequest, VultrResponse } from './request.ts';

/** How long responses count and how many are kept. */
export interface CacheLimits extends CacheStoreLimits {
  /** How long a response is given without asking Vultr again. Default 300 000, 5 minutes. */
  readonly freshMs: number;
  /** How long it is kept for when Vultr does not respond. Default 86 400 000, a day. */
  readonly keepMs: number;
  /** How many responses. Default 500. */
  readonly maxEntries: number;
  /** How much memory they hold. Default 32 MB. */
  readonly maxBytes: number;
  /** How long a refresh may take, its retries and its wait for the budget included. Default 30 000. */
  readonly refreshTimeoutMs: number;
  /** From a refresh that failed until the next of the same response. Default 2000. */
  readonly refreshPauseMs: number;
}

/** The defaults. */
export const DEFAULT_CACHE_LIMITS: CacheLimits = {
  freshMs: 5 * 60_000,
  keepMs: 24 * 60 * 60_000,
  maxEntries: 500,
  maxBytes: 32 * 1024 * 1024,
  refreshTimeoutMs: 30_000,
  refreshPauseMs: 2_000,
};

/** The options of the cache. */
export interface CacheOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Called with every refresh that failed: nobody waits for one, so nobody else learns of it. It must not throw. */
  readonly onRefreshFailed: (request: VultrRequest, error: CallError) => void;
  /** Default: nothing is called. */
  readonly observe?: VultrObserver;
  readonly limits?: Partial<CacheLimits>;
}

/** What the cache holds. */
export interface CacheState {
  readonly entries: number;
  /** As the entries are counted. */
  readonly bytes: number;
}

/** What the cache holds, for people who look at it. */
export interface CacheView extends CacheState {
  readonly freshMs: number;
  /** The one used last is the first. */
  readonly recent: readonly { readonly path: string; readonly ageMs: number }[];
}

/** The cache of the public catalogue. */
export interface CatalogueCache {
  /** The outermost layer around Send. */
  readonly stage: (next: Send) => SendOrRecall;
  state(): CacheState;
  /** @param most how many responses are named, those used last */
  view(most: number): CacheView;
}

/** Failures that say nothing about the response: Vultr did not give any. After others the kept one is wrong. */
const NO_RESPONSE: ReadonlySet<Code> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'INTERNAL',
  'UNKNOWN',
  'CANCELLED',
]);

/**
 * Keeps the responses to public reads, which are the same for every caller. A fresh one is given as it is; an older one is
 * given at once, too, while one refresh runs behind it (`stale-while-revalidate` and `stale-if-error` of RFC 5861). A
 * kept response is dropped after `keepMs`, or when Vultr says that there is no such thing. Failures are not kept, nor is
 * what is not JSON. The body of a kept response is always the same object, so that payloadOf parses it once.
 *
 * It stands above enforceDeadline, which ends a refresh too, and above singleflight, which makes one request of the many
 * that a missing response is asked for with.
 * @throws TypeError when a limit is not usable
 */
export function createCatalogueCache(options: CacheOptions): CatalogueCache {
  const { clock, onRefreshFailed, observe = () => undefined } = options;
  const limits = resolvePositive('cache', DEFAULT_CACHE_LIMITS, options.limits ?? {});
  const store = createCacheStore(limits);
  const stage: CatalogueCache['stage'] = (next) => {
    const refreshing = new Set<string>();
    const failedAt = new WeakMap<CacheEntry, number>();

    function keep(key: string, response: VultrResponse): void {
      // Each of the callers who shared a request brings the same response.
      if (store.peek(key)?.response.body === response.body) return;
      store.set(key, { response, storedAt: clock.now() });
    }

    async function refresh(key: string, entry: CacheEntry, request: VultrRequest): Promise<void> {
      refreshing.add(key);
      try {
        const deadline = clock.now() + limits.refreshTimeoutMs;
        const response = await next(request, { signal: new AbortController().signal, deadline });
        if (!isKeepable(response)) throw badResponse(request, 'to a refresh is empty or not JSON');
        keep(key, response);
      } catch (thrown) {
        const error = CallError.from(thrown);
        if (NO_RESPONSE.has(error.code)) failedAt.set(entry, clock.now());
        else if (store.peek(key) === entry) store.delete(key);
        onRefreshFailed(request, error);
      } finally {
        refreshing.delete(key);
      }
    }

    function isRefreshDue(key: string, entry: CacheEntry): boolean {
      if (refreshing.has(key)) return false;
      const failed = failedAt.get(entry);
      return failed === undefined || !isWithin(clock.now() - failed, limits.refreshPauseMs);
    }

    async function ask(key: string, request: VultrRequest, context: SendContext): Promise<VultrResponse> {
      observe({ kind: 'cache', state: 'miss', ageMs: 0 });
      const response = await next(request, context);
      if (isKeepable(response)) keep(key, response);
      return noted(response, 'miss', 0, limits.freshMs);
    }

    return (request, context) => {
      if (!isCatalogueRead(request)) return next(request, context);
      const key = `${request.path}?${request.query}`;
      const entry = store.get(key);
      const ageMs = entry === undefined ? 0 : clock.now() - entry.storedAt;
      if (entry === undefined || ageMs >= limits.keepMs) return ask(key, request, context);
      const state = isWithin(ageMs, limits.freshMs) ? 'hit' : 'stale';
      observe({ kind: 'cache', state, ageMs });
      if (state === 'stale' && isRefreshDue(key, entry)) void refresh(key, entry, request);
      return noted(entry.response, state, ageMs, limits.freshMs);
    };
  };
  const state = (): CacheState => ({ entries: store.size, bytes: store.calculatedSize });
  return {
    stage,
    state,
    view: (most) => ({
      ...state(),
      freshMs: limits.freshMs,
      recent: recentOf(store, clock.now(), most),
    }),
  };
}

function recentOf(
  store: ReturnType<typeof createCacheStore>,
  nowMs: number,
  most: number,
): CacheView['recent'] {
  const recent: { path: string; ageMs: number }[] = [];
  for (const [key, { storedAt }] of store.entries()) {
    if (recent.length >= most) break;
    // What stands in a query is the caller's own.
    const path = key.replace(/\?.+$/, '?…').replace(/\?$/, '');
    recent.push({ path, ageMs: Math.max(0, nowMs - storedAt) });
  }
  return recent;
}

/** Whether less than `limitMs` has passed. A negative age means that the clock was put back and nothing is known. */
function isWithin(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs < limitMs;
}

function isCatalogueRead({ method, kind, repeatable, isPublic }: VultrRequest): boolean {
  return isPublic && method === 'GET' && kind !== 'change' && repeatable;
}

function isKeepable({ status, body }: VultrResponse): boolean {
  if (status !== 200 || body.length === 0) return false;
  try {
    payloadOf(body);
    return true;
  } catch {
    // The caller who asked for it runs into the same problem and is told; a proxy's page must not be kept in place of a
    // response.
    return false;
  }
}

function noted(
  response: VultrResponse,
  state: CacheStatus['state'],
  ageMs: number,
  freshMs: number,
): VultrResponse {
  return { ...response, cache: { state, ageMs: Math.max(0, ageMs), freshMs } };
}
