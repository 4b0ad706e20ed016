import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import { fieldLabel } from './request-fields.ts';

/** When to ask again about a creation whose outcome is not known. */
const RETRY_MS = 2_000;

/** The outcome of a creation is not known, and nothing works on it at the moment. */
export function uncertain(isFindable: boolean, cause?: CallError): CallError {
  return isFindable
    ? new CallError(
        'UNAVAILABLE',
        'CREATE_UNCERTAIN',
        'It is not known yet whether Vultr has created it. Repeat the call with the same key: the service then finds it, or creates it once it is certain that it does not exist.',
        { retryDelayMs: spreadRetry(RETRY_MS, Math.random), cause },
      )
    : new CallError(
        'FAILED_PRECONDITION',
        'CREATE_UNCERTAIN',
        'It is not known whether Vultr has created it, and it carries no tag by which the service could find it. Check whether it exists; if it does not, create it with a new key.',
        { cause },
      );
}

/** The caller's deadline comes before the outcome. */
export function stillUnderWay(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'CREATE_UNCERTAIN',
    'The creation is still under way, and the service goes on with it. Repeat the call with the same key to learn its outcome.',
    { retryDelayMs: spreadRetry(RETRY_MS, Math.random) },
  );
}

/** The failures of a request that was sent, after which it may have been carried out or not. */
const AMBIGUOUS = new Set([
  'VULTR_UNAVAILABLE',
  'VULTR_FAILED',
  'BAD_UPSTREAM_RESPONSE',
  'DEADLINE_EXCEEDED',
  'CALL_CANCELLED',
  'SHUTTING_DOWN',
]);

/**
 * The failure of a creation without a key: one that leaves the outcome open says so, and does not invite a repetition, which
 * could buy a second one. UNAVAILABLE is what clients repeat by themselves, so it becomes FAILED_PRECONDITION.
 * @param isSent whether the request was handed to the connection
 */
export function withoutKey(thrown: unknown, isSent: boolean): CallError {
  const error = CallError.from(thrown);
  if (!isSent || error.reached === 'no' || !AMBIGUOUS.has(error.reason)) return error;
  // Where no response came, the message says so already.
  const hint =
    error.vultr === undefined
      ? ''
      : ' It may have been created all the same: check whether it exists before you repeat the call.';
  const code = error.code === 'UNAVAILABLE' ? 'FAILED_PRECONDITION' : error.code;
  return new CallError(code, 'CREATE_UNCERTAIN', error.message + hint, {
    metadata: error.metadata,
    ...(error.vultr !== undefined && { vultr: error.vultr }),
    cause: error,
  });
}

/** The key was used for another request. */
export function conflict(names: readonly string[]): CallError {
  const fields = names.map(fieldLabel);
  return new CallError(
    'ALREADY_EXISTS',
    'IDEMPOTENCY_CONFLICT',
    `The key was used within the last day for a request that differs in: ${fields.join(', ')}. Use a new key for another request.`,
    {
      metadata: { fields: fields.join(',') },
      violations: fields.map((field) => ({
        field,
        description: 'Differs from the first request with this key.',
      })),
    },
  );
}

/** The record of creations cannot be used, so nothing is sent. */
export function recordUnavailable(cause: unknown): CallError {
  return refusal(
    'The record of creations cannot be used, so a creation with a key would not be safe. Nothing was sent.',
    cause,
  );
}

/** As many creations are under way in this process as may be. */
export function tooManyUnderWay(count: number): CallError {
  return refusal(`${count} creations with a key are under way, which is the limit. Nothing was sent.`);
}

/** The moment until which the request may be under way has passed before it was sent. */
export function tooLateToSend(): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'DEADLINE_EXCEEDED',
    'The deadline of the creation passed before it could be sent. Nothing was sent.',
    { reached: 'no' },
  );
}

function refusal(message: string, cause?: unknown): CallError {
  return new CallError('UNAVAILABLE', 'IDEMPOTENCY_UNAVAILABLE', message, {
    retryDelayMs: spreadRetry(RETRY_MS, Math.random),
    reached: 'no',
    cause,
  });
}
