import { badRequest } from '../engine/api-error.ts';
import { isBase64 } from '../engine/checks.ts';
import type { JsonObject } from '../engine/json.ts';

/** Refuses `user_data` that is not base64. The empty text passes: on a change it clears what was there. */
export function checkUserData(given: JsonObject): void {
  if (!isBase64(String(given['user_data'] ?? ''))) throw badRequest('user_data must be base64 encoded');
}
