import { hash } from 'node:crypto';
import type { CallerShare } from '../rpc/call.ts';

/** The names of the credentials of the last moments: the same few make call after call, and each name is a SHA-256. */
const recent = new Map<string, string>();
const MAX_RECENT = 1_000;
const FORGET_MS = 10_000;

/**
 * Names a credential, without holding it for longer than ten seconds. A public request is sent without one, so all of those are
 * alike.
 * @returns an empty string when there is none
 */
export function credentialKey({
  isPublic = false,
  credential,
}: {
  readonly isPublic?: boolean;
  readonly credential: string | undefined;
}): string {
  return isPublic || credential === undefined ? '' : digestOf(credential);
}

function digestOf(credential: string): string {
  const known = recent.get(credential);
  if (known !== undefined) return known;
  const digest = hash('sha256', credential);
  if (recent.size === 0) setTimeout(() => recent.clear(), FORGET_MS).unref();
  if (recent.size < MAX_RECENT) recent.set(credential, digest);
  return digest;
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
