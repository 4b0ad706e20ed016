import type { DescField, Message } from '@bufbuild/protobuf';
import { toJson } from '@bufbuild/protobuf';
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import { type Declared, vultrName } from './declared.ts';

/** An HTTP request of Vultr's API. */
export interface WrittenRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  /** JSON text; undefined: no body. */
  readonly body: string | undefined;
}

/**
 * Writes a request as Vultr wants it, the way that the proto says: path, query or JSON, by wire names, in the order of
 * the declaration. Written for the tests, apart from the service's own encoder.
 */
export function writeHttp(
  { httpMethod, path, pathFields, body, input, isForm }: Declared,
  message: Message,
): WrittenRequest {
  const fields = input.fields.filter(({ name }) => !pathFields.includes(name));
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const field = input.fields.find((one) => one.name === name);
    return field === undefined ? '' : percentEncode(String(held(message, field)));
  });
  if (body === '*') {
    const json = writeObject(message, fields);
    return { method: httpMethod, target: filled, body: isForm ? writeForm(json) : json };
  }
  const [array] = fields.filter(({ name }) => name === body);
  const text =
    array === undefined || !isSet(message, array) ? undefined : writeField(array, held(message, array));
  const query = fields
    .filter((field) => field.name !== body && isSet(message, field))
    .map((field) => `${vultrName(field)}=${percentEncode(String(held(message, field)))}`);
  return {
    method: httpMethod,
    target: query.length > 0 ? `${filled}?${query.join('&')}` : filled,
    body: text,
  };
}

/** The members of a JSON object as a form. */
function writeForm(json: string): string {
  // Numbers keep the digits that they are written with.
  const exact = JSON.parse(json, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value,
  ) as Record<string, unknown>;
  const texts = Object.entries(exact).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return new URLSearchParams(texts as [string, string][]).toString();
}

/** Encodes every byte but the unreserved characters of RFC 3986, section 2.3. */
export function percentEncode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** Writes JSON with every digit of integers; the shortest form of others. */
export function writeJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) return writeMembers(Object.entries(value), writeJson);
  if (typeof value === 'bigint') return String(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e21)
    return String(BigInt(value));
  return JSON.stringify(value);
}

function writeObject(message: Message, fields: readonly DescField[]): string {
  const modelled = fields.filter((field) => field.name !== 'additional_fields' && isSet(message, field));
  const members = modelled.map(
    (field) => `${JSON.stringify(vultrName(field))}:${writeField(field, held(message, field))}`,
  );
  const additional = fields.find(({ name }) => name === 'additional_fields');
  const others = Object.entries((additional && held(message, additional)) ?? {});
  return `{${[...members, ...others.map(([key, value]) => `${JSON.stringify(key)}:${writeJson(value)}`)].join(',')}}`;
}

function writeField(field: DescField, value: unknown): string {
  if (field.fieldKind === 'list')
    return `[${(value as unknown[]).map((one) => writeSingular(field, one)).join(',')}]`;
  if (field.fieldKind === 'map') return writeMembers(Object.entries(value as object), writeJson);
  return writeSingular(field, value);
}

function writeSingular(field: DescField, value: unknown): string {
  if (field.message?.typeName === 'google.protobuf.Value')
    return writeJson(toJson(ValueSchema, value as Value));
  if (field.message === undefined || field.message.typeName === 'google.protobuf.Struct')
    return writeJson(value);
  return writeObject(value as Message, field.message.fields);
}

function writeMembers(entries: readonly [string, unknown][], write: (value: unknown) => string): string {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${write(value)}`).join(',')}}`;
}

function held(message: Message, field: DescField): unknown {
  return (message as Message & Record<string, unknown>)[field.localName];
}

/** Whether a field is in the message; an empty list or map is not, as protobuf does not carry it. */
function isSet(message: Message, field: DescField): boolean {
  const value = held(message, field);
  if (field.fieldKind === 'list') return (value as unknown[]).length > 0;
  if (field.fieldKind === 'map') return Object.keys(value as object).length > 0;
  return Object.hasOwn(message, field.localName) && value !== undefined;
}
