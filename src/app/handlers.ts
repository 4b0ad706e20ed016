import type { Handler, UnaryHandler } from '../rpc/call.ts';
import type { Contract } from '../contract/load.ts';

/**
 * A handler for every operation of the contract: its own, or, for vultr.v2, the one that forwards.
 * @throws Error that names an operation without a handler, or a handler without an operation
 */
export function assignHandlers(
  contract: Contract,
  tables: readonly ReadonlyMap<string, Handler>[],
  forward: UnaryHandler,
): ReadonlyMap<string, Handler> {
  const handlers = new Map(tables.flatMap((table) => [...table]));
  for (const name of handlers.keys()) {
    if (!contract.operations.has(name)) {
      throw new Error(`There is a handler for ${name}, which is not in the contract.`);
    }
  }
  for (const { name, service } of contract.operations.values()) {
    if (service.startsWith('vultr.v2.')) handlers.set(name, { kind: 'unary', handle: forward });
    if (!handlers.has(name)) throw new Error(`${name} is in the contract and nothing serves it.`);
  }
  return handlers;
}
