import type { CallError } from '../status/call-error.ts';
import { tooManyCalls } from './errors.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection } from './open-call.ts';

/** Counts the calls of the kinds that have bounds of their own, because they cost little to open and are long. */
export interface Counts {
  /** The kind of the calls of a method; undefined: they have no bounds of their own. */
  kindOf(target: string): CountedKind | undefined;
  /** Why there can be no further call of a kind; undefined: there can. */
  objection(connection: Connection, kind: CountedKind): CallError | undefined;
  begin(kind: CountedKind): void;
  end(kind: CountedKind): void;
}

/** Calls that are counted together. */
export interface CountedKind {
  readonly name: string;
  readonly has: (target: string) => boolean;
  readonly perConnection: number;
  readonly total: number;
}

/** Makes the counts. */
export function createCounts(limits: GrpcLimits): Counts {
  const kinds: readonly CountedKind[] = [
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
  const totals = new Map<CountedKind, number>();

  function change(kind: CountedKind, by: number): void {
    totals.set(kind, (totals.get(kind) ?? 0) + by);
  }

  return {
    kindOf: (target) => kinds.find(({ has }) => has(target)),
    objection(connection, kind) {
      const ofConnection = [...connection.calls].filter((call) => kind.has(call.target)).length;
      if (ofConnection >= kind.perConnection) {
        return tooManyCalls(
          `This connection has ${kind.perConnection} ${kind.name} already, which is the limit.`,
        );
      }
      if ((totals.get(kind) ?? 0) < kind.total) return undefined;
      return tooManyCalls(`There are ${kind.total} ${kind.name} already, which is the limit.`);
    },
    begin: (kind) => change(kind, 1),
    end: (kind) => change(kind, -1),
  };
}
