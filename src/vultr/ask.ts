import type { Call } from '../rpc/call.ts';
import { stringifyJson } from '../payload/json.ts';
import type { Payload } from '../payload/payload.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import { noteCache } from './cache-metadata.ts';
import type { Send, VultrRequest, VultrResponse } from './request.ts';

/** What a handler asks of Vultr. */
export interface Question {
  readonly method: string;
  /** Encoded; from vultrPath or the contract's own encoder. */
  readonly path: string;
  /** Encoded, without the question mark. Default: none. */
  readonly query?: string;
  /** The JSON body. Default: none. */
  readonly body?: unknown;
  /** Default: by the operation, `read` when it has no side effects, else `change`. */
  readonly kind?: VultrRequest['kind'];
  /** Whether Vultr answers it without a credential. Default: what the operation says. */
  readonly isPublic?: boolean;
}

/** Asks Vultr on behalf of a call; throws what askVultr throws, or more. */
export type Ask = (call: Call, question: Question) => Promise<VultrResponse>;

/**
 * Asks Vultr on behalf of a call: with its credential, within its deadline, repeatable as far as its operation is.
 * @throws CallError whatever Vultr's failure maps to; UNAUTHENTICATED without asking when the question needs a
 * credential and the call has none
 */
export async function askVultr(send: Send, call: Call, question: Question): Promise<VultrResponse> {
  const { operation } = call;
  const isPublic = question.isPublic ?? operation.isPublic;
  if (!isPublic && call.credential === undefined) throw credentialMissing();
  const kind = question.kind ?? (operation.idempotency === 'NO_SIDE_EFFECTS' ? 'read' : 'change');
  const request: VultrRequest = {
    operation: operation.name,
    method: question.method,
    path: question.path,
    query: question.query ?? '',
    body: question.body === undefined ? undefined : Buffer.from(stringifyJson(question.body)),
    credential: isPublic ? undefined : call.credential,
    kind,
    repeatable: kind !== 'change' || operation.idempotency !== 'IDEMPOTENCY_UNKNOWN',
    isPublic,
  };
  const response = await send(request, { signal: call.signal, deadline: call.deadline });
  noteCache(call, response);
  return response;
}

/** Asks Vultr something whose answer is JSON. */
export async function askForPayload(send: Send, call: Call, question: Question): Promise<Payload> {
  return payloadOf((await askVultr(send, call, question)).body);
}

function credentialMissing(): CallError {
  return new CallError(
    'UNAUTHENTICATED',
    'CREDENTIAL_MISSING',
    'The call needs a Vultr API key: as access_token, as "authorization: Bearer ...", or as VULTR_API_KEY of the service.',
  );
}
