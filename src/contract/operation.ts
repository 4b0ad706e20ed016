import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { HttpBinding } from '../transcoding/binding.ts';
import type { CreateRule, Effect } from './effect.ts';
import type { StatesRule } from './states.ts';

/** One rpc of the contract, with everything that its declaration says, compiled at start. */
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
  /** Whether Vultr answers it without a credential. */
  readonly isPublic: boolean;
  /** What it does: stated by an option, or derived from the HTTP method. */
  readonly effect: Effect;
  /** How what it makes is recognised; undefined for every effect but CREATE. */
  readonly create: CreateRule | undefined;
  /** What the states mean that it shows; undefined: it does not say. */
  readonly states: StatesRule | undefined;
  /** The fields that make a CHANGE a DESTROY when they are given. */
  readonly destroysWith: readonly string[];
  /** Whether it passes on any HTTP request, and so stands for every operation that the contract does not know. */
  readonly isRaw: boolean;
  /** Whether Vultr takes its body as a form instead of JSON. */
  readonly isForm: boolean;
  /** The HTTP rules: the first is the rpc's own, the others its additional_bindings. Empty: gRPC only. */
  readonly bindings: readonly HttpBinding[];
}
