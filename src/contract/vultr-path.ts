import type { Operation } from './operation.ts';

/** What Vultr's own paths begin with: those of the API, and those of the SCIM service of its organizations. */
const API = '/v2/';
const SCIM = '/scim/';

/** Whether a path is one of Vultr's own, which is what the service forwards and, over HTTP, passes through as it is. */
export function isVultrPath(path: string): boolean {
  return path.startsWith(API) || path.startsWith(SCIM);
}

/** Whether an operation is Vultr's own, so that serving it is forwarding it. */
export function isForwarded({ bindings }: Operation): boolean {
  const [binding] = bindings;
  return binding !== undefined && isVultrPath(binding.template.source);
}
