import type { DescField } from '@bufbuild/protobuf';
import { createMessage } from '../transcoding/message.ts';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';

/** How the resources that an operation creates can carry a mark, and be found by it. */
export interface Marking {
  /** The fields that may carry it, the best first: `tags` takes it beside the caller's; the others only when unset. */
  readonly fields: readonly MarkField[];
  /** The operation that lists them, at the same path. */
  readonly list: Operation;
  /** Whether Vultr answers the creation with the resource itself, not with an object that holds it. */
  readonly isBare: boolean;
}

/** A field that can carry a mark. */
export interface MarkField {
  readonly name: 'tags' | 'label' | 'description';
  /** The parameter of the list that filters by it; undefined: there is none. */
  readonly filter: string | undefined;
}

/**
 * What can carry a mark. Not `name`: a name is what a resource is used by (a host of a zone, a user, a bucket), so giving it
 * one would make another resource than the caller wants.
 */
const FIELDS = { tags: 'tag', label: 'label', description: 'description' } as const;

/** The creations that Vultr answers with the resource itself. */
const BARE = new Set(['CreateBlockSnapshot', 'CreateVfs']);

/** Vultr seems to want their description from the caller: a mark would turn its refusal into a creation. */
const UNMARKED = new Set(['CreateOrganizationGroup', 'CreateOrganizationPolicy', 'CreateOrganizationRole']);

/** The rpcs that create something, among those that are POST and not idempotent. The others are actions. */
const CREATES = /^(?:Create|Add|Convert|PostFirewalls)|^Database(?:Fork|Add|Restore)/;

/** Whether an operation creates something, so that doing it twice makes two. */
export function isCreation({ rpc, bindings, idempotency }: Operation): boolean {
  return idempotency === 'IDEMPOTENCY_UNKNOWN' && bindings[0]?.httpMethod === 'POST' && CREATES.test(rpc);
}

/** How each creation of vultr.v2 can be marked, by the operation's name; those that cannot are not in it. */
export function readMarkings(operations: readonly Operation[]): ReadonlyMap<string, Marking> {
  const lists = new Map<string, Operation>();
  for (const operation of operations) {
    const [binding] = operation.bindings;
    if (binding?.httpMethod === 'GET') lists.set(shapeOf(operation), operation);
  }
  const markings = new Map<string, Marking>();
  for (const operation of operations) {
    const list = isCreation(operation) ? lists.get(shapeOf(operation)) : undefined;
    if (list === undefined || UNMARKED.has(operation.rpc)) continue;
    const required = new Set(validate(operation.input, createMessage()).map(({ field }) => field));
    const fields = operation.input.fields
      .filter(({ name }) => !required.has(name))
      .flatMap((field) => toMarkField(field, list));
    if (fields.length > 0)
      markings.set(operation.name, {
        fields: fields.sort(byPreference),
        list,
        isBare: BARE.has(operation.rpc),
      });
  }
  return markings;
}

function toMarkField(field: DescField, list: Operation): MarkField[] {
  const name = (Object.keys(FIELDS) as MarkField['name'][]).find((each) => each === field.name);
  if (name === undefined || (name === 'tags') !== (field.fieldKind === 'list')) return [];
  const filter = list.input.fields.find((each) => each.name === FIELDS[name])?.name;
  return [{ name, filter }];
}

function byPreference(one: MarkField, other: MarkField): number {
  const order = Object.keys(FIELDS);
  return order.indexOf(one.name) - order.indexOf(other.name);
}

/** The path of an operation, whatever its variables are called. */
function shapeOf({ bindings: [binding] }: Operation): string {
  return JSON.stringify(
    binding?.template.segments.map((segment) => ('literal' in segment ? segment.literal : null)),
  );
}
