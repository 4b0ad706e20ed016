import type { RawNumber } from './exact-number.ts';

/** A JSON value. Integers that a double cannot hold are bigints, other such numbers keep their text. */
export type JsonValue = null | boolean | number | bigint | string | RawNumber | JsonValue[] | JsonObject;

/** A JSON object. Enumerate it with Object.entries only: `__proto__` is a key like any other. */
export interface JsonObject {
  [key: string]: JsonValue;
}
