/**
 * How deep JSON may be nested, in either direction. Each level is three messages of google/protobuf/struct.proto, and most
 * protobuf runtimes stop at 100 messages, which is 34 levels: callers' limits come before this one.
 */
export const MAX_DEPTH = 100;

/** The tags of google/protobuf/struct.proto: field number × 8 + wire type. */
export const TAG = {
  structFields: 10,
  entryKey: 10,
  entryValue: 18,
  nullValue: 8,
  numberValue: 17,
  stringValue: 26,
  boolValue: 32,
  structValue: 42,
  listValue: 50,
  listValues: 10,
} as const;
