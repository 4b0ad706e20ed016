import { parseExactNumber, type RawNumber } from './exact-number.ts';

/** A JSON value that lost nothing: integers that a double cannot hold are bigints, other such numbers keep their text. */
export type StrictJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | RawNumber
  | StrictJson[]
  | StrictJsonObject;

/** A JSON object. It has no prototype, so that `__proto__` is a key like any other. */
export interface StrictJsonObject {
  [key: string]: StrictJson;
}

/** A text that is not JSON, JSON of which something would be lost, or JSON beyond the limits. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  /** Where, in UTF-16 units from 0. */
  readonly offset: number;
  /** Where, from 1. */
  readonly line: number;
  /** Where in the line, in UTF-16 units from 1. */
  readonly column: number;

  constructor(text: string, offset: number, problem: string) {
    const before = text.slice(0, offset);
    const line = before.split('\n').length;
    const column = offset - before.lastIndexOf('\n');
    super(`${problem} at line ${line}, column ${column} (offset ${offset})`);
    this.offset = offset;
    this.line = line;
    this.column = column;
  }
}

/** How deep arrays and objects may be nested. */
const MAX_DEPTH = 100;

/** The most characters of a number. A double has 309 digits before the point at most; no caller needs more. */
const MAX_NUMBER_LENGTH = 400;

/** The most values in a text. A megabyte can hold half a million, and reading those would hold up everybody else. */
const MAX_VALUES = 10_000;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN_INTEGER = /^-?\d+$/;
const HEX = /[0-9A-Fa-f]{4}/y;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/**
 * Reads JSON strictly by RFC 8259, without losing anything: a number keeps its value, and a repeated key and an escape of
 * half a surrogate pair are refused, as any reading of them would be a guess.
 *
 * @param maxDepth how deep arrays and objects may be nested
 * @throws JsonError with the position
 */
export function parseStrictJson(text: string, maxDepth = MAX_DEPTH): StrictJson {
  return new Parser(text, maxDepth).parse();
}

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  #offset = 0;
  #valuesLeft = MAX_VALUES;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  parse(): StrictJson {
    const value = this.#parseValue(1);
    if (this.#offset < this.#text.length) this.#expected('the end');
    return value;
  }

  /** Reads a value and the whitespace on both sides of it. */
  #parseValue(depth: number): StrictJson {
    this.#skipWhitespace();
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0) this.#fail(`there are more than ${MAX_VALUES} values`);
    const value = this.#parseBareValue(depth);
    this.#skipWhitespace();
    return value;
  }

  #parseBareValue(depth: number): StrictJson {
    switch (this.#text[this.#offset]) {
      case '{':
        return this.#parseObject(depth);
      case '[':
        return this.#parseArray(depth);
      case '"':
        return this.#parseString();
      case 't':
        return this.#parseWord('true', true);
      case 'f':
        return this.#parseWord('false', false);
      case 'n':
        return this.#parseWord('null', null);
      default:
        return this.#parseNumber();
    }
  }

  #parseObject(depth: number): StrictJsonObject {
    this.#enter(depth);
    const object = Object.create(null) as StrictJsonObject;
    this.#skipWhitespace();
    if (this.#skip('}')) return object;
    do {
      this.#skipWhitespace();
      const start = this.#offset;
      if (this.#text[start] !== '"') this.#expected("a key in double quotes or '}'");
      const key = this.#parseString();
      if (key in object) this.#fail(`the key ${JSON.stringify(key)} is repeated in an object`, start);
      this.#skipWhitespace();
      if (!this.#skip(':')) this.#expected("':'");
      object[key] = this.#parseValue(depth + 1);
    } while (this.#skip(','));
    if (!this.#skip('}')) this.#expected("',' or '}'");
    return object;
  }

  #parseArray(depth: number): StrictJson[] {
    this.#enter(depth);
    const array: StrictJson[] = [];
    this.#skipWhitespace();
    if (this.#skip(']')) return array;
    do array.push(this.#parseValue(depth + 1));
    while (this.#skip(','));
    if (!this.#skip(']')) this.#expected("',' or ']'");
    return array;
  }

  #enter(depth: number): void {
    if (depth > this.#maxDepth) this.#fail(`arrays and objects are nested more than ${this.#maxDepth} deep`);
    this.#offset += 1;
  }

  #parseString(): string {
    this.#offset += 1;
    let value = this.#parsePlainCharacters();
    while (this.#text[this.#offset] === '\\') value += this.#parseEscape() + this.#parsePlainCharacters();
    if (!this.#skip('"')) this.#expected(`'"' or an escaped character`);
    return value;
  }

  /** What needs no escape in a string: all but the quote, the backslash and control characters. */
  #parsePlainCharacters(): string {
    const start = this.#offset;
    for (;;) {
      const unit = this.#text.charCodeAt(this.#offset);
      // At the end of the text the unit is NaN, for which no comparison holds.
      if (!(unit >= 0x20) || unit === 0x22 || unit === 0x5c) return this.#text.slice(start, this.#offset);
      this.#offset += 1;
    }
  }

  #parseEscape(): string {
    const start = this.#offset;
    const letter = this.#text[start + 1] ?? '';
    this.#offset += 2;
    const character = ESCAPES.get(letter);
    if (character !== undefined) return character;
    if (letter !== 'u') this.#fail('this escape is not one of JSON', start);
    const unit = this.#parseHex(start);
    if (!isSurrogate(unit)) return String.fromCharCode(unit);
    if (isHighSurrogate(unit) && this.#text.startsWith('\\u', this.#offset)) {
      this.#offset += 2;
      const low = this.#parseHex(start);
      if (isSurrogate(low) && !isHighSurrogate(low)) return String.fromCharCode(unit, low);
    }
    return this.#fail('the escape is half of a surrogate pair', start);
  }

  #parseHex(start: number): number {
    const digits = this.#match(HEX);
    if (digits === '') this.#fail('the escape needs four hexadecimal digits', start);
    return Number.parseInt(digits, 16);
  }

  #parseNumber(): number | bigint | RawNumber {
    const start = this.#offset;
    const digits = this.#match(NUMBER);
    if (digits === '') this.#expected('a JSON value');
    if (digits.length > MAX_NUMBER_LENGTH)
      this.#fail(`the number has more than ${MAX_NUMBER_LENGTH} characters`, start);
    const value = parseExactNumber(digits);
    // A large integer with an exponent, such as 1e300, is not made longer than it was written.
    const isKept = value === undefined || (typeof value === 'bigint' && !PLAIN_INTEGER.test(digits));
    return isKept ? JSON.rawJSON(digits) : value;
  }

  #parseWord<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#offset)) this.#expected('a JSON value');
    this.#offset += word.length;
    return value;
  }

  /** A loop, as a regular expression for each of the many places would take half of the parser's time. */
  #skipWhitespace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#offset);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#offset += 1;
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#offset += found.length;
    return found;
  }

  #skip(character: string): boolean {
    const isThere = this.#text[this.#offset] === character;
    if (isThere) this.#offset += 1;
    return isThere;
  }

  #expected(expected: string): never {
    const codePoint = this.#text.codePointAt(this.#offset);
    const found = codePoint === undefined ? 'the end' : JSON.stringify(String.fromCodePoint(codePoint));
    return this.#fail(`expected ${expected}, found ${found}`);
  }

  #fail(problem: string, offset = this.#offset): never {
    throw new JsonError(this.#text, offset, problem);
  }
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
