import {
  create,
  type DescField,
  type DescMessage,
  fromJsonString,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { type ReflectMessage, reflect, type ScalarValue } from '@bufbuild/protobuf/reflect';
import { stringifyJson } from '../../../src/payload/json.ts';
import type { FieldValue, Message } from '../../../src/transcoding/message.ts';

/** The messages that the codec holds as the JSON that they mean. */
const HELD_AS_JSON = new Set(['Struct', 'Value', 'ListValue'].map((name) => `google.protobuf.${name}`));

/** Writes what the project's codec has read as protobuf bytes, by protobuf-es. */
export function toBytes(type: DescMessage, message: Message): Uint8Array {
  return toBinary(type, reflected(type, message).message);
}

function reflected(type: DescMessage, value: FieldValue): ReflectMessage {
  if (HELD_AS_JSON.has(type.typeName)) return reflect(type, fromJsonString(type, stringifyJson(value)));
  const target = reflect(type, create(type));
  for (const field of type.fields) {
    const held = (value as Message)[field.name];
    if (held !== undefined) set(target, field, held);
  }
  return target;
}

function set(target: ReflectMessage, field: DescField, held: FieldValue): void {
  switch (field.fieldKind) {
    case 'list':
      for (const element of held as FieldValue[]) target.get(field).add(single(field, element));
      return;
    case 'map':
      for (const [key, element] of Object.entries(held as Message))
        target.get(field).set(toKey(field.mapKey, key), single(field, element));
      return;
    default:
      target.set(field, single(field, held));
  }
}

function single(field: DescField, value: FieldValue): ScalarValue | ReflectMessage {
  return field.message === undefined ? (value as ScalarValue) : reflected(field.message, value);
}

/** The codec holds the keys of a map as text. */
function toKey(type: ScalarType, text: string): string | number | bigint | boolean {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return text === 'true';
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return BigInt(text);
    default:
      return Number(text);
  }
}
