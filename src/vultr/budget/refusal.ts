import { CallError } from '../../status/call-error.ts';

/**
 * Why a request may not wait: it could not be sent in time, the queue is full or its bodies are, or its caller has too many
 * requests in it.
 */
export type Refusal = 'too_late' | 'queue_full' | 'caller_full' | 'caller_rate' | 'bytes_full';

const TEXTS: Readonly<Record<Refusal, string>> = {
  too_late: 'this call could not be sent in time for its deadline',
  queue_full: 'too many calls are waiting',
  caller_full: 'too many calls of this caller are waiting',
  caller_rate: 'this caller has used its share, and the call could not be sent in time for its deadline',
  bytes_full: 'the bodies of the waiting calls are too large',
};

/**
 * RESOURCE_EXHAUSTED, RATE_LIMITED, and certain that nothing was sent.
 * @param retryMs when to ask again
 */
export function refusal(why: Refusal, retryMs: number): CallError {
  const retryDelayMs = Math.max(1, Math.ceil(retryMs));
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'RATE_LIMITED',
    `The request budget for Vultr is spent: ${TEXTS[why]}. Nothing was sent. Ask again in ${retryDelayMs} ms.`,
    { retryDelayMs, reached: 'no', metadata: { refused: why } },
  );
}
