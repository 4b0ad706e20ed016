import { hash } from 'node:crypto';
import type { CallerShare } from '../rpc/call.ts';

/**
 * Names a credential without holding it. A public request is sent without one, so all of those are alike.
 * @returns an empty string when there is none
 */
export function credentialKey({
  isPublic = false,
  credential,
}: {
  readonly isPublic?: boolean;
  readonly credential: string | undefined;
}): string {
  return isPublic || credential === undefined ? '' : hash('sha256', credential);
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
