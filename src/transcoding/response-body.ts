import type { DescField } from '@bufbuild/protobuf';
import { type JsonObject, parseJson, stringifyJson } from '../payload/json.ts';

/**
 * The part of a response that is the HTTP body where a rule has a response_body.
 * @param json the whole response message as proto3 JSON
 * @returns `null` as JSON when the response does not have the field
 */
export function pickResponseBody(json: Uint8Array, field: DescField): Uint8Array {
  const response = parseJson(Buffer.from(json).toString('utf8')) as JsonObject;
  return Buffer.from(stringifyJson(response[field.jsonName] ?? null));
}
