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
  // To have JSON.stringify call back for every value takes twice as long as to look through them first.
  return isWrittenExactly(value) ? JSON.stringify(value) : JSON.stringify(value, exactly);
}

/** Whether JSON.stringify by itself writes every number in a value as it has to be written. */
function isWrittenExactly(value: unknown): boolean {
  if (typeof value === 'number') return isNumberWrittenExactly(value);
  if (typeof value === 'bigint') return false;
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isWrittenExactly);
  for (const key in value) if (!isWrittenExactly((value as Record<string, unknown>)[key])) return false;
  return true;
}

function isNumberWrittenExactly(value: number): boolean {
  return Number.isInteger(value)
    ? Number.isSafeInteger(value) && !Object.is(value, -0)
    : Number.isFinite(value);
}

/** Has JSON.stringify write a number as it has to be written. */
function exactly(_key: string, member: unknown): unknown {
  if (typeof member === 'bigint') return JSON.rawJSON(member.toString());
  if (typeof member !== 'number' || isNumberWrittenExactly(member)) return member;
  if (!Number.isFinite(member)) throw new TypeError(`JSON cannot represent ${member}`);
  return JSON.rawJSON(numberToText(member));
}
