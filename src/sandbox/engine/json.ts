/** A JSON value as it goes over the wire. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; members are read with brackets because their names are Vultr's, not ours. */
export interface JsonObject {
  [member: string]: Json;
}

/** True for a JSON object, false for arrays, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Writes JSON as the real API does: compact, with escaped slashes and characters beyond ASCII as `\u` escapes
 * (a recorded exchange shows `https:\/\/my.vultr.com\/…`).
 */
export function writeJson(value: Json): string {
  return JSON.stringify(value)
    .replaceAll('/', '\\/')
    .replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
