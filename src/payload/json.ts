import { numberToText } from './exact-number.ts';
import type { JsonValue } from './json-value.ts';
import { findRounded, parseAround, toExact } from './rounded-numbers.ts';

export type { JsonObject, JsonValue } from './json-value.ts';

const IS_NUMBER = /^-?\d/;

/**
 * Reads JSON as Vultr sends it, without rounding any number. Of equal keys the last one counts.
 * @throws SyntaxError when it is not JSON
 */
export function parseJson(text: string): JsonValue {
  if (IS_NUMBER.test(text)) return parseBareNumber(text);
  const rounded = findRounded(text);
  return rounded.length === 0 ? (JSON.parse(text) as JsonValue) : parseAround(text, rounded);
}

/** A text that is one number and nothing else. */
function parseBareNumber(text: string): JsonValue {
  return JSON.parse(text, (_key, value, { source }) =>
    source === undefined ? value : toExact(source),
  ) as JsonValue;
}

/**
 * Writes JSON, compact. A bigint, and a double that is an integer beyond 2^53, is written with all of its digits: the
 * shortest form that JSON.stringify chooses reads back as another integer where 64-bit integers are read.
 * @throws TypeError for NaN and the infinities, which JSON does not have
 */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return JSON.rawJSON(member.toString());
    if (typeof member !== 'number' || (Number.isSafeInteger(member) && !Object.is(member, -0))) return member;
    if (!Number.isFinite(member)) throw new TypeError(`JSON cannot represent ${member}`);
    return JSON.rawJSON(numberToText(member));
  });
}
