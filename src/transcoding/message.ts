/**
 * A request as the service works with it: a message of the contract as a plain tree, keyed by proto field names.
 *
 * What is not there was not sent; a present zero, an empty string or an empty list was. Objects have no prototype, so
 * that a key such as `__proto__` is a key like any other. 64-bit integers are bigints, bytes are Uint8Arrays, enums are
 * numbers; google.protobuf.Struct, Value and ListValue stand as the JSON they mean.
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
  | Uint8Array
  | FieldValue[]
  | { [key: string]: FieldValue };

/** A Message without fields. */
export function createMessage(): Message {
  return Object.create(null) as Message;
}
