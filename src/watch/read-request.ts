import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import { isForwarded } from '../contract/vultr-path.ts';
import { CallError } from '../status/call-error.ts';
import { decodeMessage } from '../transcoding/decode-binary.ts';
import { decodeJsonMessage } from '../transcoding/decode-json.ts';
import { createMessage, type FieldValue, type Message } from '../transcoding/message.ts';
import { suggest } from '../transcoding/suggest.ts';
import { Violations } from '../transcoding/violations.ts';
import { encodeRequest } from '../vultr/encode.ts';
import type { UpstreamRequest } from '../vultr/vultr.ts';
import { isWatchable } from './observe-changes.ts';

/** A read that a message of WatchService names, ready to be sent. */
export interface NamedRead {
  readonly operation: Operation;
  readonly request: UpstreamRequest;
}

/**
 * Reads the fields `operation`, `typed` and `values` of a request of WatchService.
 * @throws CallError INVALID_ARGUMENT when the operation is unknown or does not read, or its request is malformed
 */
export function readNamed(message: Message, operations: ReadonlyMap<string, Operation>): NamedRead {
  const name = String(message['operation'] ?? '');
  const operation = operations.get(name);
  const canBeRead = (one: Operation): boolean => isWatchable(one) && isForwarded(one);
  if (operation === undefined || !canBeRead(operation)) {
    const known = [...operations.values()].filter(canBeRead).map((one) => one.name);
    const meant = suggest(name, known);
    const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
    const description = `Must be the full name of an operation of vultr.v2 that reads.${hint}`;
    throw CallError.invalid([{ field: 'operation', description }]);
  }
  const fields = readFields(operation, message['typed'], message['values']);
  const violations = validate(operation.input, fields);
  if (violations.length > 0) throw CallError.invalid(violations);
  return { operation, request: encodeRequest(operation, fields) };
}

function readFields(
  { input }: Operation,
  typed: FieldValue | undefined,
  values: FieldValue | undefined,
): Message {
  if (values !== undefined) {
    const violations = new Violations();
    const fields = decodeJsonMessage(input, values, 'values', violations);
    violations.throwIfAny();
    return fields;
  }
  if (typeof typed !== 'object' || typed === null || !('type_url' in typed)) return createMessage();
  const type = String(typed['type_url']).split('/').at(-1);
  if (type !== input.typeName) {
    const description = `Must be a ${input.typeName}, which is the request of the operation.`;
    throw CallError.invalid([{ field: 'typed', description }]);
  }
  const { value } = typed;
  return decodeMessage(input, value instanceof Uint8Array ? value : new Uint8Array());
}
