import { CallError } from '../status/call-error.ts';

/** When to ask again about a creation whose outcome is not known. */
const RETRY_MS = 2_000;

/** The outcome of a creation is not known. The same id may be asked again, which resolves it. */
export function uncertain(isFindable: boolean, cause?: CallError): CallError {
  return isFindable
    ? new CallError(
        'UNAVAILABLE',
        'CREATE_UNCERTAIN',
        'Whether Vultr has created it is not known yet. Repeat the call with the same id: that finds it, or creates it once it is certain that it is not there.',
        { retryDelayMs: RETRY_MS, cause },
      )
    : new CallError(
        'FAILED_PRECONDITION',
        'CREATE_UNCERTAIN',
        'Whether Vultr has created it is not known, and it carries nothing to find it by. Look for it; if it is not there, create it with a new id.',
        { cause },
      );
}

/** The failures after which a change may have been carried out or not. */
const AMBIGUOUS = new Set([
  'VULTR_UNAVAILABLE',
  'VULTR_FAILED',
  'BAD_UPSTREAM_RESPONSE',
  'DEADLINE_EXCEEDED',
]);

/** The failure of a creation that has no id: one that leaves the outcome open says so, and invites nobody to repeat it. */
export function withoutId(thrown: unknown): CallError {
  const error = CallError.from(thrown);
  if (error.reached === 'no' || !AMBIGUOUS.has(error.reason)) return error;
  return new CallError(error.code, 'CREATE_UNCERTAIN', error.message, {
    metadata: error.metadata,
    ...(error.vultr !== undefined && { vultr: error.vultr }),
    cause: error,
  });
}

/** The id was used for another request. */
export function conflict(fields: readonly string[]): CallError {
  return new CallError(
    'ALREADY_EXISTS',
    'IDEMPOTENCY_CONFLICT',
    `The id was used within the last day for a request that differs in ${fields.join(', ')}. Use a new id for another request.`,
    {
      metadata: { fields: fields.join(',') },
      violations: fields.map((field) => ({
        field,
        description: 'It is not what it was in the first request with this id.',
      })),
    },
  );
}

/** The record of creations cannot be used, so nothing is sent. */
export function recordUnavailable(cause: unknown): CallError {
  return new CallError(
    'UNAVAILABLE',
    'IDEMPOTENCY_UNAVAILABLE',
    'The record of creations cannot be used, so that a creation with an id would not be safe. Nothing was sent.',
    { retryDelayMs: RETRY_MS, reached: 'no', cause },
  );
}

/** What a record says was marked belongs to an operation whose resources cannot be looked for. */
export function nowhereToLook(operation: string): CallError {
  return new CallError(
    'INTERNAL',
    'INTERNAL_ERROR',
    `There is no list to look in for what ${operation} made.`,
  );
}
