import { createdId } from '../contract/created-id.ts';
import type { CreateRule } from '../contract/effect.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import type { VultrResponse } from '../vultr/request.ts';

/**
 * Whether a response proves that the creation made something: it is a success, and names the new thing where its operation
 * says that it stands. Where the operation says nothing of the kind, or is not in the contract, any success of the API counts;
 * HTML comes from what stands before the API.
 */
export function provesCreation(rule: CreateRule | undefined, response: VultrResponse): boolean {
  const { status, contentType } = response;
  if (status < 200 || status > 299 || /\bhtml\b/i.test(contentType)) return false;
  if (rule === undefined || rule.idPaths.length === 0) return true;
  let value: unknown;
  try {
    ({ value } = payloadOf(response.body));
  } catch {
    // Not JSON, so it names nothing.
    return false;
  }
  return createdId(rule, value) !== undefined;
}

/** The error for a success that does not prove what it claims. Callers of the drop-in API get Vultr's response as it came. */
export function unproven({ status, contentType, body }: VultrResponse): CallError {
  const error = `Vultr answered ${status} without naming what it has created.`;
  return new CallError('INTERNAL', 'BAD_UPSTREAM_RESPONSE', error, {
    vultr: { status, error, response: { status, contentType, body } },
    metadata: { http_status: String(status) },
  });
}
