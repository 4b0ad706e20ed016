import { isShortestDouble, numberToText, parseExactNumber, type RawNumber } from './exact-number.ts';

/** A JSON value. Integers that a double cannot hold are bigints, other such numbers keep their text. */
export type JsonValue = null | boolean | number | bigint | string | RawNumber | JsonValue[] | JsonObject;

/** A JSON object. Enumerate it with Object.entries only: `__proto__` is a key like any other. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * A number that JSON.parse may round: a long run of digits, or an exponent. A number follows one of these characters; a UUID,
 * which is full of such runs, does not.
 */
const MAY_ROUND = /[:,[\s]-?\d(?:[\d.]{15}|[\d.]*[eE])/;
const IS_NUMBER = /^-?\d/;

const FLOAT_NOTATION = /[.eE]/;

/**
 * Reads JSON as Vultr sends it, without rounding any number. Of equal keys the last one counts.
 * @throws SyntaxError when it is not JSON
 */
export function parseJson(text: string): JsonValue {
  if (!MAY_ROUND.test(text) && !IS_NUMBER.test(text)) return JSON.parse(text) as JsonValue;
  return JSON.parse(text, (_key, value, context) =>
    typeof value === 'number' && context.source !== undefined ? exact(context.source) : value,
  ) as JsonValue;
}

function exact(source: string): number | bigint | RawNumber {
  // Whoever writes an integer with an exponent or a point has a double, and it is the double that has to arrive.
  if (FLOAT_NOTATION.test(source)) return isShortestDouble(source) ? Number(source) : JSON.rawJSON(source);
  return parseExactNumber(source) ?? JSON.rawJSON(source);
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
