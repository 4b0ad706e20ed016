import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Random } from '../random.ts';

/** Texts that are easily mangled on the way through URLs, JSON and protobuf. */
const TEXTS = [
  '',
  ' ',
  'ewr',
  'cb676a46-66fd-4dfb-b839-443f2e6c0b60',
  'grüße',
  '日本語',
  '👩‍👩‍👧‍👦 e\u0301 \u202e',
  '/',
  'a/b/c',
  '%2F',
  '%',
  '%zz',
  '%25%32%46',
  '...',
  '. ',
  ':',
  'v1:watch',
  '2001:db8::1',
  'sha256:0123456789abcdef',
  '?',
  '?a=b&c=d',
  '#fragment',
  '&',
  'a=b',
  '+',
  'a+b c',
  ';,@!$()*~\'"`<>{}[]|\\^',
  '\u0000\u0001\u001f\u007f',
  'line\r\nbreak\ttab',
  '\u2028\u2029\ufeff',
  '__proto__',
  'constructor',
  'null',
  'true',
  '0',
  '-0',
  '1e400',
  '\u{10ffff}\ue000',
  'x'.repeat(3_000),
] as const;

/** Keys of objects, none of which is the name of a field of the contract. */
const KEYS = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '@type',
  '$ref',
  'a.b',
  'a/b',
  'ключ',
  '🔑',
  '"quoted"',
  'line\nbreak',
  'camelCaseKey',
  'UPPER',
  '-1',
] as const;

/** Numbers that a double holds exactly, at and around the edges. */
const DOUBLES = [
  0,
  -0,
  1,
  -1,
  0.1,
  -2.5,
  1 / 3,
  2 ** 31,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  2 ** 63,
  1e20,
  1e21,
  1.5e-9,
  5e-324,
  Number.MAX_VALUE,
] as const;

/** 64-bit integers, those included that no double holds. */
const INTEGERS = [
  0n,
  1n,
  -1n,
  80n,
  2n ** 31n,
  2n ** 53n - 1n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
] as const;

/** Any text. */
export const randomText = (random: Random): string => random.pick(TEXTS);

/** Texts that may stand in a path: not empty, not a dot segment, and without control characters and backslashes. */
const PATH_TEXTS: readonly [string, ...string[]] = [
  'x',
  ...TEXTS.filter((text) => text !== '' && !/[\p{Cc}\\]/u.test(text)),
];

/** A text that may stand in a path. */
export const randomPathText = (random: Random): string => random.pick(PATH_TEXTS);

/** A 64-bit integer. */
export const randomInteger = (random: Random): bigint => random.pick(INTEGERS);

/** A number. */
export const randomDouble = (random: Random): number => random.pick(DOUBLES);

/** A JSON object whose nesting goes down to `depth` levels at most. */
export function randomObject(random: Random, depth: number): JsonObject {
  const object: JsonObject = {};
  for (let count = random.below(5); count > 0; count -= 1)
    setMember(object, random.pick(KEYS), randomJson(random, depth - 1));
  return object;
}

/** Any JSON whose nesting goes down to `depth` levels at most. */
export function randomJson(random: Random, depth: number): JsonValue {
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
      return randomDouble(random);
    case 3:
    case 4:
      return randomText(random);
    case 5:
      return Array.from({ length: random.below(4) }, () => randomJson(random, depth - 1));
    default:
      return randomObject(random, depth);
  }
}

/** Sets a member; an assignment to `__proto__` would not. */
export function setMember(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
