import type { Operation } from '../contract/operation.ts';
import { encodeRequest } from '../vultr/encode.ts';
import type { UpstreamOperation, UpstreamRequest } from '../vultr/vultr.ts';

/** How a thing that was created is read. */
export interface Reading {
  readonly operation: Operation;
  readonly request: UpstreamRequest;
}

/**
 * How the thing that a creation has made is read: as the contract says, or by the path of the creation followed by the id.
 * @param path of the request that has made it
 * @returns undefined: nothing shows when it is ready, so it counts as ready at once
 */
export function findReading(
  { create }: Pick<UpstreamOperation, 'create'>,
  path: string,
  id: string,
  resolve: (method: string, path: string) => Operation,
): Reading | undefined {
  if (create?.read !== undefined) {
    const [variable] = create.read.bindings[0]?.template.variables ?? [];
    const request = encodeRequest(create.read, { [variable?.fieldPath[0] ?? '']: id });
    return { operation: create.read, request };
  }
  const ownPath = `${path}/${encodeURIComponent(id)}`;
  const operation = resolve('GET', ownPath);
  if (operation.states?.conditions.ready === undefined) return undefined;
  return { operation, request: { method: 'GET', path: ownPath, query: '', body: undefined } };
}
