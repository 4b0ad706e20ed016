import { randomUUID } from 'node:crypto';
import { isShortestDouble, parseExactNumber, type RawNumber } from './exact-number.ts';
import type { JsonValue } from './json-value.ts';

/** A number in a text that JSON.parse would round. */
export interface RoundedNumber {
  readonly index: number;
  readonly source: string;
  readonly value: bigint | RawNumber;
}

/**
 * A number that JSON.parse may round: a long run of digits, or an exponent. A number follows one of these characters; a UUID,
 * which is full of such runs, does not.
 */
const MAY_ROUND = /(?<=[:,[\s])-?\d(?:[\d.]{15}|[\d.]*[eE])[\d.eE+-]*/g;

/** The number of RFC 8259. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const FLOAT_NOTATION = /[.eE]/;

/** Reads a number of RFC 8259 without changing it. */
export function toExact(source: string): number | bigint | RawNumber {
  // Whoever writes an integer with an exponent or a point has a double, and it is the double that has to arrive.
  if (FLOAT_NOTATION.test(source)) return isShortestDouble(source) ? Number(source) : JSON.rawJSON(source);
  return parseExactNumber(source) ?? JSON.rawJSON(source);
}

/** The numbers of a JSON text that JSON.parse would round, in their order; what only looks like one in a string is left out. */
export function findRounded(text: string): readonly RoundedNumber[] {
  const found: RoundedNumber[] = [];
  for (const { 0: source, index } of text.matchAll(MAY_ROUND)) {
    if (!NUMBER.test(source)) continue;
    const value = toExact(source);
    if (typeof value !== 'number') found.push({ index, source, value });
  }
  return found.length === 0 ? found : outsideOfStrings(text, found);
}

function outsideOfStrings(text: string, numbers: readonly RoundedNumber[]): readonly RoundedNumber[] {
  let open = text.indexOf('"');
  let close = open < 0 ? -1 : endOfString(text, open);
  return numbers.filter(({ index }) => {
    while (open >= 0 && close < index) {
      open = text.indexOf('"', close + 1);
      close = open < 0 ? -1 : endOfString(text, open);
    }
    return open < 0 || index < open;
  });
}

/** The index of the quote that ends the string which begins at `start`; the length of the text when none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** Begins the texts that stand in for numbers. Nobody outside of this process can know it. */
const MARK = `number ${randomUUID()} `;

/**
 * Reads a JSON text in which some numbers would be rounded. JSON.parse is given texts in their place, which are then exchanged: to
 * have it call back for every value would take eight times as long, for the sake of a few.
 * @throws SyntaxError when it is not JSON
 */
export function parseAround(text: string, numbers: readonly RoundedNumber[]): JsonValue {
  const parts: string[] = [];
  let end = 0;
  for (const [order, { index, source }] of numbers.entries()) {
    parts.push(text.slice(end, index), `"${MARK}${order}"`);
    end = index + source.length;
  }
  parts.push(text.slice(end));
  return exchange(JSON.parse(parts.join('')) as JsonValue, numbers);
}

function exchange(value: JsonValue, numbers: readonly RoundedNumber[]): JsonValue {
  if (typeof value === 'string') {
    return value.startsWith(MARK) ? (numbers[Number(value.slice(MARK.length))]?.value ?? value) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  // Nothing in the tree is a RawNumber yet.
  const members = value as Record<string, JsonValue>;
  for (const key of Object.keys(members)) {
    const member = members[key];
    if (typeof member === 'string' || typeof member === 'object') members[key] = exchange(member, numbers);
  }
  return value;
}
