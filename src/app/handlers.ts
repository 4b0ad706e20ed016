import type { Contract } from '../contract/load.ts';
import { isForwarded } from '../contract/vultr-path.ts';
import type { Handler, UnaryHandler } from '../rpc/call.ts';

/** The handlers that serve operations by what they are, not by their names. */
export interface GenericHandlers {
  /** Serves every operation of Vultr. */
  readonly forward: UnaryHandler;
  /** Serves the operation that passes on any request. */
  readonly raw: UnaryHandler;
}

/**
 * A handler for every operation of the contract: its own, or a generic one.
 * @throws Error that names an operation without a handler, or a handler without an operation
 */
export function assignHandlers(
  contract: Contract,
  tables: readonly ReadonlyMap<string, Handler>[],
  { forward, raw }: GenericHandlers,
): ReadonlyMap<string, Handler> {
  const handlers = new Map(tables.flatMap((table) => [...table]));
  for (const name of handlers.keys()) {
    if (!contract.operations.has(name)) {
      throw new Error(`There is a handler for ${name}, which is not in the contract.`);
    }
  }
  for (const operation of contract.operations.values()) {
    const { name, isRaw } = operation;
    if (isRaw) handlers.set(name, { kind: 'unary', handle: raw });
    else if (isForwarded(operation)) handlers.set(name, { kind: 'unary', handle: forward });
    if (!handlers.has(name)) throw new Error(`${name} is in the contract and nothing serves it.`);
  }
  return handlers;
}
