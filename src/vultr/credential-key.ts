import { hash } from 'node:crypto';
import type { CallerShare } from '../rpc/call.ts';

/** How many credentials have their names remembered: a hash of one costs more than all else that is done to share a request. */
const MAX_REMEMBERED = 10_000;

/** The names of credentials; the one that was added first is forgotten first. */
const names = new Map<string, string>();

function nameOf(credential: string): string {
  const known = names.get(credential);
  if (known !== undefined) return known;
  for (const oldest of names.keys()) {
    if (names.size < MAX_REMEMBERED) break;
    names.delete(oldest);
  }
  const name = hash('sha256', credential);
  names.set(credential, name);
  return name;
}

/**
 * Names a credential without showing it. A public request is sent without one, so all of those are alike.
 * @returns an empty string when there is none
 */
export function credentialKey({
  isPublic = false,
  credential,
}: {
  readonly isPublic?: boolean;
  readonly credential: string | undefined;
}): string {
  return isPublic || credential === undefined ? '' : nameOf(credential);
}

/**
 * Identifies whom a request is made for: the caller, or, where callers are not known by name, the credential. It decides
 * whose permit is next and who may share a read.
 */
export function callerKey(request: {
  readonly caller?: CallerShare | undefined;
  readonly isPublic?: boolean;
  readonly credential: string | undefined;
}): string {
  return request.caller === undefined ? credentialKey(request) : `caller ${request.caller.name}`;
}
