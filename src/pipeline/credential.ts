import { isApiKey } from '../base/api-key.ts';
import { bearerToken } from '../rpc/bearer.ts';
import { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';

/** Where the credential of a call came from, for the log. */
export type CredentialSource = 'request' | 'authorization' | 'service' | 'account' | 'caller' | 'none';

/** Whether the caller has brought the credential: one of the service or of an account is not the caller's to see. */
export function isBrought(source: CredentialSource): boolean {
  return source === 'request' || source === 'authorization' || source === 'caller';
}

/** The API key that a call is made with. */
export interface Credential {
  readonly key: string | undefined;
  readonly source: CredentialSource;
}

/**
 * Finds the credential of a call. The first that is there counts: the request's `access_token`, `authorization: Bearer`,
 * the service's own key.
 * @throws CallError INVALID_ARGUMENT or UNAUTHENTICATED when the one that counts cannot be an API key
 */
export function findCredential(
  request: Message,
  metadata: ReadonlyMap<string, string>,
  serviceKey: string | undefined,
): Credential {
  const token = request['access_token'];
  if (typeof token === 'string' && token !== '') {
    if (!isApiKey(token)) {
      throw CallError.invalid([
        { field: 'access_token', description: 'Not an API key: it holds characters that no key has.' },
      ]);
    }
    return { key: token, source: 'request' };
  }
  const authorization = metadata.get('authorization');
  if (authorization !== undefined && authorization !== '') {
    return { key: readKey(authorization), source: 'authorization' };
  }
  return serviceKey === undefined
    ? { key: undefined, source: 'none' }
    : { key: serviceKey, source: 'service' };
}

function readKey(authorization: string): string {
  const token = bearerToken(authorization);
  if (token !== undefined && isApiKey(token)) return token;
  throw new CallError(
    'UNAUTHENTICATED',
    'CREDENTIAL_MISSING',
    'The authorization must be "Bearer" followed by a Vultr API key.',
  );
}
