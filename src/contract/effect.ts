import { type DescMethod, ScalarType } from '@bufbuild/protobuf';
import { ContractError } from './contract-error.ts';
import type { CreateRule, Effect, Operation, TagField } from './operation.ts';

export type { CreateRule, Effect, TagField } from './operation.ts';

/** The option vultr.options.v1.create, as reflection returns it. */
export interface CreateOption {
  readonly id: readonly string[];
  readonly tagFields: readonly { readonly name: string; readonly filter: string }[];
  readonly list: string;
  readonly untagged: string;
  readonly read: string;
}

/** The values of the enum vultr.options.v1.Effect, by number. */
const EFFECTS: readonly (Effect | undefined)[] = [undefined, 'READ', 'SECRET', 'CREATE', 'CHANGE', 'DESTROY'];

/** Whether a request field is google.api.FieldBehavior.REQUIRED. */
type IsRequired = (fieldName: string) => boolean;

/**
 * The effect of an HTTP method where it leaves no doubt: GET and HEAD read, DELETE destroys.
 * @returns undefined for every other method
 */
function effectOfMethod(httpMethod: string): Effect | undefined {
  if (httpMethod === 'GET' || httpMethod === 'HEAD') return 'READ';
  return httpMethod === 'DELETE' ? 'DESTROY' : undefined;
}

/**
 * The effect of a request that the contract does not know, judged by its method as strictly as possible: what only reads may
 * read credentials, and what does more may buy.
 */
export function effectOfUnknown(httpMethod: string): Effect {
  if (httpMethod === 'GET' || httpMethod === 'HEAD' || httpMethod === 'OPTIONS') return 'SECRET';
  return httpMethod === 'DELETE' ? 'DESTROY' : 'CREATE';
}

/**
 * The effect of an rpc. One without an HTTP rule is the service's own (health, reflection) and reads; the one that passes on
 * any request counts as a CREATE until its request is known.
 * @param stated the option vultr.options.v1.effect; 0: not stated
 * @param httpMethod of its HTTP rule; undefined: it has none
 * @throws ContractError when the effect is not stated and does not follow, or contradicts idempotency_level
 */
export function resolveEffect(
  rpc: string,
  stated: number,
  httpMethod: string | undefined,
  idempotency: Operation['idempotency'],
  isRaw: boolean,
): Effect {
  const derived = httpMethod === undefined ? (isRaw ? 'CREATE' : 'READ') : effectOfMethod(httpMethod);
  const effect = EFFECTS[stated] ?? derived;
  if (effect === undefined) {
    throw new ContractError(
      `${rpc} has the method ${httpMethod} but does not state its effect. Add option (vultr.options.v1.effect).`,
    );
  }
  const reads = effect === 'READ' || effect === 'SECRET';
  if (!reads && idempotency === 'NO_SIDE_EFFECTS') {
    throw new ContractError(
      `${rpc} states the effect ${effect} but idempotency_level NO_SIDE_EFFECTS. Correct one of them.`,
    );
  }
  if (effect === 'CREATE' && idempotency === 'IDEMPOTENT') {
    throw new ContractError(
      `${rpc} states the effect CREATE but idempotency_level IDEMPOTENT. What can be repeated without harm creates nothing new.`,
    );
  }
  return effect;
}

/**
 * Compiles the option vultr.options.v1.create.
 * @param find looks an operation up by its full name
 * @throws ContractError when a CREATE has none, another effect has one, or it names what does not exist
 */
export function compileCreateRule(
  operation: Omit<Operation, 'create'>,
  option: CreateOption | undefined,
  isRequired: IsRequired,
  find: (name: string) => Operation | undefined,
): CreateRule | undefined {
  const { name, effect, isRaw } = operation;
  if (effect !== 'CREATE' || isRaw) {
    if (option !== undefined)
      throw new ContractError(
        `${name} has option (vultr.options.v1.create) but does not create anything. Remove it.`,
      );
    return undefined;
  }
  if (option === undefined) {
    throw new ContractError(
      `${name} creates something but does not say how that is recognised. Add option (vultr.options.v1.create).`,
    );
  }
  const idPaths = option.id.map((path) => path.split('.'));
  const read = findRead(operation, option, find);
  if (option.tagFields.length === 0) {
    if (option.untagged === '') {
      throw new ContractError(
        `${name} names no tag_fields for what it creates. Name them, or say in untagged why there are none.`,
      );
    }
    return { idPaths, tagFields: [], list: undefined, read };
  }
  const list = findList(operation, option, find);
  const tagFields = option.tagFields.map((field) => compileTagField(operation, field, list, isRequired));
  return { idPaths, tagFields, list, read };
}

