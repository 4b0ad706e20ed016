import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { HttpBinding } from '../transcoding/binding.ts';

/**
 * What an operation does. READ reads; SECRET reads credentials; CREATE buys or makes something new, so that doing it twice
 * makes two; CHANGE changes what exists; DESTROY deletes, wipes or reinstalls it.
 */
export type Effect = 'READ' | 'SECRET' | 'CREATE' | 'CHANGE' | 'DESTROY';

/** How the thing that an operation makes is recognised. */
export interface CreateRule {
  /** Where its id may be in the response, as paths of JSON members; empty: the response does not name it. */
  readonly idPaths: readonly (readonly string[])[];
  /** The request fields that can carry a correlation tag, the best one first; empty: none can. */
  readonly tagFields: readonly TagField[];
  /** The operation that lists such things; undefined when nothing carries a tag. */
  readonly list: Operation | undefined;
  /** The operation that reads such a thing by its id; undefined: the path of the creation, followed by the id, names it. */
  readonly read: Operation | undefined;
}

/** A request field that can carry a correlation tag. */
export interface TagField {
  readonly name: string;
  /** Whether it is a list, which carries the tag in addition to the caller's own elements. */
  readonly isList: boolean;
  /** The parameter of the list that filters by it; undefined: there is none. */
  readonly filter: string | undefined;
}

/** The named conditions of what an operation reads, as CEL expressions over the response. */
export interface StatesRule {
  /** By name; only those that Vultr shows. */
  readonly conditions: Readonly<Partial<Record<StateName, string>>>;
  /** Members whose difference alone is not a change, as paths. */
  readonly volatile: readonly (readonly string[])[];
}

/** The names of conditions. */
export const STATE_NAMES = ['ready', 'stopped', 'failed', 'gone'] as const;

/** The name of a condition, such as `ready`. */
export type StateName = (typeof STATE_NAMES)[number];

/** One rpc of the contract, with everything that its declaration states, compiled at start. */
export interface Operation {
  /** The full name: `package.Service/Method`. */
  readonly name: string;
  /** The full name of the service: `package.Service`. */
  readonly service: string;
  /** The name of the rpc: `Method`. */
  readonly rpc: string;
  readonly descriptor: DescMethod;
  readonly input: DescMessage;
  readonly kind: 'unary' | 'server_streaming' | 'client_streaming' | 'bidi_streaming';
  /** `idempotency_level`: whether it may be repeated without harm. */
  readonly idempotency: 'NO_SIDE_EFFECTS' | 'IDEMPOTENT' | 'IDEMPOTENCY_UNKNOWN';
  /** Whether Vultr serves it without a credential. */
  readonly isPublic: boolean;
  /** What it does: stated by an option, or derived from the HTTP method. */
  readonly effect: Effect;
  /** How what it makes is recognised; undefined for every effect but CREATE. */
  readonly create: CreateRule | undefined;
  /** What the states mean that it shows; undefined: it does not say. */
  readonly states: StatesRule | undefined;
  /** The fields that make a CHANGE a DESTROY when they are given. */
  readonly destroysWith: readonly string[];
  /** Whether it passes on any HTTP request, and so represents every operation that the contract does not know. */
  readonly isRaw: boolean;
  /** Whether Vultr takes its body as a form instead of JSON. */
  readonly isForm: boolean;
  /** The HTTP rules: the first is the rpc's own, the others its additional_bindings. Empty: gRPC only. */
  readonly bindings: readonly HttpBinding[];
}
