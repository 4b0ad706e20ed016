import { type DescEnum, type DescField, ScalarType } from '@bufbuild/protobuf';
import { parseExactNumber, type RawNumber } from '../payload/exact-number.ts';
import { type FieldValue, isRawNumber } from './message.ts';
import { scalarName } from './scalar-text.ts';

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MAX_NUMBER_LENGTH = 400;
/** Either alphabet of RFC 4648, padded or not. */
const BASE64 = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;

/**
 * Reads a scalar from its proto3 JSON: integers and floats as numbers or strings, bytes as base64 in either alphabet.
 * @returns undefined when the JSON is not such a scalar
 */
export function scalarFromJson(type: ScalarType, json: FieldValue): FieldValue | undefined {
  switch (type) {
    case ScalarType.STRING:
      return typeof json === 'string' ? json : undefined;
    case ScalarType.BOOL:
      return typeof json === 'boolean' ? json : undefined;
    case ScalarType.BYTES:
      return typeof json === 'string' ? bytesFromBase64(json) : undefined;
    case ScalarType.DOUBLE:
      return doubleFromJson(json);
    case ScalarType.FLOAT: {
      const value = doubleFromJson(json);
      if (value === undefined) return undefined;
      const float = Math.fround(value);
      // What rounds to the largest float is that float; what is beyond it would silently become an infinity.
      return Number.isFinite(value) && !Number.isFinite(float) ? undefined : float;
    }
    default:
      return integerFromJson(type, json);
  }
}

/**
 * Reads a scalar or an enum from a path segment or a query parameter: its proto3 JSON form without quotes. An enum may be a
 * number as well, and a boolean is spelled in any of the ways that Go's strconv.ParseBool and with it other transcoders read.
 * @returns undefined when the text is not such a value
 */
export function scalarFromText(field: DescField, text: string): FieldValue | undefined {
  if (field.enum !== undefined)
    return enumFromJson(field.enum, text) ?? enumFromJson(field.enum, integerOf(text) ?? null);
  if (field.scalar === ScalarType.BOOL) return BOOLEANS.get(text.toLowerCase());
  return field.scalar === undefined ? undefined : scalarFromJson(field.scalar, text);
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['t', true],
  ['1', true],
  ['false', false],
  ['f', false],
  ['0', false],
]);

function integerOf(text: string): number | undefined {
  return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/**
 * Reads an enum by the name of a value or by its number. An open enum, such as those of proto3, takes any number: the
 * other side may know a value that this side does not.
 * @returns undefined when the enum has no such value
 */
export function enumFromJson(type: DescEnum, json: FieldValue): number | undefined {
  if (typeof json === 'number') {
    const number = json | 0;
    if (number !== json) return undefined;
    return type.open ? number : type.value[number]?.number;
  }
  return typeof json === 'string' ? type.values.find(({ name }) => name === json)?.number : undefined;
}

/** What a scalar or enum field accepts, as a sentence. */
export function expectedScalar(field: DescField): string {
  if (field.enum !== undefined) {
    return `Must be one of ${field.enum.values.map(({ name }) => name).join(', ')}.`;
  }
  return field.scalar === undefined ? 'Must be a single value.' : `Must be ${scalarName(field.scalar)}.`;
}

function doubleFromJson(json: FieldValue): number | undefined {
  if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
  // The nearest double, as every other reader of proto3 JSON takes it.
  const double = nearestDouble(json);
  return double !== undefined && Number.isFinite(double) ? double : undefined;
}

function nearestDouble(json: FieldValue): number | undefined {
  switch (typeof json) {
    case 'number':
    case 'bigint':
      return Number(json);
    case 'string':
      return isNumber(json) ? Number(json) : undefined;
    default:
      return isRawNumber(json) ? Number(json.rawJSON) : undefined;
  }
}

function isNumber(text: string): boolean {
  return text.length <= MAX_NUMBER_LENGTH && JSON_NUMBER.test(text);
}

function exactNumber(json: string | RawNumber): number | bigint | undefined {
  const text = typeof json === 'string' ? json : json.rawJSON;
  return isNumber(text) ? parseExactNumber(text) : undefined;
}

function integerFromJson(type: ScalarType, json: FieldValue): number | bigint | undefined {
  const value = isRawNumber(json) || typeof json === 'string' ? exactNumber(json) : json;
  if (typeof value !== 'bigint' && (typeof value !== 'number' || !Number.isInteger(value))) return undefined;
  const integer = BigInt(value);
  switch (type) {
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return BigInt.asIntN(64, integer) === integer ? integer : undefined;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt.asUintN(64, integer) === integer ? integer : undefined;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return BigInt.asUintN(32, integer) === integer ? Number(integer) : undefined;
    default:
      return BigInt.asIntN(32, integer) === integer ? Number(integer) : undefined;
  }
}

function bytesFromBase64(text: string): Uint8Array | undefined {
  if (!BASE64.test(text)) return undefined;
  const digits = text.replace(/=+$/, '').length;
  // A single digit is six bits, less than a byte; padding, where there is any, fills up to four.
  if (digits % 4 === 1 || (text.length !== digits && text.length % 4 !== 0)) return undefined;
  return new Uint8Array(Buffer.from(text, 'base64'));
}
