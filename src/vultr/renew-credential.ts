import { CallError } from '../status/call-error.ts';
import { credentialKey } from './credential-key.ts';
import type { VultrResponse } from './request.ts';
import { type CallOptions, changeOptions, type Vultr } from './vultr.ts';

/** How many refused keys are remembered. */
const MAX_REFUSED = 1_000;

/**
 * Has a request that Vultr has refused for its key (401) sent once more, with the key that has taken its place by then. A
 * request that was refused has changed nothing, so that this is safe for creations, too. Refused keys are remembered, since a
 * watch may go on for hours with the one that it began with.
 */
export function renewCredentials(vultr: Vultr): Vultr {
  const refused = new Set<string>();

  async function callRenewed(
    ...[operation, request, options]: Parameters<Vultr['call']>
  ): Promise<VultrResponse> {
    const isRefused = refused.size > 0 && refused.has(credentialKey(options));
    const current = isRefused ? await renewed(options) : undefined;
    try {
      return await vultr.call(operation, request, current ?? options);
    } catch (error) {
      const other = current === undefined && isKeyRefused(error) ? await renewed(options) : undefined;
      if (other === undefined) throw error;
      if (refused.size >= MAX_REFUSED) refused.clear();
      refused.add(credentialKey(options));
      return await vultr.call(operation, request, other);
    }
  }

  return {
    call: (operation, request, options) =>
      operation.isPublic || options.renewCredential === undefined
        ? vultr.call(operation, request, options)
        : callRenewed(operation, request, options),
  };
}

function isKeyRefused(error: unknown): boolean {
  return error instanceof CallError && error.reason === 'INVALID_API_KEY';
}

/** The options with another key; undefined: there is none. */
async function renewed(options: CallOptions): Promise<CallOptions | undefined> {
  const { credential, renewCredential } = options;
  const other = credential === undefined ? undefined : await renewCredential?.(credential);
  return other === undefined ? undefined : changeOptions(options, { credential: other });
}
