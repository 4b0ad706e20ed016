import type { RawNumber } from '../payload/exact-number.ts';

/**
 * A request as the service works with it: a message of the contract as a plain tree, keyed by proto field names.
 *
 * A field that is absent was not sent; a zero, an empty string or an empty list that is present was. Objects have no
 * prototype, so that a key such as `__proto__` is a key like any other. 64-bit integers are bigints, bytes are Uint8Arrays,
 * enums are numbers. google.protobuf.Struct, Value and ListValue are the JSON that they mean, in which integers beyond a
 * double are bigints and other such numbers RawNumbers.
 */
export interface Message {
  [field: string]: FieldValue;
}

/** What a field of a Message holds. */
export type FieldValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | RawNumber
  | Uint8Array
  | FieldValue[]
  | { [key: string]: FieldValue };

/** A Message without fields. */
export function createMessage(): Message {
  return Object.create(null) as Message;
}

/** Whether a value is a number of which only the text is kept. In JavaScript it is an object, in JSON it is not. */
export function isRawNumber(value: unknown): value is RawNumber {
  return JSON.isRawJSON(value);
}
