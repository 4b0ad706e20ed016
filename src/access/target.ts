import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';

/** What a policy is asked about: an operation of the contract, or something that the service itself offers. */
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
 * What a call of an operation asks a policy for.
 * @returns undefined when everybody may: health
 */
export function targetOf({ name, service, effect }: Operation): Target | undefined {
  if (service.startsWith('grpc.health.')) return undefined;
  if (service.startsWith('grpc.reflection.')) return serviceTarget('reflection');
  return { name, effect };
}

/** Every name that a rule can match, by which a glob that matches nothing is found out. */
export function nameableTargets(operations: Iterable<Operation>): readonly string[] {
  const names = new Set<string>(SERVICE_TARGETS.map((part) => serviceTarget(part).name));
  for (const operation of operations) {
    const target = targetOf(operation);
    if (target !== undefined) names.add(target.name);
  }
  return [...names];
}
