import { CallError, type CallErrorOptions } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';
import type { Reason } from '../status/reasons.ts';
import { TEXT_RULES } from './error-texts.ts';
import { outcomeUnknown } from './outcome.ts';
import type { Stage, VultrRequest, VultrResponse } from './request.ts';

/** When to ask again after 429: Vultr counts requests per second and says nothing about how long to wait. */
const RATE_LIMIT_RETRY_MS = 1_000;

/** When to ask again after Vultr did not answer, or said that it cannot for now. */
export const UNAVAILABLE_RETRY_MS = 1_000;

/** An error body beyond this is not read: Vultr's have some hundred bytes. */
const MAX_ERROR_BODY_BYTES = 65_536;

/** The most characters of Vultr's text that are kept. */
const MAX_ERROR_TEXT_LENGTH = 2_000;

/** The most characters of Vultr's text that a message holds. */
const MAX_MESSAGE_TEXT_LENGTH = 500;

/** Shorter credentials are no keys of Vultr; taking them out would only garble the text. */
const MIN_KEY_LENGTH = 16;

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

/** Turns every answer but 2xx into a CallError. */
export const refuseFailures: Stage = (next) => async (request, context) => {
  const response = await next(request, context);
  if (response.status >= 200 && response.status < 300) return response;
  throw toCallError(request, response);
};

/**
 * The error that an answer means. Vultr's text decides before the status does; a body that is not Vultr's
 * `{"error", "status"}` is judged by the status alone and its text goes nowhere.
 * @param response any answer but a 2xx
 */
export function toCallError(request: VultrRequest, response: VultrResponse): CallError {
  const { status } = response;
  if (status < 400 || status > 599) {
    return badAnswer(request, `has the status ${status}, which this service does not follow`);
  }
  const error = readErrorText(request, response.body);
  const { code, reason, retryDelayMs } = judge(request.method, status, error);
  const message =
    error === undefined
      ? `Vultr answered ${status} without a readable reason.`
      : `Vultr answered ${status}: ${toLine(error)}`;
  return new CallError(code, reason, message, {
    vultr: { status, error: error ?? message },
    metadata: { http_status: String(status) },
    reached: isRefusal(status) ? 'no' : 'maybe',
    ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
  });
}

/** Whether the status says that the request was refused; a 5xx and a 408 may come after it was carried out. */
function isRefusal(status: number): boolean {
  return status < 500 && status !== 408;
}

/**
 * INTERNAL, BAD_UPSTREAM_RESPONSE.
 * @param what what is wrong, as the rest of a sentence that starts with "The answer of Vultr"
 */
export function badAnswer(request: VultrRequest, what: string, options: CallErrorOptions = {}): CallError {
  const text = `The answer of Vultr ${what}.${outcomeUnknown(request)}`;
  return new CallError('INTERNAL', 'BAD_UPSTREAM_RESPONSE', text, options);
}

function judge(method: string, status: number, error: string | undefined): Verdict {
  const textRule =
    error === undefined
      ? undefined
      : TEXT_RULES.find(
          (rule) =>
            (rule.statuses === undefined || rule.statuses.includes(status)) &&
            rule.exceptMethod !== method &&
            rule.pattern.test(error),
        );
  return textRule ?? STATUS_RULES.get(status) ?? (status < 500 ? OTHER_CLIENT_ERROR : OTHER_SERVER_ERROR);
}

/** The `error` of Vultr's error object; undefined when the body is something else. */
function readErrorText(request: VultrRequest, body: Uint8Array): string | undefined {
  if (body.length > MAX_ERROR_BODY_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // A page of a proxy or of a maintenance: expected, and the status says enough.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('error' in value)) return undefined;
  if (typeof value.error !== 'string' || value.error.trim() === '') return undefined;
  return clip(withoutKey(value.error, request.credential), MAX_ERROR_TEXT_LENGTH);
}

function withoutKey(text: string, key: string | undefined): string {
  return key === undefined || key.length < MIN_KEY_LENGTH ? text : text.replaceAll(key, '[API key]');
}

/** One line of printable text, bounded. */
function toLine(text: string): string {
  return clip(text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim(), MAX_MESSAGE_TEXT_LENGTH);
}

function clip(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`.toWellFormed();
}
