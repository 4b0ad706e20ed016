import { stringifyJson } from '../payload/json.ts';
import { type EncodedRequest, encodeHttpRequest } from '../transcoding/encode-http.ts';
import type { Message } from '../transcoding/message.ts';
import type { UpstreamOperation, UpstreamRequest } from './vultr.ts';

/**
 * Writes a request message of an operation as the HTTP request that Vultr takes: by the operation's own HTTP rule, whose
 * path is Vultr's path.
 * @throws CallError INVALID_ARGUMENT with every field that cannot be sent
 */
export function encodeRequest(
  { name, bindings, isForm }: UpstreamOperation,
  message: Message,
): UpstreamRequest {
  const [binding] = bindings;
  if (binding === undefined) throw new Error(`${name} has no HTTP rule to ask Vultr by`);
  const { body, ...request } = encodeHttpRequest(binding, message);
  if (body === undefined) return { ...request, body };
  if (!isForm || body === null) return { ...request, body: Buffer.from(stringifyJson(body)) };
  return { ...request, contentType: 'application/x-www-form-urlencoded', body: encodeForm(body) };
}

/** The members of an object as a form; a value that is not a scalar is written as JSON. */
function encodeForm(body: NonNullable<EncodedRequest['body']>): Uint8Array {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) {
    parameters.append(name, typeof value === 'object' ? stringifyJson(value) : String(value));
  }
  return Buffer.from(parameters.toString());
}
