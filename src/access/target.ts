import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';

/** The object of a policy decision: an operation of the contract, or a part of the service itself. */
export interface Target {
  /** `package.Service/Method`, or `service:metrics`. */
  readonly name: string;
  /** Undefined: none of an operation of Vultr. */
  readonly effect: Effect | undefined;
}

/** What the service offers besides the operations of Vultr. */
export const SERVICE_TARGETS = ['reflection', 'metrics', 'docs', 'status'] as const;

/** A part of the service that a policy can allow: `service:metrics`. */
export type ServiceTarget = (typeof SERVICE_TARGETS)[number];

/** The target of a part of the service. */
export function serviceTarget(part: ServiceTarget): Target {
  return { name: `service:${part}`, effect: undefined };
}

/**
 * The target of a call of an operation.
 * @returns undefined when the operation is open to everybody, as health is
 */
export function targetOf({ name, service, effect }: Operation): Target | undefined {
  if (service.startsWith('grpc.health.')) return undefined;
  if (service.startsWith('grpc.reflection.')) return serviceTarget('reflection');
  return { name, effect };
}

/** Every name that a rule can match. It shows which globs match nothing. */
export function nameableTargets(operations: Iterable<Operation>): readonly string[] {
  const names = new Set<string>(SERVICE_TARGETS.map((part) => serviceTarget(part).name));
  for (const operation of operations) {
    const target = targetOf(operation);
    if (target !== undefined) names.add(target.name);
  }
  return [...names];
}
