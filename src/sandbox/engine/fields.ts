import { badRequest } from './api-error.ts';
import { isObject, type Json, type JsonObject } from './json.ts';

/** The types that a member of a body can have, each with the value that is shown for an absent member. */
const EMPTY = {
  string: '',
  integer: 0,
  number: 0,
  boolean: false,
  strings: [],
  object: {},
  objects: [],
  list: [],
} as const satisfies Record<string, Json>;

type FieldType = keyof typeof EMPTY;

/** A member of a request body. */
export interface Field {
  name: string;
  type: FieldType;
  required: boolean;
  /** The value that is shown when the caller leaves it out. */
  fallback: Json;
}

/**
 * Reads a field list such as `'region! size_gb:integer! label gzip:boolean block_type=high_perf'`: names separated by
 * spaces, `:type` (string by default), `!` for required, `=value` for the value of an absent string or integer.
 */
export function parseFields(text: string): Field[] {
  return text
    .split(' ')
    .filter((item) => item !== '')
    .map((item) => {
      const [, name, type = 'string', required, fallback] =
        /^([\w.-]+?)(?::(\w+))?(!)?(?:=(.*))?$/.exec(item) ?? [];
      if (name === undefined || !isFieldType(type)) throw new Error(`not a field: ${item}`);
      return { name, type, required: required !== undefined, fallback: readFallback(type, fallback) };
    });
}

/** All fields of a new thing: the body's values, or else the fallbacks. Throws an ApiError 400 for a wrong body. */
export function readFields(fields: readonly Field[], body: JsonObject): JsonObject {
  checkRequired(fields, body);
  const fallbacks = Object.fromEntries(fields.map((field) => [field.name, structuredClone(field.fallback)]));
  return { ...fallbacks, ...readGiven(fields, body) };
}

/** Throws an ApiError 400 when a required field is missing. */
export function checkRequired(fields: readonly Field[], body: JsonObject): void {
  if (fields.some((field) => field.required && absent(body[field.name]))) throw badRequest();
}

/** The fields that the body has. Unknown members are ignored. Throws an ApiError 400 for a wrong type. */
export function readGiven(fields: readonly Field[], body: JsonObject): JsonObject {
  const given: JsonObject = {};
  for (const { name, type } of fields) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    if (!hasType(value, type)) throw badRequest(`Invalid ${name}.`);
    given[name] = type === 'integer' || type === 'number' ? Number(value) : value;
  }
  return given;
}

const absent = (value: Json | undefined): boolean => value === undefined || value === null || value === '';

const isFieldType = (type: string): type is FieldType => Object.hasOwn(EMPTY, type);

function readFallback(type: FieldType, text: string | undefined): Json {
  if (text === undefined) return EMPTY[type] as Json;
  if (type === 'boolean') return text === 'true';
  return type === 'integer' || type === 'number' ? Number(text) : text;
}

/** An integer may be a string of digits: the specifications disagree about several fields. */
function hasType(value: Json, type: FieldType): boolean {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,15}$/.test(value));
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    case 'objects':
      return Array.isArray(value) && value.every(isObject);
    case 'list':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    default:
      return typeof value === type;
  }
}
