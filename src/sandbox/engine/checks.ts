import type { Call } from './call.ts';
import type { Json } from './json.ts';
import type { Entity } from './store.ts';

/** True for standard base64 with padding (RFC 4648, section 4), the empty string included. */
export function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
}

/** The strings of a JSON array; `[]` for anything else. */
export function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The thing in `collection` with that id. Throws `refusal` when it does not exist. */
export function named(call: Call, collection: string, id: Json | undefined, refusal: () => Error): Entity {
  const entity = typeof id === 'string' ? call.world.store.get(collection, id) : undefined;
  if (entity === undefined) throw refusal();
  return entity;
}
