import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { PathTemplate } from '../transcoding/path-template.ts';

/** One rpc of the contract, with everything that its declaration says, compiled at start. */
export interface Operation {
  /** The full name: `vultr.cloud.v1.CloudService/ListRegions`. */
  readonly name: string;
  /** The full name of the service: `vultr.cloud.v1.CloudService`. */
  readonly service: string;
  /** The name of the rpc: `ListRegions`. */
  readonly rpc: string;
  readonly descriptor: DescMethod;
  readonly input: DescMessage;
  readonly kind: 'unary' | 'server_streaming' | 'client_streaming' | 'bidi_streaming';
  /** `idempotency_level`: whether it may be repeated without harm. */
  readonly idempotency: 'NO_SIDE_EFFECTS' | 'IDEMPOTENT' | 'IDEMPOTENCY_UNKNOWN';
  /** Whether Vultr answers it without a credential. */
  readonly isPublic: boolean;
  /** The HTTP rules: the first is the rpc's own, the others its additional_bindings. Empty: gRPC only. */
  readonly bindings: readonly HttpBinding[];
}

/** One google.api.http rule, compiled. It decodes an incoming HTTP request and encodes an outgoing one. */
export interface HttpBinding {
  readonly operation: Operation;
  /** GET, PUT, POST, DELETE, PATCH, or the kind of a custom rule; `*` is every method. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** The fields that the template's variables bind, in the template's order; each a way into nested messages. */
  readonly variables: readonly FieldPath[];
  /** What the body holds: nothing, the whole message but for the path's fields, or one field. */
  readonly body: 'none' | 'message' | DescField;
  /** The field of the response that is the HTTP body; undefined: all of it. */
  readonly responseBody: DescField | undefined;
}

/** A way to a field through nested messages: `until.status` is two steps. Never empty. */
export type FieldPath = readonly [DescField, ...DescField[]];
