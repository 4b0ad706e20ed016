import type { DescMessage } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { decodeMessage } from '../../src/transcoding/decode-binary.ts';
import type { Message } from '../../src/transcoding/message.ts';
import { compileRegistry } from './compile-routes.ts';

/** The scalar types that a key of a map may have. */
const KEY_TYPES = ['string', 'bool', 'int32', 'uint32', 'sint32', 'fixed32', 'sfixed32', 'int64', 'uint64'];

/** All scalar types of protobuf. */
export const SCALAR_TYPES = [
  ...KEY_TYPES,
  ...['sint64', 'fixed64', 'sfixed64', 'float', 'double', 'bytes'],
] as const;

async function compileKinds(): Promise<DescMessage> {
  let number = 20;
  const fields = SCALAR_TYPES.flatMap((type) => [
    `${type} ${type}_one = ${number++};`,
    `optional ${type} ${type}_maybe = ${number++};`,
    `repeated ${type} ${type}_many = ${number++};`,
    type === 'string' || type === 'bytes'
      ? ''
      : `repeated ${type} ${type}_unpacked = ${number++} [packed = false];`,
    `map<string, ${type}> ${type}_by_name = ${number++};`,
  ]);
  const maps = KEY_TYPES.map((type) => `map<${type}, string> by_${type} = ${number++};`);
  const registry = await compileRegistry(`
    syntax = "proto3";
    package test;
    import "google/protobuf/struct.proto";
    message Kinds {
      Color color_one = 1;
      repeated Color colors = 2;
      map<string, Color> color_by_name = 3;
      Kinds child = 4;
      repeated Kinds children = 5;
      map<string, Kinds> child_by_name = 6;
      oneof choice {
        string choice_text = 7;
        int64 choice_number = 8;
        Kinds choice_child = 9;
      }
      google.protobuf.Struct struct = 10;
      google.protobuf.Value value = 11;
      google.protobuf.ListValue list = 12;
      repeated google.protobuf.Struct structs = 13;
      map<string, google.protobuf.Value> value_by_name = 14;
      ${[...fields, ...maps].join('\n')}
    }
    enum Color { NONE = 0; RED = 1; BLUE = -5; }
  `);
  const message = registry.getMessage('test.Kinds');
  if (message === undefined) throw new Error('test.Kinds was not compiled');
  return message;
}

/** A message that has a field of every kind there is: singular, optional, repeated, packed or not, map, oneof, nested. */
export const kinds = await compileKinds();

/** Decodes what is written as a message of all kinds. */
export function decodeWritten(write: (writer: BinaryWriter) => unknown): Message {
  const writer = new BinaryWriter();
  write(writer);
  return decodeMessage(kinds, writer.finish());
}

/** The number of a field of that message. */
export function numberOf(name: string): number {
  const field = kinds.fields.find((each) => each.name === name);
  if (field === undefined) throw new Error(`there is no field ${name}`);
  return field.number;
}

/** Writes a field of bytes, of a string or of a message. */
export function writeBlock(
  writer: BinaryWriter,
  name: string,
  write: (writer: BinaryWriter) => unknown,
): BinaryWriter {
  writer.tag(numberOf(name), WireType.LengthDelimited).fork();
  write(writer);
  return writer.join();
}
