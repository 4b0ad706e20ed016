import { ApiError, badRequest } from './api-error.ts';
import type { BodyFormat } from './call.ts';
import type { Json, JsonObject } from './json.ts';

/**
 * Throws an ApiError for a request without a good key. Every key is good and belongs to the same account, with three
 * exceptions: one that begins with `invalid` is unknown, one that begins with `blocked-ip` is not allowed from this
 * address, and one that begins with `no-acl` may only read.
 */
export function checkKey(authorization: string | undefined, method: string, remoteAddress: string): void {
  const key = bearerKey(authorization);
  if (key === undefined || key.startsWith('invalid')) throw new ApiError(401, 'Invalid API token.');
  if (key.startsWith('blocked-ip')) throw new ApiError(401, `Unauthorized IP address: ${remoteAddress}`);
  if (key.startsWith('no-acl') && !isRead(method)) {
    throw new ApiError(403, 'This API key does not have the permission for this request.');
  }
}

/** True for the methods that change nothing. */
export const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** The key of an `Authorization: Bearer <key>` header (RFC 6750, section 2.1). */
export function bearerKey(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const ACCEPTED_TYPES: Record<BodyFormat, readonly string[]> = {
  json: [JSON_TYPE],
  scim: [JSON_TYPE, 'application/scim+json'],
  form: [JSON_TYPE, FORM_TYPE],
};

/**
 * Refuses a request whose content type the operation does not accept. The API requires one even without a body,
 * normally `application/json`.
 */
export function checkContentType(contentType: string | undefined, format: BodyFormat = 'json'): void {
  if (!ACCEPTED_TYPES[format].includes(mediaTypeOf(contentType))) throw badRequest();
}

/** Reads a form into an object of strings. Throws an ApiError 400 when the content type is not that of a form. */
export function parseForm(contentType: string | undefined, body: Uint8Array): JsonObject {
  if (mediaTypeOf(contentType) !== FORM_TYPE) throw badRequest('Bad request. The body must be a form.');
  return Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body)));
}

const mediaTypeOf = (contentType = ''): string => contentType.split(';')[0]?.trim().toLowerCase() ?? '';

/** Reads a JSON body; an empty one is `{}`. Throws an ApiError 400 for anything but an object or array in UTF-8. */
export function parseBody(body: Uint8Array): Json {
  if (body.length === 0) return {};
  let value: Json;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw badRequest('Bad request. The body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null)
    throw badRequest('Bad request. The body must be a JSON object.');
  return value;
}
