/** A JSON number's text that no `number` and no `bigint` holds: written back by JSON.stringify as it was read. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** A larger exponent makes an integer with more digits than any double or 64-bit integer has. */
const MAX_EXPONENT = 400;

const FRACTION = /^-?\d+\.\d*[1-9]$/;

/** JSON writes doubles from here on with an exponent, as JavaScript does. */
const FIRST_WITH_EXPONENT = 1e21;

/**
 * Reads a JSON number without changing it. An integer, however it is written (1e3, 5.0), becomes a `number` when the
 * double has exactly that value and a `bigint` otherwise. A fraction becomes a `number` when the double is written with the
 * same digits (0.1, 1.50).
 * @param text a number by the grammar of RFC 8259
 * @returns undefined when neither a number nor a bigint holds it
 */
export function parseExactNumber(text: string): number | bigint | undefined {
  const value = Number(text);
  if (text.length < 16 && Number.isFinite(value) && !/[eE]/.test(text)) return value;
  if (text === String(value) && (Number.isSafeInteger(value) || FRACTION.test(text))) return value;
  const decimal = toDecimal(text);
  const places = decimal.exponent - decimal.digits.length;
  if (places < 0) return isWritten(decimal, value) ? value : undefined;
  if (Number.isSafeInteger(value)) return value;
  if (decimal.exponent > MAX_EXPONENT) return undefined;
  const integer = BigInt(`${decimal.digits}${'0'.repeat(places)}`) * (decimal.negative ? -1n : 1n);
  return Number.isFinite(value) && BigInt(value) === integer ? value : integer;
}

/** Whether a double is written with the digits of this text: then nothing is lost when it is read and written again. */
export function isShortestDouble(text: string): boolean {
  const value = Number(text);
  return text === String(value) || isWritten(toDecimal(text), value);
}

/**
 * A finite double as JSON. An integer is written with all of its digits: the shortest form, which JavaScript chooses beyond
 * 2^53, reads back as another integer where integers are read.
 */
export function numberToText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return Number.isInteger(value) && Math.abs(value) < FIRST_WITH_EXPONENT
    ? BigInt(value).toString()
    : String(value);
}

/** A decimal number without zeros at either end: 0.digits × 10^exponent. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

function isWritten(decimal: Decimal, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  const { negative, digits, exponent } = toDecimal(String(value));
  if (decimal.digits !== digits) return false;
  return digits === '' || (decimal.exponent === exponent && decimal.negative === negative);
}

function toDecimal(text: string): Decimal {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = whole + fraction;
  const leading = /^0*/.exec(all)?.[0].length ?? 0;
  const digits = all.slice(leading).replace(/0+$/, '');
  return {
    negative: mantissa.startsWith('-'),
    digits,
    exponent: digits === '' ? 0 : whole.length - leading + Number(power),
  };
}
