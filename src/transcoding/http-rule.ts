import {
  type DescExtension,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type Registry,
} from '@bufbuild/protobuf';
import { ContractError } from '../contract/contract-error.ts';
import type { FieldPath, HttpBinding, Operation } from '../contract/operation.ts';
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

/** The token of RFC 9110, which an HTTP method has to be. */
const METHOD_TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Compiles the google.api.http rules of an rpc: its own first, then its additional_bindings.
 *
 * @param operation the operation that the bindings belong to; its own `bindings` are not read
 * @param registry of the descriptor set that the operation comes from; without google/api/annotations.proto in it, there
 *   are no rules
 * @returns no bindings when the rpc has no rule
 * @throws ContractError that names the rpc, when a rule cannot be served (google/api/http.proto says what may be)
 */
export function compileHttpBindings(operation: Operation, registry: Registry): HttpBinding[] {
  const extension = registry.getExtension('google.api.http');
  if (extension === undefined || !hasOption(operation.descriptor, extension)) return [];
  const rule = readRule(operation, extension);
  if (operation.kind === 'client_streaming' || operation.kind === 'bidi_streaming') {
    fail(
      operation,
      'takes a stream of requests, which cannot be sent over HTTP. Remove its google.api.http rule.',
    );
  }
  for (const additional of rule.additionalBindings) {
    if (additional.additionalBindings.length > 0) {
      fail(operation, 'has additional_bindings inside additional_bindings; only one level is allowed.');
    }
  }
  return [rule, ...rule.additionalBindings].map((one) => compileRule(operation, one));
}

function readRule(operation: Operation, extension: DescExtension): HttpRule {
  // The value's type is known from the extension's name alone: reflection cannot tell it to the compiler.
  return getOption(operation.descriptor, extension) as unknown as HttpRule;
}

function compileRule(operation: Operation, rule: HttpRule): HttpBinding {
  const { httpMethod, path } = pattern(operation, rule);
  const template = parseTemplate(operation, path);
  const variables = template.variables.map(({ fieldPath }) => bindVariable(operation, fieldPath));
  checkDistinct(operation, template);
  return {
    operation,
    httpMethod,
    template,
    variables,
    body: bindBody(operation, rule.body, httpMethod, template),
    responseBody: bindResponseBody(operation, rule.responseBody),
  };
}

function pattern(operation: Operation, rule: HttpRule): { httpMethod: string; path: string } {
  switch (rule.pattern.case) {
    case undefined:
      return fail(operation, 'has a google.api.http rule without a pattern: name a method and a path.');
    case 'custom': {
      const { kind, path } = rule.pattern.value;
      if (!METHOD_TOKEN.test(kind)) {
        fail(
          operation,
          `has a custom rule of kind ${JSON.stringify(kind)}, which is no HTTP method and not "*".`,
        );
      }
      return { httpMethod: kind, path };
    }
    default:
      return { httpMethod: rule.pattern.case.toUpperCase(), path: rule.pattern.value };
  }
}

function parseTemplate(operation: Operation, path: string): PathTemplate {
  try {
    return parsePathTemplate(path);
  } catch (error) {
    if (error instanceof PathTemplateError) return fail(operation, `${error.message}.`, error);
    throw error;
  }
}

function bindVariable(operation: Operation, names: readonly string[]): FieldPath {
  const path = names.join('.');
  const fields: DescField[] = [];
  let message: DescMessage | undefined = operation.input;
  for (const name of names) {
    if (message === undefined) {
      return fail(
        operation,
        `binds {${path}}, but ${fields.at(-1)?.name} is no message that could hold ${name}.`,
      );
    }
    const field = findField(message, name);
    if (field === undefined)
      return fail(operation, `binds {${path}}, but ${message.typeName} has no field ${name}.`);
    if (field.fieldKind === 'list' || field.fieldKind === 'map') {
      return fail(
        operation,
        `binds {${path}}, but ${name} is a ${field.fieldKind === 'list' ? 'repeated field' : 'map'}; a path holds one value.`,
      );
    }
    fields.push(field);
    message = field.message;
  }
  if (message !== undefined) {
    fail(
      operation,
      `binds {${path}}, which is a message (${message.typeName}); a path holds a scalar or an enum.`,
    );
  }
  const [first, ...rest] = fields;
  if (first === undefined) return fail(operation, 'has a variable without a field.');
  return [first, ...rest];
}

function checkDistinct(operation: Operation, template: PathTemplate): void {
  const seen = new Set<string>();
  for (const { fieldPath } of template.variables) {
    const name = fieldPath.join('.');
    if (seen.has(name)) fail(operation, `binds {${name}} twice in ${template.source}.`);
    seen.add(name);
  }
}

function bindBody(
  operation: Operation,
  body: string,
  httpMethod: string,
  template: PathTemplate,
): HttpBinding['body'] {
  if (body === '') return 'none';
  if (httpMethod === 'GET' || httpMethod === 'HEAD') {
    fail(
      operation,
      `has a body ${JSON.stringify(body)} for ${httpMethod}, which carries none. Remove it or use POST.`,
    );
  }
  if (body === '*') return 'message';
  const field = findField(operation.input, body);
  if (field === undefined) {
    return fail(
      operation,
      `has body ${JSON.stringify(body)}, which is no field of ${operation.input.typeName} and not "*".`,
    );
  }
  if (template.variables.some(({ fieldPath }) => fieldPath.length === 1 && fieldPath[0] === body)) {
    fail(operation, `has body ${JSON.stringify(body)}, which its path binds already.`);
  }
  return field;
}

function bindResponseBody(operation: Operation, responseBody: string): DescField | undefined {
  if (responseBody === '') return undefined;
  const { output } = operation.descriptor;
  const field = findField(output, responseBody);
  if (field !== undefined) return field;
  return fail(
    operation,
    `has response_body ${JSON.stringify(responseBody)}, which is no field of ${output.typeName}.`,
  );
}

/** Rules name fields as the proto does; JSON names are for callers only. */
function findField(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name);
}

function fail(operation: Operation, problem: string, cause?: unknown): never {
  throw new ContractError(`${operation.name} ${problem}`, { cause });
}
