import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
  getOption,
  hasOption,
} from '@bufbuild/protobuf';
import { protoCamelCase } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { commentOf } from './comments.ts';

/** An rpc of vultr.v2 as its proto declares it, read here without the service's own compiler. */
export interface Declared {
  /** `vultr.v2.InstancesService/HaltInstance` */
  readonly name: string;
  readonly method: DescMethod;
  readonly input: DescMessage;
  /** The HTTP method of its google.api.http rule. */
  readonly httpMethod: string;
  /** The path template of the rule. */
  readonly path: string;
  /** The names in the template's braces, in their order. */
  readonly pathFields: readonly string[];
  /** The rule's body: ``, `*`, or the name of a field. */
  readonly body: string;
  readonly isPublic: boolean;
  /** Whether its option says that it creates something. */
  readonly isCreate: boolean;
  /** Where the id of what it creates stands in Vultr's response: the first path of its option; undefined: nowhere. */
  readonly createdId: string | undefined;
  /** Whether its body is a form. */
  readonly isForm: boolean;
  /** The success code that its comment names; 200 where it names none. */
  readonly successCode: number;
}

interface Rule {
  readonly pattern: {
    readonly case: string;
    readonly value: string | { readonly kind: string; readonly path: string };
  };
  readonly body: string;
  readonly additionalBindings: readonly unknown[];
}

/** Every descriptor of the contract. */
export const registry: FileRegistry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    readFileSync(new URL('../../../src/gen/contract.binpb', import.meta.url)),
  ),
);

/** google.api.FieldBehavior.REQUIRED */
const REQUIRED = 2;

/** Every rpc of vultr.v2 but the raw one, and those that stream, which stand for no operation of their own. */
export const declared: readonly Declared[] = services().flatMap((service) =>
  service.methods
    .filter((method) => method.methodKind === 'unary' && optionOf(method, 'vultr.options.v1.raw') !== true)
    .map((method) => {
      const rule = ruleOf(method);
      const { case: kind, value } = rule.pattern;
      const [httpMethod, path] =
        typeof value === 'string' ? [kind.toUpperCase(), value] : [value.kind, value.path];
      return {
        name: `${service.typeName}/${method.name}`,
        method,
        input: method.input,
        httpMethod,
        path,
        pathFields: [...path.matchAll(/\{(\w+)/g)].map(([, name = '']) => name),
        body: rule.body,
        isPublic: optionOf(method, 'vultr.options.v1.public') === true,
        isCreate: optionOf(method, 'vultr.options.v1.create') !== undefined,
        createdId: (optionOf(method, 'vultr.options.v1.create') as { id: readonly string[] } | undefined)
          ?.id[0],
        isForm: optionOf(method, 'vultr.options.v1.form') === true,
        successCode: Number(/eturns? ([23]\d\d)/.exec(commentOf(method).replace(/\s+/g, ' '))?.[1]),
      };
    }),
);

/** The rpc of a name such as `HaltInstance`. */
export function rpc(name: string): Declared {
  const found = declared.find(({ method }) => method.name === name);
  if (found === undefined) throw new Error(`vultr.v2 has no rpc ${name}.`);
  return found;
}

/** Every message that a request of vultr.v2 is made of, each once, the requests included. */
export function requestMessages(): readonly DescMessage[] {
  const found = new Set<DescMessage>();
  const visit = (message: DescMessage): void => {
    if (found.has(message) || message.typeName.startsWith('google.')) return;
    found.add(message);
    for (const field of message.fields) if (field.message !== undefined) visit(field.message);
  };
  for (const { input } of declared) visit(input);
  return [...found];
}

/** How many google.api.http rules an rpc has, additional ones included. */
export function countRules(method: DescMethod): number {
  return 1 + ruleOf(method).additionalBindings.length;
}

/** Whether a field is marked REQUIRED. */
export function isRequired(field: DescField): boolean {
  const behaviors = optionOf(field, 'google.api.field_behavior') as readonly number[] | undefined;
  return behaviors?.includes(REQUIRED) ?? false;
}

/** The name of a field in Vultr's JSON: a json_name of its own, else the proto name. */
export function vultrName(field: DescField): string {
  return field.jsonName === protoCamelCase(field.name) ? field.name : field.jsonName;
}

function services(): DescService[] {
  return [...registry].filter(
    (type): type is DescService => type.kind === 'service' && type.typeName.startsWith('vultr.v2.'),
  );
}

function ruleOf(method: DescMethod): Rule {
  const rule = optionOf(method, 'google.api.http');
  if (rule === undefined) throw new Error(`${method} has no google.api.http rule.`);
  return rule as Rule;
}

function optionOf(target: DescMethod | DescField, name: string): unknown {
  const extension: DescExtension | undefined = registry.getExtension(name);
  if (extension === undefined) throw new Error(`The contract has no option ${name}.`);
  return hasOption(target, extension) ? getOption(target, extension) : undefined;
}
