import { Memo } from '../base/memo.ts';
import { holdsSecret } from '../base/secret.ts';
import { CallError } from '../status/call-error.ts';
import type { VultrRequest, VultrResponse } from './request.ts';

/**
 * Makes what refuses a response that repeats the key of its request, in any of the forms that holdsSecret knows. It is for
 * callers who did not bring the key: they would learn a key of the service or of an account. Errors and headers never hold
 * the key, whoever asks; errors.ts and transport.ts see to that.
 * @returns throws CallError INTERNAL, BAD_UPSTREAM_RESPONSE
 */
export function createKeyGuard(): (request: VultrRequest, response: VultrResponse) => void {
  // A response that many callers share is searched once for the key that they all use.
  const harmless = new Memo<Uint8Array, string>();
  return ({ credential, kind }, { body }) => {
    if (credential === undefined || harmless.get(body) === credential) return;
    if (holdsSecret(body, credential)) throw withheld(kind);
    harmless.set(body, credential);
  };
}

function withheld(kind: VultrRequest['kind']): CallError {
  const done = kind === 'change' ? ' Vultr did what was asked.' : '';
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    `Vultr's response repeats the API key that the service made the request with, so it is withheld.${done}`,
  );
}
