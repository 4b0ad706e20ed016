import type { Operation } from '../contract/operation.ts';
import type { JsonValue } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { UpstreamOperation, Vultr } from '../vultr/vultr.ts';
import type { Watches } from './watches.ts';

/** Wraps the way to Vultr so that the watches hear of everything that is changed on it. */
export function observeChanges(vultr: Vultr, watches: Watches): Vultr {
  return {
    call: async (operation, request, options) => {
      const { effect } = operation;
      if (effect === 'READ' || effect === 'SECRET') return await vultr.call(operation, request, options);
      const { credential } = options;
      const { path } = request;
      try {
        const response = await vultr.call(operation, request, options);
        const created = effect === 'CREATE' ? createdId(operation, response) : undefined;
        watches.noteChange({ credential, path, created, isDestroyed: effect === 'DESTROY' });
        return response;
      } catch (error) {
        // It may have happened all the same.
        watches.noteChange({ credential, path });
        throw error;
      }
    },
  };
}

/** The id of what was made, where the response names it. */
export function createdId(
  { create }: Pick<UpstreamOperation, 'create'>,
  { body }: VultrResponse,
): string | undefined {
  for (const path of create?.idPaths ?? []) {
    const id = path.reduce<JsonValue | undefined>(memberOf, payloadOf(body).value);
    if (typeof id === 'string' && id !== '') return id;
    if (typeof id === 'number') return String(id);
  }
  return undefined;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (Array.isArray(value)) return value[Number(name)];
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return undefined;
  return (value as { readonly [name: string]: JsonValue })[name];
}

/** Whether an operation can be watched: it reads, and it is known what. */
export function isWatchable({ effect, isRaw, kind, bindings }: Operation): boolean {
  return (effect === 'READ' || effect === 'SECRET') && !isRaw && kind === 'unary' && bindings.length > 0;
}
