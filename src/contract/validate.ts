import { isIPv4, isIPv6 } from 'node:net';
import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf';
import type { FieldViolation } from '../status/call-error.ts';
import type { FieldValue, Message } from '../transcoding/message.ts';
import { optionOf } from '../transcoding/option.ts';

/** Finds what is wrong with a message, one by one. `path` leads to the message, for the names of its fields. */
type Validator = (message: Message, path: string) => Generator<FieldViolation>;

/** The most violations that are reported, so that a hostile request cannot cause a huge reply. */
const MAX_VIOLATIONS = 50;

/** google.api.FieldBehavior.REQUIRED */
const REQUIRED = 2;

/**
 * google.api.FieldInfo.Format, by number. For UUID4 any version of RFC 9562 is accepted, because Vultr chooses the
 * ids and a caller cannot change them.
 */
const FORMATS: Readonly<Record<number, { expected: string; matches: (text: string) => boolean }>> = {
  1: {
    expected: 'a UUID, for example cb676a46-66fd-4dfb-b839-443f2e6c0b60',
    matches: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  },
  2: { expected: 'an IPv4 address', matches: isIPv4 },
  3: { expected: 'an IPv6 address', matches: isIPv6 },
  4: { expected: 'an IPv4 or IPv6 address', matches: (text) => isIPv4(text) || isIPv6(text) },
};

/** What is checked of a message; nothing of most. */
interface Checks {
  readonly list: Validator[];
  /** All of them. */
  readonly run: Validator;
}

const CHECKS = new WeakMap<DescMessage, Checks>();

/**
 * Makes the check of a message from its annotations: google.api.field_behavior REQUIRED and google.api.field_info.format,
 * in nested messages too.
 * @throws Error when an annotation states an unknown format, or is on a field that cannot have one
 */
export function compileValidator(descriptor: DescMessage, registry: Registry): Validator {
  const known = CHECKS.get(descriptor);
  if (known !== undefined) return known.run;
  const checks: Validator[] = [];
  const validator: Validator = function* (message, path) {
    for (const check of checks) yield* check(message, path);
  };
  CHECKS.set(descriptor, { list: checks, run: validator });
  for (const field of descriptor.fields) {
    if (isRequired(field, registry)) checks.push(checkRequired(field));
    const format = formatOf(field, registry);
    if (format !== undefined) checks.push(checkFormat(field, format));
    if (field.message !== undefined && !field.message.typeName.startsWith('google.protobuf.')) {
      checks.push(checkNested(field, compileValidator(field.message, registry)));
    }
  }
  return validator;
}

/** Up to 50 violations of a message whose check compileValidator compiled before; none when nothing is wrong. */
export function validate(descriptor: DescMessage, message: Message): FieldViolation[] {
  const checks = CHECKS.get(descriptor);
  if (checks === undefined || checks.list.length === 0) return [];
  return checks.run(message, '').take(MAX_VIOLATIONS).toArray();
}

function checkRequired(field: DescField): Validator {
  return function* (message, path) {
    if (isMissing(field, message[field.name])) {
      yield { field: path + field.name, description: 'This field is required.' };
    }
  };
}

/** A field with presence is missing when it was not sent; one without, also when it is empty. */
function isMissing(field: DescField, value: FieldValue | undefined): boolean {
  if (value === undefined) return true;
  const hasPresence =
    field.fieldKind === 'message' || field.proto.proto3Optional || field.oneof !== undefined;
  return !hasPresence && (value === '' || (Array.isArray(value) && value.length === 0));
}

function checkFormat(field: DescField, { expected, matches }: (typeof FORMATS)[number]): Validator {
  return function* (message, path) {
    const value = message[field.name];
    if (value === undefined || value === '') return;
    const isList = Array.isArray(value);
    for (const [index, element] of (isList ? value : [value]).entries()) {
      if (typeof element === 'string' && matches(element)) continue;
      const at = path + field.name + (isList ? `[${index}]` : '');
      yield { field: at, description: `Must be ${expected}.` };
    }
  };
}

function checkNested(field: DescField, validator: Validator): Validator {
  return function* (message, path) {
    const value = message[field.name];
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const at = path + field.name;
    if (field.fieldKind === 'message') yield* validator(value as Message, `${at}.`);
    else if (Array.isArray(value)) {
      for (const [index, element] of value.entries())
        yield* validator(element as Message, `${at}[${index}].`);
    } else {
      for (const [key, element] of Object.entries(value))
        yield* validator(element as Message, `${at}[${key}].`);
    }
  };
}

/** Whether every caller has to set a field: google.api.field_behavior REQUIRED. */
export function isRequired(field: DescField, registry: Registry): boolean {
  return (
    (optionOf(field, 'google.api.field_behavior', registry) as number[] | undefined)?.includes(REQUIRED) ??
    false
  );
}

function formatOf(field: DescField, registry: Registry): (typeof FORMATS)[number] | undefined {
  const info = optionOf(field, 'google.api.field_info', registry) as { format: number } | undefined;
  if (info === undefined || info.format === 0) return undefined;
  const format = FORMATS[info.format];
  if (format === undefined)
    throw new Error(`field ${field.name} has an unknown google.api.field_info.format`);
  if (field.scalar !== 9)
    throw new Error(`field ${field.name} has a google.api.field_info.format but is not a string`);
  return format;
}
