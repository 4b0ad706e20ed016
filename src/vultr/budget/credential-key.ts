import { hash } from 'node:crypto';
import type { VultrRequest } from '../request.ts';

/** Names a credential without holding it. A public request is sent without one, so all of them are alike. */
export function credentialKey({ isPublic, credential }: VultrRequest): string {
  return isPublic || credential === undefined ? '' : hash('sha256', credential);
}
