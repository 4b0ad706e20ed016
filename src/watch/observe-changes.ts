import { createdId } from '../contract/created-id.ts';
import type { Operation } from '../contract/operation.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { UpstreamOperation, Vultr } from '../vultr/vultr.ts';
import type { Watches } from './watches.ts';

/** Wraps the way to Vultr so that the watches learn of every change that is made through it. */
export function observeChanges(vultr: Vultr, watches: Watches): Vultr {
  async function change(...[operation, request, options]: Parameters<Vultr['call']>): Promise<VultrResponse> {
    const { effect } = operation;
    const { credential } = options;
    const { method, path } = request;
    try {
      const response = await vultr.call(operation, request, options);
      const created = effect === 'CREATE' ? createdIn(operation, response) : undefined;
      watches.noteChange({ credential, method, path, created, isDestroyed: effect === 'DESTROY' });
      return response;
    } catch (error) {
      // The change may have been carried out all the same.
      watches.noteChange({ credential, method, path });
      throw error;
    }
  }

  return {
    call: (operation, request, options) => {
      const { effect } = operation;
      return effect === 'READ' || effect === 'SECRET'
        ? vultr.call(operation, request, options)
        : change(operation, request, options);
    },
  };
}

/** The id of what was created; undefined: the response names none. */
export function createdIn(
  { create }: Pick<UpstreamOperation, 'create'>,
  { body }: VultrResponse,
): string | undefined {
  return create === undefined || create.idPaths.length === 0
    ? undefined
    : createdId(create, payloadOf(body).value);
}

/** Whether an operation can be watched: it reads, and the contract knows what. */
export function isWatchable({ effect, isRaw, kind, bindings }: Operation): boolean {
  return (effect === 'READ' || effect === 'SECRET') && !isRaw && kind === 'unary' && bindings.length > 0;
}
