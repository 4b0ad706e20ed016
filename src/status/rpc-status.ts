import { clip } from '../base/text.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';
import type { CallError, ErrorDetail } from './call-error.ts';
import { CODES } from './code.ts';

const TYPE_PREFIX = 'type.googleapis.com/';

/**
 * The most bytes of the binary status and of the text that accompanies it. They travel as trailers, one in base64 and the
 * other percent-encoded, and proxies and clients commonly cut or refuse more than 8 KB of headers: these are 5 468 and 1 900, which leaves 800 for
 * everything else.
 */
const MAX_STATUS_BYTES = 4_100;
const MAX_TRAILER_MESSAGE_BYTES = 1_900;

/** The most violations that are listed; the caller can correct those first. */
const MAX_VIOLATIONS = 50;

/** The JSON form of google.rpc.Status, as proto3 JSON writes it. */
export interface StatusJson {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Record<string, unknown>[];
}

/** The details of an error as JSON: ErrorInfo always, BadRequest, RetryInfo and RequestInfo where they apply. */
function details(error: CallError, requestId: string | undefined): Record<string, unknown>[] {
  const httpStatus = error.vultr?.status ?? error.httpStatus ?? CODES[error.code].http;
  const list: Record<string, unknown>[] = [
    {
      '@type': `${TYPE_PREFIX}google.rpc.ErrorInfo`,
      reason: error.reason,
      domain: error.domain,
      metadata: { http_status: String(httpStatus), ...error.metadata },
    },
  ];
  if (error.violations.length > 0) {
    list.push({ '@type': `${TYPE_PREFIX}google.rpc.BadRequest`, fieldViolations: violations(error) });
  }
  if (error.retryDelayMs !== undefined) {
    list.push({
      '@type': `${TYPE_PREFIX}google.rpc.RetryInfo`,
      retryDelay: `${Math.max(0, error.retryDelayMs) / 1000}s`,
    });
  }
  if (requestId !== undefined) list.push({ '@type': `${TYPE_PREFIX}google.rpc.RequestInfo`, requestId });
  return list;
}

function violations(error: CallError): { field: string; description: string }[] {
  return error.violations.slice(0, MAX_VIOLATIONS).map(({ field, description }) => ({
    field: clip(field, 200),
    description: clip(description, 400),
  }));
}

/** The most characters of a message that are sent. */
const MAX_MESSAGE_LENGTH = 1_000;

/** The text of an error as it is sent: bounded, and well-formed Unicode. */
export function statusMessage(error: CallError): string {
  return clip(error.message, MAX_MESSAGE_LENGTH);
}

/** The text of an error for gRPC, where it is a trailer: bounded by the bytes that it has there. */
export function trailerMessage(error: CallError): string {
  const text = statusMessage(error);
  if (encodeURI(text).length <= MAX_TRAILER_MESSAGE_BYTES) return text;
  let free = MAX_TRAILER_MESSAGE_BYTES - encodeURI('…').length;
  let end = 0;
  for (const character of text) {
    free -= encodeURI(character).length;
    if (free < 0) break;
    end += character.length;
  }
  return `${text.slice(0, end)}…`;
}

/**
 * An error as the JSON of google.rpc.Status.
 * @param requestId names the call in the log
 */
export function toStatusJson(error: CallError, requestId?: string): StatusJson {
  return {
    code: CODES[error.code].number,
    message: statusMessage(error),
    details: details(error, requestId),
  };
}

/**
 * An error as the bytes of google.rpc.Status, for `grpc-status-details-bin`. Violations that would make it too large for
 * a trailer are left out, the last first.
 */
export function toStatusBytes(error: CallError): Buffer {
  for (let count = Math.min(error.violations.length, MAX_VIOLATIONS); ; count = Math.floor(count / 2)) {
    const bytes = encodeStatus(error, count);
    if (bytes.length <= MAX_STATUS_BYTES || count === 0) return bytes;
  }
}

/** A detail of an error as it is sent, with its content as JSON for people, where it is known. */
export interface SentDetail extends ErrorDetail {
  readonly debug?: Readonly<Record<string, unknown>>;
}

/** The details of an error, each encoded, for a protocol that does not send google.rpc.Status itself. */
export function toDetails(error: CallError): readonly SentDetail[] {
  if (error.details !== undefined) return error.details;
  const json = details(error, undefined);
  return encodeDetails(error, MAX_VIOLATIONS).map((detail, index) => {
    const { '@type': _, ...debug } = json[index] ?? {};
    return { ...detail, debug };
  });
}

function encodeStatus(error: CallError, violationCount: number): Buffer {
  const list = error.details ?? encodeDetails(error, violationCount);
  const status = {
    code: CODES[error.code].number,
    message: trailerMessage(error),
    details: list.map(({ type, value }) => ({
      type_url: `${TYPE_PREFIX}${type}`,
      value: Buffer.from(value),
    })),
  };
  return Buffer.from(Status.encode(status).finish());
}

function encodeDetails(error: CallError, violationCount: number): ErrorDetail[] {
  const httpStatus = error.vultr?.status ?? error.httpStatus ?? CODES[error.code].http;
  const { reason, domain } = error;
  const info = { reason, domain, metadata: { http_status: String(httpStatus), ...error.metadata } };
  const list = [{ type: 'google.rpc.ErrorInfo', value: ErrorInfo.encode(info).finish() }];
  const field_violations = violations(error)
    .slice(0, violationCount)
    .map((violation) => ({ ...violation, reason: '' }));
  if (field_violations.length > 0)
    list.push({ type: 'google.rpc.BadRequest', value: BadRequest.encode({ field_violations }).finish() });
  if (error.retryDelayMs !== undefined) {
    const millis = Math.max(0, Math.ceil(error.retryDelayMs));
    const retry_delay = { seconds: BigInt(Math.floor(millis / 1000)), nanos: (millis % 1000) * 1_000_000 };
    list.push({ type: 'google.rpc.RetryInfo', value: RetryInfo.encode({ retry_delay }).finish() });
  }
  return list;
}
