import { parseRetryAfter } from '../base/retry-after.ts';
import { holdsSecret } from '../base/secret.ts';
import { toLine } from '../base/text.ts';
import { CallError, type CallErrorOptions } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';
import type { Reason } from '../status/reasons.ts';
import { findHiddenError, readErrorText } from './error-text.ts';
import { outcomeUnknown } from './outcome.ts';
import type { Stage, VultrRequest, VultrResponse } from './request.ts';
import { TEXT_RULES } from './text-rules.ts';

/** When to ask again after 429: Vultr counts requests per second and says nothing about how long to wait. */
const RATE_LIMIT_RETRY_MS = 1_000;

/** When to ask again after Vultr did not respond, or said that it cannot for now. */
export const UNAVAILABLE_RETRY_MS = 1_000;

/** The most characters of Vultr's text that a message holds. */
const MAX_MESSAGE_TEXT_LENGTH = 500;

interface Verdict {
  readonly code: Code;
  readonly reason: Reason;
  readonly retryDelayMs?: number;
}

const UNAVAILABLE: Verdict = {
  code: 'UNAVAILABLE',
  reason: 'VULTR_UNAVAILABLE',
  retryDelayMs: UNAVAILABLE_RETRY_MS,
};
const REFUSED: Verdict = { code: 'INVALID_ARGUMENT', reason: 'VULTR_REFUSED' };
const UNKNOWN_OPERATION: Verdict = { code: 'UNIMPLEMENTED', reason: 'VULTR_METHOD_NOT_ALLOWED' };

/** What a status means when no rule for its text applies. */
const STATUS_RULES: ReadonlyMap<number, Verdict> = new Map([
  [400, REFUSED],
  [401, { code: 'UNAUTHENTICATED', reason: 'INVALID_API_KEY' }],
  [403, { code: 'PERMISSION_DENIED', reason: 'ACCESS_DENIED' }],
  [404, { code: 'NOT_FOUND', reason: 'VULTR_NOT_FOUND' }],
  [405, UNKNOWN_OPERATION],
  [409, { code: 'ABORTED', reason: 'VULTR_CONFLICT' }],
  [412, { code: 'FAILED_PRECONDITION', reason: 'VULTR_CONFLICT' }],
  [422, REFUSED],
  [429, { code: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMITED', retryDelayMs: RATE_LIMIT_RETRY_MS }],
  [501, UNKNOWN_OPERATION],
  [502, UNAVAILABLE],
  [503, UNAVAILABLE],
  [504, UNAVAILABLE],
]);

/** The other statuses, as google/rpc/code.proto sorts them for HTTP. */
const OTHER_CLIENT_ERROR: Verdict = { code: 'FAILED_PRECONDITION', reason: 'VULTR_REFUSED' };
const OTHER_SERVER_ERROR: Verdict = { code: 'INTERNAL', reason: 'VULTR_FAILED' };

/** Turns a failure into a CallError: every status from 400 on, and an error object that came with a success. */
export const refuseFailures: Stage = (next) => async (request, context) => {
  const response = await next(request, context);
  if (response.status >= 400) throw toCallError(request, response);
  const hidden = response.status < 300 ? findHiddenError(response) : undefined;
  if (hidden !== undefined) throw fail(request, response, hidden.status, hidden.text);
  return response;
};

/**
 * The error that a failed response means. Vultr's text decides before the status does; where there is none, the status
 * alone counts.
 * @param response one with a status from 400 on
 */
export function toCallError(request: VultrRequest, response: VultrResponse): CallError {
  if (response.status > 599) {
    return badResponse(request, `has the status ${response.status}, which HTTP does not have`);
  }
  return fail(request, response, response.status, readErrorText(response));
}

function fail(
  request: VultrRequest,
  response: VultrResponse,
  status: number,
  text: string | undefined,
): CallError {
  const { credential, creates = false } = request;
  const error = text === undefined ? undefined : withoutKey(text, credential);
  const { code, reason, retryDelayMs } = judge(creates, status, error);
  const said =
    response.status === status
      ? `Vultr answered ${status}`
      : `Vultr answered ${response.status} with an error`;
  const message =
    error === undefined
      ? `${said} without a readable reason.`
      : `${said}: ${toLine(error, MAX_MESSAGE_TEXT_LENGTH)}`;
  const retryAfterMs = parseRetryAfter(response.retryAfter, Date.now());
  const waitMs = retryAfterMs ?? retryDelayMs;
  const { contentType, body, retryAfter } = response;
  return new CallError(code, reason, message, {
    vultr: {
      status,
      error: error ?? message,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(!holdsSecret(body, credential) && {
        response: {
          status: response.status,
          contentType,
          ...(retryAfter !== undefined && { retryAfter }),
          body,
        },
      }),
    },
    metadata: { http_status: String(status) },
    // A 429 comes from the edge only when it is the status; inside a success it comes from something behind the edge.
    reached: isRefusal(status) && !(status === 429 && response.status !== 429) ? 'no' : 'maybe',
    ...(waitMs === undefined ? {} : { retryDelayMs: waitMs }),
  });
}

/** Whether the status says that the request was refused; a 5xx and a 408 may come after it was carried out. */
function isRefusal(status: number): boolean {
  return status < 500 && status !== 408;
}

/**
 * INTERNAL, BAD_UPSTREAM_RESPONSE.
 * @param what what is wrong, as the rest of a sentence that starts with "Vultr's response"
 */
export function badResponse(
  request: Pick<VultrRequest, 'kind'>,
  what: string,
  options: CallErrorOptions = {},
): CallError {
  const text = `Vultr's response ${what}.${outcomeUnknown(request)}`;
  return new CallError('INTERNAL', 'BAD_UPSTREAM_RESPONSE', text, options);
}

function judge(creates: boolean, status: number, error: string | undefined): Verdict {
  const textRule =
    error === undefined
      ? undefined
      : TEXT_RULES.find(
          (rule) =>
            (rule.statuses === undefined || rule.statuses.includes(status)) &&
            !(creates && rule.exceptCreates) &&
            rule.pattern.test(error),
        );
  return textRule ?? STATUS_RULES.get(status) ?? (status < 500 ? OTHER_CLIENT_ERROR : OTHER_SERVER_ERROR);
}

/** The text without the API key; one that hides it in another form is not passed on at all. */
function withoutKey(text: string, key: string | undefined): string | undefined {
  if (key === undefined || !holdsSecret(Buffer.from(text), key)) return text;
  const plain = text.replaceAll(key, '[API key]');
  return holdsSecret(Buffer.from(plain), key) ? undefined : plain;
}
