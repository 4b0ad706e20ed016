import { type DescEnum, type DescField, ScalarType } from '@bufbuild/protobuf';
import { parseExactNumber } from '../payload/exact-number.ts';
import type { FieldValue } from './message.ts';
import { scalarName } from './scalar-text.ts';

/** The largest finite 32-bit float. */
const MAX_FLOAT = 3.4028234663852886e38;

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MAX_NUMBER_LENGTH = 400;
/** Either alphabet of RFC 4648, padded or not. */
const BASE64 = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;

/**
 * Reads a scalar from its proto3 JSON: integers and floats as numbers or strings, bytes as base64 in either alphabet.
 * @returns undefined when the JSON is no such scalar
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
      if (value === undefined || (Number.isFinite(value) && Math.abs(value) > MAX_FLOAT)) return undefined;
      return Math.fround(value);
    }
    default:
      return integerFromJson(type, json);
  }
}

/**
 * Reads a scalar or an enum from a path segment or a query parameter: its proto3 JSON form without quotes.
 * @returns undefined when the text is no such value
 */
export function scalarFromText(field: DescField, text: string): FieldValue | undefined {
  if (field.enum !== undefined)
    return enumFromJson(field.enum, text) ?? enumFromJson(field.enum, integerOf(text) ?? null);
  if (field.scalar === ScalarType.BOOL) return text === 'true' ? true : text === 'false' ? false : undefined;
  return field.scalar === undefined ? undefined : scalarFromJson(field.scalar, text);
}

function integerOf(text: string): number | undefined {
  return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/**
 * Reads an enum by the name of a value or by its number.
 * @returns undefined when the enum has no such value
 */
export function enumFromJson(type: DescEnum, json: FieldValue): number | undefined {
  if (typeof json === 'number') return type.value[json]?.number;
  return typeof json === 'string' ? type.values.find(({ name }) => name === json)?.number : undefined;
}

/** What a scalar or enum field takes, as a sentence. */
export function expectedScalar(field: DescField): string {
  if (field.enum !== undefined) {
    return `It has to be one of ${field.enum.values.map(({ name }) => name).join(', ')}.`;
  }
  return field.scalar === undefined
    ? 'It has to be a single value.'
    : `It has to be ${scalarName(field.scalar)}.`;
}

function doubleFromJson(json: FieldValue): number | undefined {
  if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
  const value = typeof json === 'string' ? numberFromText(json) : json;
  if (typeof value !== 'bigint') return typeof value === 'number' ? value : undefined;
  // An integer such as 2^63: with all of its digits it is read as a bigint, though a double holds it.
  const double = Number(value);
  return Number.isFinite(double) && BigInt(double) === value ? double : undefined;
}

function numberFromText(text: string): number | bigint | undefined {
  return text.length <= MAX_NUMBER_LENGTH && JSON_NUMBER.test(text) ? parseExactNumber(text) : undefined;
}

function integerFromJson(type: ScalarType, json: FieldValue): number | bigint | undefined {
  const value = typeof json === 'string' ? numberFromText(json) : json;
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
  // One digit alone is six bits, less than a byte; padding, where there is any, fills up to four.
  if (digits % 4 === 1 || (text.length !== digits && text.length % 4 !== 0)) return undefined;
  return new Uint8Array(Buffer.from(text, 'base64'));
}
