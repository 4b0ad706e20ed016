import { CallError } from '../status/call-error.ts';
import type { Vultr } from './vultr.ts';

/**
 * Has a request that Vultr has refused for its key (401) sent once more, with the key that has taken its place by then. A
 * request that was refused has changed nothing, so that this is safe for creations, too.
 */
export function renewCredentials(vultr: Vultr): Vultr {
  return {
    call: async (operation, request, options) => {
      try {
        return await vultr.call(operation, request, options);
      } catch (error) {
        const credential = isKeyRefused(error) ? renewed(options) : undefined;
        if (credential === undefined) throw error;
        return await vultr.call(operation, request, { ...options, credential });
      }
    },
  };
}

function isKeyRefused(error: unknown): boolean {
  return error instanceof CallError && error.reason === 'INVALID_API_KEY';
}

function renewed({ credential, renewCredential }: Parameters<Vultr['call']>[2]): string | undefined {
  return credential === undefined ? undefined : renewCredential?.(credential);
}
