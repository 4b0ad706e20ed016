/** A JSON number's text that no `number` and no `bigint` holds: written back by JSON.stringify as it was read. */
export interface RawNumber {
  readonly rawJSON: string;
}

const PLAIN_INTEGER = /^-?\d+$/;

/**
 * Reads a JSON number without losing a digit: a `number` where the double means exactly what is written (0.1, 1.50,
 * 1e3), a `bigint` for integers beyond that, undefined for any other.
 * @param text a number by the grammar of RFC 8259
 */
export function parseExactNumber(text: string): number | bigint | undefined {
  const value = Number(text);
  if (text.length < 16 && Number.isFinite(value) && !/[eE]/.test(text)) return value;
  if (Number.isFinite(value) && sameDecimal(text, String(value))) return value;
  return PLAIN_INTEGER.test(text) ? BigInt(text) : undefined;
}

/** Whether two numbers in decimal notation are the same number, digit by digit. */
function sameDecimal(left: string, right: string): boolean {
  const a = toDecimal(left);
  const b = toDecimal(right);
  return (
    a.digits === b.digits && (a.digits === '' || (a.exponent === b.exponent && a.negative === b.negative))
  );
}

/** A number as digits without zeros at either end and the power of ten behind them: 0.digits × 10^exponent. */
function toDecimal(text: string): { negative: boolean; digits: string; exponent: number } {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = whole + fraction;
  const leading = /^0*/.exec(all)?.[0].length ?? 0;
  return {
    negative: mantissa.startsWith('-'),
    digits: all.slice(leading).replace(/0+$/, ''),
    exponent: whole.length - leading + Number(power),
  };
}
