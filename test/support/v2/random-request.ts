import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import type { Random } from '../random.ts';
import { type Declared, isRequired } from './declared.ts';
import {
  randomDouble,
  randomInteger,
  randomJson,
  randomObject,
  randomPathText,
  randomText,
  setMember,
} from './random-values.ts';

/** How deep free-form JSON in a request goes. */
const JSON_DEPTH = 4;

/** A request filled with awkward values: everything that has to be there, and most of the rest. */
export function randomRequest(rpc: Declared, random: Random): Message {
  return randomMessage(rpc.input, new Set(rpc.pathFields), random);
}

function randomMessage(
  descriptor: DescMessage,
  pathFields: ReadonlySet<string>,
  random: Random,
): Message & Record<string, unknown> {
  const message = create(descriptor) as Message & Record<string, unknown>;
  for (const field of descriptor.fields) {
    const isPath = pathFields.has(field.name);
    if (!isPath && !isRequired(field) && random.below(4) === 0) continue;
    message[field.localName] = isPath ? randomPathValue(field, random) : randomField(field, random);
  }
  return message;
}

/** A path has no place for an empty text; an integer without presence is not there when it is zero. */
function randomPathValue({ scalar }: DescField, random: Random): unknown {
  return scalar === ScalarType.INT64 ? randomInteger(random) || 7n : randomPathText(random);
}

function randomField(field: DescField, random: Random): unknown {
  const least = isRequired(field) ? 1 : 0;
  if (field.fieldKind === 'list')
    return Array.from({ length: least + random.below(3) }, () => randomSingular(field, random));
  if (field.fieldKind !== 'map') return randomSingular(field, random);
  const map = {};
  for (const key of Object.keys(randomObject(random, 1))) setMember(map, key, randomSingular(field, random));
  return map;
}

function randomSingular(field: DescField, random: Random): unknown {
  if (field.message === undefined) return randomScalar(field, random);
  switch (field.message.typeName) {
    case 'google.protobuf.Struct':
      return randomObject(random, JSON_DEPTH);
    case 'google.protobuf.Value':
      return fromJson(ValueSchema, randomJson(random, JSON_DEPTH));
    default:
      return randomMessage(field.message, new Set(), random);
  }
}

function randomScalar(field: DescField, random: Random): unknown {
  switch (field.scalar) {
    case ScalarType.STRING:
      return randomText(random);
    case ScalarType.INT64:
      return randomInteger(random);
    case ScalarType.DOUBLE:
      return randomDouble(random);
    case ScalarType.BOOL:
      return random.below(2) === 0;
    default:
      throw new Error(`${field} has a type that no field of vultr.v2 had so far.`);
  }
}
