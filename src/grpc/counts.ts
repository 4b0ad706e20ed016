import type { CallError } from '../status/call-error.ts';
import { tooManyCalls } from './errors.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection, OpenCall } from './open-call.ts';

/** Counts the calls of the kinds that have bounds of their own, because they cost little to open and are long. */
export interface Counts {
  /** Why there can be no further call of this kind; undefined: there can. */
  objection(connection: Connection, target: string): CallError | undefined;
  begin(call: OpenCall): void;
  end(call: OpenCall): void;
}

interface Kind {
  readonly name: string;
  readonly has: (target: string) => boolean;
  readonly perConnection: number;
  readonly total: number;
}

/** Makes the counts. */
export function createCounts(limits: GrpcLimits): Counts {
  const kinds: readonly Kind[] = [
    {
      name: 'watches of the health',
      has: (target) => target === '/grpc.health.v1.Health/Watch',
      perConnection: limits.maxHealthWatchesPerConnection,
      total: limits.maxHealthWatches,
    },
    {
      name: 'conversations with the reflection service',
      has: (target) => target.startsWith('/grpc.reflection.'),
      perConnection: limits.maxReflectionsPerConnection,
      total: limits.maxReflections,
    },
  ];
  const totals = new Map<Kind, number>();
  const kindOf = (target: string): Kind | undefined => kinds.find(({ has }) => has(target));

  function change({ target }: OpenCall, by: number): void {
    const kind = kindOf(target);
    if (kind !== undefined) totals.set(kind, (totals.get(kind) ?? 0) + by);
  }

  return {
    objection(connection, target) {
      const kind = kindOf(target);
      if (kind === undefined) return undefined;
      const ofConnection = [...connection.calls].filter((call) => kind.has(call.target)).length;
      if (ofConnection >= kind.perConnection) {
        return tooManyCalls(
          `This connection has ${kind.perConnection} ${kind.name} already, which is the limit.`,
        );
      }
      if ((totals.get(kind) ?? 0) < kind.total) return undefined;
      return tooManyCalls(`There are ${kind.total} ${kind.name} already, which is the limit.`);
    },
    begin: (call) => change(call, 1),
    end: (call) => change(call, -1),
  };
}
