import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { fieldNames, wireName } from '../transcoding/field-names.ts';
import { jsonForm } from '../transcoding/well-known.ts';

/** The id of the instance that the sandbox starts with, so that examples with an instance can be tried as they are. */
export const EXAMPLE_ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

/**
 * The example that the comment of a field gives ("such as `ams`"), or one of its format.
 * @returns undefined when there is none
 */
export function exampleOf(field: DescField, comment: string): unknown {
  const value = exampleElement(field, comment);
  if (value === undefined || field.fieldKind !== 'list') return value;
  return Array.isArray(value) ? value : [value];
}

function exampleElement(field: DescField, comment: string): unknown {
  if (field.fieldKind === 'map') return undefined;
  const given = /(?:such as|for example) `([^`]+)`/i.exec(comment)?.[1];
  if (given !== undefined && !given.includes('...')) return parseExample(field, given);
  if (/\bUUIDs?\b/.test(comment) && scalarOf(field) === ScalarType.STRING) return EXAMPLE_ID;
  return undefined;
}

function parseExample(field: DescField, text: string): unknown {
  if (field.message !== undefined) {
    return jsonForm(field.message) === 'fields' ? undefined : parseJson(text);
  }
  switch (scalarOf(field)) {
    case ScalarType.STRING:
      return text.startsWith('[') && field.fieldKind === 'list' ? parseJson(text) : text;
    case ScalarType.BOOL:
      return text === 'true' || text === 'false' ? text === 'true' : undefined;
    default:
      return /^-?\d+$/.test(text) ? Number(text) : undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A word that is an example of something inside of the value.
    return undefined;
  }
}

function scalarOf(field: DescField): ScalarType | undefined {
  return field.fieldKind === 'scalar' || field.fieldKind === 'list' ? field.scalar : undefined;
}

/** Some value of a field's type, for members that a request cannot do without and that have no example. */
export function placeholderOf(field: DescField): unknown {
  if (field.fieldKind === 'list') return [];
  if (field.fieldKind === 'map' || field.message !== undefined) return {};
  switch (field.scalar) {
    case ScalarType.STRING:
      return 'example';
    case ScalarType.BOOL:
      return true;
    default:
      return 1;
  }
}

/** The example of a whole body that the comment of a message gives. */
export function givenExample(comment: string): unknown {
  const json = /for example `([{[][^`]*[}\]])`/i.exec(comment)?.[1];
  return json === undefined ? undefined : parseJson(json);
}

/**
 * An example of a request's body: the one that the comment of its message gives ("For example `{...}`"), else the members
 * that it cannot do without.
 * @param own the fields that the body holds
 */
export function bodyExample(
  comment: string,
  own: readonly DescField[],
  readComment: (field: DescField) => string,
  isRequired: (field: DescField) => boolean,
): Readonly<Record<string, unknown>> | undefined {
  const given = givenExample(comment);
  if (given !== undefined) return given as Readonly<Record<string, unknown>>;
  const required = own.filter(isRequired);
  if (required.length === 0) return undefined;
  return Object.fromEntries(
    required.map((field) => [wireName(field), exampleOf(field, readComment(field)) ?? nestedExample(field)]),
  );

  function nestedExample(field: DescField): unknown {
    const { message } = field;
    if (message === undefined || jsonForm(message) !== 'fields') return placeholderOf(field);
    const value = bodyExample('', fieldNames(message).ordered, readComment, isRequired) ?? {};
    return field.fieldKind === 'list' ? [value] : field.fieldKind === 'map' ? { example: value } : value;
  }
}
