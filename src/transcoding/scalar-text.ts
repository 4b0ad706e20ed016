import { type DescEnum, type DescField, ScalarType } from '@bufbuild/protobuf';
import { numberToText } from '../payload/exact-number.ts';
import { type FieldValue, isRawNumber } from './message.ts';

/** A scalar or an enum as text, for a path segment or a query parameter: the proto3 JSON form without quotes. */
export function scalarToText(field: DescField, value: FieldValue): string {
  if (field.enum !== undefined) return enumToText(field.enum, value as number);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return plainToText(value);
}

/** A value that is neither bytes, a list nor an object as text. A number keeps its value and its sign. */
export function plainToText(value: FieldValue): string {
  if (typeof value === 'number') return numberToText(value);
  return isRawNumber(value) ? value.rawJSON : String(value);
}

/** The name of an enum's value; the number of one that has no name. */
export function enumToText(type: DescEnum, value: number): string {
  return type.value[value]?.name ?? String(value);
}

/** The type of a scalar field in words, for a violation. */
export function scalarName(type: ScalarType): string {
  return SCALAR_NAMES[type];
}

/** The type of a map's keys in words. */
export function keyName(type: ScalarType): string {
  return type === ScalarType.BOOL ? 'true or false' : SCALAR_NAMES[type].replace(/^an? (.*)$/, '$1s');
}

const SCALAR_NAMES: Readonly<Record<ScalarType, string>> = {
  [ScalarType.DOUBLE]: 'a number',
  [ScalarType.FLOAT]: 'a number',
  [ScalarType.INT64]: 'a 64-bit integer',
  [ScalarType.UINT64]: 'an unsigned 64-bit integer',
  [ScalarType.INT32]: 'a 32-bit integer',
  [ScalarType.FIXED64]: 'an unsigned 64-bit integer',
  [ScalarType.FIXED32]: 'an unsigned 32-bit integer',
  [ScalarType.BOOL]: 'a boolean',
  [ScalarType.STRING]: 'a string',
  [ScalarType.BYTES]: 'bytes in base64',
  [ScalarType.UINT32]: 'an unsigned 32-bit integer',
  [ScalarType.SFIXED32]: 'a 32-bit integer',
  [ScalarType.SFIXED64]: 'a 64-bit integer',
  [ScalarType.SINT32]: 'a 32-bit integer',
  [ScalarType.SINT64]: 'a 64-bit integer',
};
