import type { DescField, DescMessage, DescMethod, Registry } from '@bufbuild/protobuf';
import { type FieldPath, type HttpBinding, HttpRuleError } from './binding.ts';
import { optionOf } from './option.ts';
import { type PathTemplate, PathTemplateError, parsePathTemplate } from './path-template.ts';

/** The option google.api.http, as reflection hands it out. */
interface HttpRule {
  readonly pattern:
    | { readonly case: 'get' | 'put' | 'post' | 'delete' | 'patch'; readonly value: string }
    | { readonly case: 'custom'; readonly value: { readonly kind: string; readonly path: string } }
    | { readonly case: undefined };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly HttpRule[];
}

/** A token of RFC 9110, which is what an HTTP method is. */
const METHOD_TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Compiles the google.api.http rules of an rpc: its own first, then its additional_bindings.
 *
 * @param method the rpc
 * @param registry of the descriptor set that the rpc comes from; without google/api/annotations.proto in it, there
 *   are no rules
 * @returns no bindings when the rpc has no rule
 * @throws HttpRuleError that names the rpc, when a rule cannot be served (google/api/http.proto says what may be)
 */
export function compileHttpBindings(method: DescMethod, registry: Registry): HttpBinding[] {
  // The value's type is known from the extension's name alone: reflection cannot tell it to the compiler.
  const rule = optionOf(method, 'google.api.http', registry) as HttpRule | undefined;
  if (rule === undefined) return [];
  if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') {
    fail(
      method,
      'takes a stream of requests, which cannot be sent over HTTP. Remove its google.api.http rule.',
    );
  }
  for (const additional of rule.additionalBindings) {
    if (additional.additionalBindings.length > 0) {
      fail(method, 'has additional_bindings inside additional_bindings; only one level is allowed.');
    }
  }
  return [rule, ...rule.additionalBindings].map((one) => compileRule(method, one));
}

function compileRule(method: DescMethod, rule: HttpRule): HttpBinding {
  const { httpMethod, path } = pattern(method, rule);
  const template = parseTemplate(method, path);
  const variables = template.variables.map(({ fieldPath }) => bindVariable(method, fieldPath));
  checkDistinct(method, template);
  return {
    rpc: rpcName(method),
    input: method.input,
    httpMethod,
    template,
    variables,
    body: bindBody(method, rule, template),
    responseBody: bindResponseBody(method, rule.responseBody),
  };
}

function pattern(method: DescMethod, rule: HttpRule): { httpMethod: string; path: string } {
  switch (rule.pattern.case) {
    case undefined:
      return fail(method, 'has a google.api.http rule without a pattern. State a method and a path.');
    case 'custom': {
      const { kind, path } = rule.pattern.value;
      if (!METHOD_TOKEN.test(kind)) {
        fail(
          method,
          `has a custom rule of kind ${JSON.stringify(kind)}, which is neither an HTTP method nor "*".`,
        );
      }
      return { httpMethod: kind, path };
    }
    default:
      return { httpMethod: rule.pattern.case.toUpperCase(), path: rule.pattern.value };
  }
}

function parseTemplate(method: DescMethod, path: string): PathTemplate {
  try {
    return parsePathTemplate(path);
  } catch (error) {
    if (error instanceof PathTemplateError) return fail(method, `${error.message}.`, error);
    throw error;
  }
}

function bindVariable(method: DescMethod, names: readonly string[]): FieldPath {
  const path = names.join('.');
  const fields: DescField[] = [];
  let message: DescMessage | undefined = method.input;
  for (const name of names) {
    if (message === undefined) {
      return fail(
        method,
        `binds {${path}}, but ${fields.at(-1)?.name} is not a message, so it has no field ${name}.`,
      );
    }
    const field = findField(message, name);
    if (field === undefined)
      return fail(method, `binds {${path}}, but ${message.typeName} has no field ${name}.`);
    if (field.fieldKind === 'list' || field.fieldKind === 'map') {
      return fail(
        method,
        `binds {${path}}, but ${name} is a ${field.fieldKind === 'list' ? 'repeated field' : 'map'}; a path variable holds one value.`,
      );
    }
    fields.push(field);
    message = field.message;
  }
  if (message !== undefined) {
    fail(
      method,
      `binds {${path}}, which is a message (${message.typeName}); a path variable holds a scalar or an enum.`,
    );
  }
  const [first, ...rest] = fields;
  if (first === undefined) return fail(method, 'has a variable without a field.');
  return [first, ...rest];
}

function checkDistinct(method: DescMethod, template: PathTemplate): void {
  const seen = new Set<string>();
  for (const { fieldPath } of template.variables) {
    const name = fieldPath.join('.');
    if (seen.has(name)) fail(method, `binds {${name}} twice in ${template.source}.`);
    seen.add(name);
  }
}

function bindBody(method: DescMethod, rule: HttpRule, template: PathTemplate): HttpBinding['body'] {
  const { body } = rule;
  if (body === '') return 'none';
  // A custom rule may give a GET a body: whoever writes one does so on purpose.
  if (rule.pattern.case === 'get') {
    fail(
      method,
      `has a body ${JSON.stringify(body)} for GET, which has none. Remove it, or use POST or a custom rule.`,
    );
  }
  if (body === '*') return 'message';
  const field = findField(method.input, body);
  if (field === undefined) {
    return fail(
      method,
      `has body ${JSON.stringify(body)}, which is neither a field of ${method.input.typeName} nor "*".`,
    );
  }
  if (template.variables.some(({ fieldPath }) => fieldPath.length === 1 && fieldPath[0] === body)) {
    fail(method, `has body ${JSON.stringify(body)}, which its path already binds.`);
  }
  return field;
}

function bindResponseBody(method: DescMethod, responseBody: string): DescField | undefined {
  if (responseBody === '') return undefined;
  const { output } = method;
  const field = findField(output, responseBody);
  if (field !== undefined) return field;
  return fail(
    method,
    `has response_body ${JSON.stringify(responseBody)}, which is not a field of ${output.typeName}.`,
  );
}

/** Rules name fields as the proto does; JSON names are only for callers. */
function findField(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name);
}

function fail(method: DescMethod, problem: string, cause?: unknown): never {
  throw new HttpRuleError(`${rpcName(method)} ${problem}`, { cause });
}

function rpcName({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}
