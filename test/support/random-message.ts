import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import type { FieldValue, Message as Tree } from '../../src/transcoding/message.ts';
import { createMessage } from '../../src/transcoding/message.ts';
import type { Random } from './random.ts';

const STRUCTS = ['google.protobuf.Struct', 'google.protobuf.Value', 'google.protobuf.ListValue'];

/** A random message, made by protobuf-es. */
export function randomMessage(descriptor: DescMessage, random: Random, depth = 0): Message {
  const message = reflect(descriptor, create(descriptor));
  for (const field of descriptor.fields) {
    if (random.fraction() < (depth === 0 ? 0.5 : 0.95)) continue;
    setRandom(message, field, random, depth);
  }
  return message.message;
}

function setRandom(message: ReflectMessage, field: DescField, random: Random, depth: number): void {
  const one = (): unknown => randomSingle(field, random, depth);
  if (field.fieldKind === 'list') {
    for (let count = random.below(4); count > 0; count -= 1) message.get(field).add(one());
  } else if (field.fieldKind === 'map') {
    for (let count = random.below(4); count > 0; count -= 1) {
      message.get(field).set(randomScalar(field.mapKey, random) as string, one());
    }
  } else {
    message.set(field, one());
  }
}

function randomSingle(field: DescField, random: Random, depth: number): unknown {
  if (field.message !== undefined) {
    if (!STRUCTS.includes(field.message.typeName))
      return reflect(field.message, randomMessage(field.message, random, depth + 1) as never);
    return reflect(field.message, randomStruct(field.message, random) as never);
  }
  if (field.enum !== undefined) return random.pick([0, 1, -5, 77]);
  return randomScalar(field.scalar ?? ScalarType.INT32, random);
}

/** A few levels of a Struct, Value or ListValue, as protobuf-es holds them. */
function randomStruct(descriptor: DescMessage, random: Random, depth = 0): Message {
  const message = reflect(descriptor, create(descriptor));
  for (const field of descriptor.fields) {
    if (field.fieldKind === 'list') {
      if (depth < 4) message.get(field).add(reflect(field.message as DescMessage, value(field, depth)));
    } else if (field.fieldKind === 'map') {
      if (depth < 4)
        message
          .get(field)
          .set(`k${random.below(9)}`, reflect(field.message as DescMessage, value(field, depth)));
    }
  }
  const [kind] = descriptor.oneofs;
  if (kind !== undefined) {
    const field = kind.fields[random.below(depth < 4 ? 6 : 4)] ?? kind.fields[0];
    if (field?.message !== undefined)
      message.set(field, reflect(field.message, randomStruct(field.message, random, depth + 1) as never));
    else if (field?.enum !== undefined) message.set(field, 0);
    else if (field !== undefined)
      message.set(
        field,
        field.scalar === ScalarType.DOUBLE ? random.below(99) / 8 : randomScalar(field.scalar, random),
      );
  }
  return message.message;

  function value(field: DescField, level: number): never {
    return randomStruct(field.message as DescMessage, random, level + 1) as never;
  }
}

function randomScalar(type: ScalarType | undefined, random: Random): unknown {
  switch (type) {
    case ScalarType.STRING:
      return random.pick(['', 'a', 'ключ', '💾', 'x'.repeat(300), '\u0000']);
    case ScalarType.BOOL:
      return random.fraction() < 0.5;
    case ScalarType.BYTES:
      return new Uint8Array(random.pick([0, 1, 200])).fill(random.below(256));
    case ScalarType.DOUBLE:
      return random.pick([0, -0, 0.1, 1e300, Number.NaN, Number.NEGATIVE_INFINITY]);
    case ScalarType.FLOAT:
      return random.pick([0, 0.5, -3.25, Number.POSITIVE_INFINITY]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1]);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return random.pick([0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n]);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return random.pick([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]);
    default:
      return random.pick([0, 1, -1, 300, 2 ** 31 - 1, -(2 ** 31)]);
  }
}

/** What protobuf-es holds, as the tree that the service works with. */
export function toTree(descriptor: DescMessage, message: Message): Tree {
  const from = reflect(descriptor, message as never);
  const tree = createMessage();
  for (const field of from.sortedFields) {
    if (!from.isSet(field)) continue;
    const value = from.get(field);
    if (field.fieldKind === 'list') {
      tree[field.name] = [...(value as Iterable<unknown>)].map((each) => toValue(field, each));
    } else if (field.fieldKind === 'map') {
      const map = createMessage();
      for (const [key, each] of value as Iterable<[unknown, unknown]>)
        map[String(key)] = toValue(field, each);
      tree[field.name] = map;
    } else {
      tree[field.name] = toValue(field, value);
    }
  }
  return tree;
}

function toValue(field: DescField, value: unknown): FieldValue {
  if (field.message === undefined) return value as FieldValue;
  const { message } = value as ReflectMessage;
  if (!STRUCTS.includes(field.message.typeName)) return toTree(field.message, message);
  return toJsonValue(message as unknown as StructLike);
}

type StructLike = {
  fields?: Record<string, StructLike>;
  values?: StructLike[];
  kind?: { case?: string; value?: unknown };
};

/** JSON of a Struct message. Written out, as protobuf-es's own has no place for a Value without a kind. */
function toJsonValue({ fields, values, kind }: StructLike): FieldValue {
  if (fields !== undefined)
    return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, toJsonValue(value)]));
  if (values !== undefined) return values.map(toJsonValue);
  switch (kind?.case) {
    case undefined:
    case 'nullValue':
      return null;
    case 'structValue':
    case 'listValue':
      return toJsonValue(kind?.value as StructLike);
    default:
      return kind?.value as FieldValue;
  }
}
