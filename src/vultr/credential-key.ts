import { hash } from 'node:crypto';

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
