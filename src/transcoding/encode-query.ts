import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { type EncodeContext, encodeSingular } from './encode-json.ts';
import { fieldNames, wireName } from './field-names.ts';
import { type FieldValue, isRawNumber, type Message } from './message.ts';
import { percentEncode } from './percent.ts';
import { plainToText, scalarToText } from './scalar-text.ts';
import { at } from './violations.ts';
import { jsonForm } from './well-known.ts';

const NOT_SINGLE = 'Not a single value, so it cannot be sent in a query string.';

/**
 * Writes the fields of a message as a query string, without the `?`: in the order of the field numbers, by wire name,
 * nested ones as `a.b`, repeated ones as repeated parameters. What a query cannot carry (maps, lists of messages, objects)
 * is a violation.
 */
export function encodeQuery(descriptor: DescMessage, message: Message, context: EncodeContext): string {
  if (Object.keys(message).length === 0) return '';
  const { violations } = context;
  const parameters: string[] = [];
  const add = (name: string, text: string, path: string): void => {
    if (text.isWellFormed()) parameters.push(`${percentEncode(name)}=${percentEncode(text)}`);
    else violations.add(path, 'Contains half of a surrogate pair, which is not Unicode text.');
  };
  const walk = (type: DescMessage, value: Message, prefix: string, parent: string): void => {
    for (const field of fieldNames(type).ordered) {
      const held = value[field.name];
      const path = at(parent, field.name);
      if (held === undefined || context.elsewhere.has(path)) continue;
      const name = prefix + wireName(field);
      if (field.fieldKind === 'message' && jsonForm(field.message) === 'fields') {
        walk(field.message, held as Message, `${name}.`, path);
      } else if (field.fieldKind === 'map') {
        if (Object.keys(held as Message).length > 0) violations.add(path, NOT_SINGLE);
      } else if (field.fieldKind === 'list') {
        (held as FieldValue[]).forEach((element, index) => {
          addSingular(field, element, name, `${path}[${index}]`);
        });
      } else {
        addSingular(field, held, name, path);
      }
    }
  };
  const addSingular = (field: DescField, value: FieldValue, name: string, path: string): void => {
    const text = toText(field, value, path, context);
    if (text === undefined) violations.add(path, NOT_SINGLE);
    else add(name, text, path);
  };
  walk(descriptor, message, '', '');
  return parameters.join('&');
}

/** One value as the text of a parameter; undefined when it cannot be written as text. */
function toText(
  field: DescField,
  value: FieldValue,
  path: string,
  context: EncodeContext,
): string | undefined {
  if (field.message === undefined) return scalarToText(field, value);
  switch (jsonForm(field.message)) {
    case 'text':
    case 'wrapper':
      return plainToText(encodeSingular(field, value, path, context));
    case 'value':
      return (value !== null && typeof value !== 'object') || isRawNumber(value)
        ? plainToText(value)
        : undefined;
    default:
      return undefined;
  }
}