function findList(
  { name, service, descriptor }: Omit<Operation, 'create'>,
  option: CreateOption,
  find: (name: string) => Operation | undefined,
): Operation {
  if (option.list === '') {
    throw new ContractError(`${name} names tag_fields but no list in which to find the thing again.`);
  }
  const list = find(fullName(service, option.list));
  const [binding] = list?.bindings ?? [];
  if (list === undefined || binding?.httpMethod !== 'GET') {
    throw new ContractError(`${name} names the list ${option.list}, which is not an rpc with a GET.`);
  }
  for (const { fieldPath } of binding.template.variables) {
    const variable = fieldPath.join('.');
    if (!hasField(descriptor, variable)) {
      throw new ContractError(`${name} names the list ${option.list}, whose path needs ${variable}.`);
    }
  }
  return list;
}

function findRead(
  { name, service }: Omit<Operation, 'create'>,
  option: CreateOption,
  find: (name: string) => Operation | undefined,
): Operation | undefined {
  if (option.read === '') return undefined;
  const read = find(fullName(service, option.read));
  const [binding] = read?.bindings ?? [];
  if (read === undefined || binding?.httpMethod !== 'GET')
    throw new ContractError(`${name} names the read ${option.read}, which is not an rpc with a GET.`);
  if (read.states?.conditions.ready === undefined)
    throw new ContractError(`${name} names the read ${option.read}, which does not state when it is ready.`);
  const [variable, ...others] = binding.template.variables;
  if (variable === undefined || others.length > 0)
    throw new ContractError(
      `${name} names the read ${option.read}, whose path must have one variable, for the id.`,
    );
  return read;
}

/** The full name of an rpc that an option names. */
function fullName(service: string, rpc: string): string {
  return rpc.includes('/') ? rpc : `${service}/${rpc}`;
}

function compileTagField(
  { name, input }: Omit<Operation, 'create'>,
  { name: fieldName, filter }: CreateOption['tagFields'][number],
  list: Operation,
  isRequired: IsRequired,
): TagField {
  const field = input.fields.find((each) => each.name === fieldName);
  if (field === undefined) {
    throw new ContractError(`${name} names the tag field ${fieldName}, which its request does not have.`);
  }
  if (isRequired(fieldName)) {
    throw new ContractError(`${name} names the tag field ${fieldName}, which every caller must set.`);
  }
  if (field.scalar !== ScalarType.STRING || field.fieldKind === 'map') {
    throw new ContractError(
      `${name} names the tag field ${fieldName}, which is neither a string nor a list of strings.`,
    );
  }
  if (filter !== '' && !hasField(list.descriptor, filter)) {
    throw new ContractError(`${name} names the filter ${filter}, which ${list.name} does not have.`);
  }
  return {
    name: fieldName,
    isList: field.fieldKind === 'list',
    filter: filter === '' ? undefined : filter,
  };
}

/**
 * Checks the option vultr.options.v1.destroys_with.
 * @throws ContractError when the rpc is not a CHANGE, or does not have the field
 */
export function checkDestroysWith({ name, effect, descriptor, destroysWith }: Operation): void {
  if (destroysWith.length > 0 && effect !== 'CHANGE') {
    throw new ContractError(
      `${name} has option (vultr.options.v1.destroys_with) but is not a CHANGE. Remove it.`,
    );
  }
  for (const field of destroysWith) {
    if (!hasField(descriptor, field))
      throw new ContractError(`${name} destroys with ${field}, which its request does not have.`);
  }
}

function hasField({ input }: DescMethod, name: string): boolean {
  return input.fields.some((field) => field.name === name);
}
