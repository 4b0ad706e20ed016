import { effectOfUnknown } from '../contract/effect.ts';
import type { Contract } from '../contract/load.ts';
import type { Operation } from '../contract/operation.ts';
import { isForwarded } from '../contract/vultr-path.ts';
import { CallError } from '../status/call-error.ts';
import { createRouter } from '../transcoding/router.ts';

/**
 * Names the operation that an HTTP request to Vultr is for. One that the contract does not know goes by the rpc that passes
 * anything on, with the strictest effect that its method allows.
 * @param path as it came
 */
export type ResolveOperation = (method: string, path: string) => Operation;

/**
 * Makes it from the contract, whose rpcs below Vultr's roots have Vultr's own paths.
 * @throws HttpRuleError when two operations have the same route
 */
export function createResolver({ operations }: Pick<Contract, 'operations'>): ResolveOperation {
  const known = [...operations.values()].filter(isForwarded);
  const router = createRouter(
    known.flatMap((operation) => operation.bindings.map((binding) => ({ binding, target: operation }))),
  );
  const raw = [...operations.values()].find(({ isRaw }) => isRaw);
  return (method, path) => {
    const operation = find(method, path);
    if (operation !== undefined) return operation;
    if (raw === undefined) throw notServed();
    return { ...raw, effect: effectOfUnknown(method) };
  };

  function find(method: string, path: string): Operation | undefined {
    try {
      const match = router.match(method, path);
      return match.kind === 'match' ? match.target : undefined;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      // A path that is not percent-encoded UTF-8 is for Vultr to judge, like everything else in a request.
      return undefined;
    }
  }
}

function notServed(): CallError {
  return new CallError(
    'UNIMPLEMENTED',
    'ROUTE_NOT_FOUND',
    'The contract does not know this operation, and has no rpc that passes on what it does not know.',
  );
}
