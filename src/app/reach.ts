import type { ReachOperations } from '../pipeline/admit-callers.ts';
import { createReadings, isClearPath } from '../v2/readings.ts';
import type { ResolveOperation } from '../v2/resolve.ts';
import type { WatchedRead } from '../watch/watched-read.ts';

/** What tells which operations a request reaches. */
export interface ReachOptions {
  readonly resolveVultr: ResolveOperation;
  readonly watchedRead: WatchedRead;
}

/** Makes what names the operations that a request reaches. A call that watches a read is judged like that read. */
export function createReach({ resolveVultr, watchedRead }: ReachOptions): ReachOperations {
  const readings = createReadings(resolveVultr);
  return (operation, request) => {
    // The path has named the operation, and nobody on the way to Vultr can take it for another one.
    if (request.kind === 'verbatim' && isClearPath(request.request.path)) return [operation];
    const read = request.kind === 'message' ? watchedRead(operation, request.message) : undefined;
    if (read === undefined) return readings(operation, request);
    return readings(read.operation, {
      kind: 'verbatim',
      request: { ...read.request, contentType: undefined, accept: undefined },
    });
  };
}
