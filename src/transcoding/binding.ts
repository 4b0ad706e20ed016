import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { PathTemplate } from './path-template.ts';

/** One google.api.http rule of an rpc, compiled. By it an incoming HTTP request is decoded and an outgoing one encoded. */
export interface HttpBinding {
  /** The full name of the rpc, for messages: `package.Service/Method`. */
  readonly rpc: string;
  /** The request message. */
  readonly input: DescMessage;
  /** GET, PUT, POST, DELETE, PATCH, or the kind of a custom rule; `*` is every method. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** The fields that the template's variables bind, in the template's order; each a way into nested messages. */
  readonly variables: readonly FieldPath[];
  /** What the body contains: nothing, the whole message except the path's fields, or one field. */
  readonly body: 'none' | 'message' | DescField;
  /** The field of the response that is the HTTP body; undefined: all of it. */
  readonly responseBody: DescField | undefined;
}

/** A way to a field through nested messages: `until.status` is two steps. Never empty. */
export type FieldPath = readonly [DescField, ...DescField[]];

/**
 * A google.api.http rule that cannot be served: it breaks the grammar, names a field that does not exist, or has the same
 * route as another rule. The message names the rpc, what is wrong with it and what to do.
 */
export class HttpRuleError extends Error {
  override readonly name = 'HttpRuleError';
}
