import { errors } from 'undici';
import { CallError } from '../status/call-error.ts';
import { badResponse, UNAVAILABLE_RETRY_MS } from './errors.ts';
import { outcomeUnknown } from './outcome.ts';
import type { VultrRequest } from './request.ts';

/** How far an exchange had come: nothing was sent yet, no response had begun, or the response was under way. */
export type Phase = 'connect' | 'headers' | 'body';

/** A connection that failed. It is the `cause` of the CallError that says so, and what makes a repetition sensible. */
export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure';
  readonly phase: Phase;

  constructor(phase: Phase, cause: unknown) {
    super(`The connection failed in the phase "${phase}".`, { cause });
    this.phase = phase;
  }
}

/**
 * The error codes (Node, undici, OpenSSL's checks of the certificate) after which it is certain that no byte of the request
 * was sent. An alert of TLS is not among them: in TLS 1.3 the other side may send it after it has read the request.
 */
const CONNECT_CODES =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|CERT_\w+|\w+_CERT\w*|UNABLE_TO_\w+|ERR_TLS_CERT_\w+)$/;

/** What undici says about a response that is not HTTP, or that switches protocols unasked. */
const BROKEN_PROTOCOL = /^(?:bad response|bad upgrade)$/;

/**
 * Sorts what undici threw.
 * @param phase whether the head of a response had come: 'headers' when not, 'body' when it had
 * @returns UNAVAILABLE with RetryInfo when no response came, INTERNAL BAD_UPSTREAM_RESPONSE when a broken one came
 */
export function toConnectionError(
  request: VultrRequest,
  phase: 'headers' | 'body',
  thrown: unknown,
): CallError {
  const { code, message, syscall } = describe(thrown);
  switch (code) {
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return badResponse(request, 'is too large', { cause: thrown });
    case 'UND_ERR_HEADERS_OVERFLOW':
      return badResponse(request, 'has too large headers', { cause: thrown });
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return cutOff(request, thrown);
    case 'UND_ERR_CLOSED':
      return shuttingDown('The service is going down. Nothing was sent.', 'no', thrown);
    case 'UND_ERR_DESTROYED':
      return shuttingDown(
        `The service went down before Vultr answered.${outcomeUnknown(request)}`,
        'maybe',
        thrown,
      );
    case 'UND_ERR_INVALID_ARG':
      return CallError.from(thrown);
  }
  if (thrown instanceof errors.HTTPParserError) {
    // The error itself holds what came, headers and all, and would take it into the log.
    return badResponse(request, 'is not HTTP', { cause: new Error(message) });
  }
  if (phase === 'body') return cutOff(request, thrown);
  if (BROKEN_PROTOCOL.test(message))
    return badResponse(request, 'is not one that was asked for', { cause: thrown });
  return unavailable(
    request,
    syscall === 'connect' || CONNECT_CODES.test(code) ? 'connect' : 'headers',
    thrown,
  );
}

function shuttingDown(text: string, reached: 'no' | 'maybe', cause: unknown): CallError {
  const options = { retryDelayMs: UNAVAILABLE_RETRY_MS, reached, cause };
  return new CallError('UNAVAILABLE', 'SHUTTING_DOWN', text, options);
}

function cutOff(request: VultrRequest, cause: unknown): CallError {
  return badResponse(request, 'was cut off', { cause: new ConnectionFailure('body', cause) });
}

function unavailable(request: VultrRequest, phase: Phase, cause: unknown): CallError {
  const text =
    phase === 'connect'
      ? 'Vultr cannot be reached. Nothing was sent.'
      : `The connection to Vultr failed before a response came.${outcomeUnknown(request)}`;
  return new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', text, {
    retryDelayMs: UNAVAILABLE_RETRY_MS,
    reached: phase === 'connect' ? 'no' : 'maybe',
    cause: new ConnectionFailure(phase, cause),
  });
}

function describe(thrown: unknown): { code: string; message: string; syscall: string } {
  if (!(thrown instanceof Error)) return { code: '', message: '', syscall: '' };
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  const syscall = 'syscall' in thrown && typeof thrown.syscall === 'string' ? thrown.syscall : '';
  return { code, message: thrown.message, syscall };
}
