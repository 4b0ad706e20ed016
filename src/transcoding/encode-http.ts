import type { DescField } from '@bufbuild/protobuf';
import type { FieldPath, HttpBinding } from './binding.ts';
import { type EncodeContext, encodeField, encodeMessage } from './encode-json.ts';
import { encodeQuery } from './encode-query.ts';
import type { FieldValue, Message } from './message.ts';
import type { PathTemplate, TemplateVariable } from './path-template.ts';
import { percentEncode } from './percent.ts';
import { scalarToText } from './scalar-text.ts';
import { Violations } from './violations.ts';

/** An HTTP request, as a binding writes it from a message. */
export interface EncodedRequest {
  readonly method: string;
  /** Percent-encoded, starting with a slash. */
  readonly path: string;
  /** Percent-encoded, without the question mark; "" when there is none. */
  readonly query: string;
  /** The JSON of the body; undefined when there is none. */
  readonly body: FieldValue | undefined;
}

/**
 * Writes a message as the HTTP request that its binding describes, as a client reads a google.api.http rule: the reverse of
 * decoding. A rule for every method (`*`) is sent as POST with a body, as GET without.
 *
 * @throws CallError INVALID_ARGUMENT with every field that cannot be sent: a path variable that is empty, `.` or `..`,
 *   a value that its place in the template does not allow, a lone surrogate, an additional field that is set already
 */
export function encodeHttpRequest(binding: HttpBinding, message: Message): EncodedRequest {
  const violations = new Violations();
  const { template, input } = binding;
  const path = encodePath(binding, message, violations);
  const elsewhere = new Set(template.variables.map(({ fieldPath }) => fieldPath.join('.')));
  const context: EncodeContext = { violations, elsewhere };
  let query = '';
  let body: FieldValue | undefined;
  if (binding.body === 'message') {
    body = encodeMessage(input, message, '', context);
  } else {
    if (binding.body !== 'none') {
      const { name } = binding.body;
      const value = message[name];
      if (value !== undefined) body = encodeField(binding.body, value, name, context);
      elsewhere.add(name);
    }
    query = encodeQuery(input, message, context);
  }
  violations.throwIfAny();
  return { method: requestMethod(binding), path, query, body };
}

function requestMethod(binding: HttpBinding): string {
  if (binding.httpMethod !== '*') return binding.httpMethod;
  return binding.body === 'none' ? 'GET' : 'POST';
}

function encodePath(binding: HttpBinding, message: Message, violations: Violations): string {
  const { template } = binding;
  if (template.path !== undefined) return template.path;
  const parts: string[] = [];
  for (let index = 0; index < template.segments.length; index += 1) {
    const position = template.variables.findIndex(({ start }) => start === index);
    const variable = template.variables[position];
    const fieldPath = binding.variables[position];
    if (variable !== undefined && fieldPath !== undefined) {
      parts.push(...encodeVariable(template, variable, fieldPath, message, violations));
      index = variable.end - 1;
      continue;
    }
    const segment = template.segments[index];
    if (segment !== undefined && 'literal' in segment) parts.push(segment.spelling);
    // `**` may stand for no segment at all, but `*` is one, and nothing says which.
    else if (segment?.wildcard === '*')
      violations.add('', `The path ${template.source} has a segment that no field sets.`);
  }
  const verb = template.verb === undefined ? '' : `:${percentEncode(template.verb)}`;
  return `/${parts.join('/')}${verb}`;
}

function encodeVariable(
  template: PathTemplate,
  variable: TemplateVariable,
  fieldPath: FieldPath,
  message: Message,
  violations: Violations,
): string[] {
  const name = variable.fieldPath.join('.');
  const value = readPath(message, fieldPath);
  const text = value === undefined ? '' : scalarToText(lastField(fieldPath), value);
  const parts = variable.isMultiSegment ? text.split('/') : [text];
  const problem = findProblem(template, variable, text, parts);
  if (problem !== undefined) {
    violations.add(name, problem);
    return [];
  }
  return parts.map(percentEncode);
}

function findProblem(
  template: PathTemplate,
  variable: TemplateVariable,
  text: string,
  parts: readonly string[],
): string | undefined {
  if (text === '') return 'Part of the path, so it must not be empty.';
  if (!text.isWellFormed()) return 'Contains half of a surrogate pair, which no URL can carry.';
  if (!parts.every(isPathValue)) {
    return "Part of the path, so neither it nor a segment of it may be '.', '..' or empty.";
  }
  if (!matches(template, variable, parts)) {
    const wanted = template.segments.slice(variable.start, variable.end);
    const pattern = wanted
      .map((segment) => ('literal' in segment ? segment.literal : segment.wildcard))
      .join('/');
    return `Must have the form ${pattern}.`;
  }
  return undefined;
}

/** Whether the segments of a value are those that the variable's template asks for. */
function matches(template: PathTemplate, variable: TemplateVariable, parts: readonly string[]): boolean {
  const wanted = template.segments.slice(variable.start, variable.end);
  const last = wanted.at(-1);
  const isOpen = last !== undefined && 'wildcard' in last && last.wildcard === '**';
  const fixed = isOpen ? wanted.slice(0, -1) : wanted;
  if (isOpen ? parts.length < fixed.length : parts.length !== fixed.length) return false;
  return fixed.every((segment, index) => 'wildcard' in segment || segment.literal === parts[index]);
}

/** Whether a text may be a path segment: clients and proxies fold `.` and `..` away, so they lead to another path. */
export function isPathValue(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..';
}

function readPath(message: Message, path: FieldPath): FieldValue | undefined {
  let value: FieldValue | undefined = message;
  for (const field of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Message)[field.name];
  }
  return value;
}

function lastField(path: FieldPath): DescField {
  return path.at(-1) ?? path[0];
}
