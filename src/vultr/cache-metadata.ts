import type { Operation } from '../contract/operation.ts';
import type { CacheNote, VultrResponse } from './request.ts';

/** From the best to the worst that a caller may have been given. */
const STATES: readonly string[] = ['hit', 'miss', 'stale'] satisfies readonly CacheNote['state'][];

/** The part of a Call that matters here. */
export interface NotedCall {
  readonly operation: Pick<Operation, 'isPublic'>;
  readonly responseMetadata: Map<string, string>;
}

/**
 * Tells the caller of a public operation where its answer came from: `x-cache` (hit, miss, stale) and `age` in whole
 * seconds (RFC 9111, section 5.1). When a call asks more than once, the worst state and the greatest age count. An answer
 * that the cache had no part in leaves the metadata as it is; so does an operation with a credential that looks something
 * up in the catalogue, because `x-cache` marks what HTTP caches may give to everybody.
 */
export function noteCache({ operation, responseMetadata }: NotedCall, { cache }: VultrResponse): void {
  if (cache === undefined || !operation.isPublic) return;
  const before = STATES.indexOf(responseMetadata.get('x-cache') ?? '');
  if (STATES.indexOf(cache.state) > before) responseMetadata.set('x-cache', cache.state);
  const ageSeconds = Math.max(Math.floor(cache.ageMs / 1_000), Number(responseMetadata.get('age') ?? 0));
  responseMetadata.set('age', String(ageSeconds));
}
