import type { CallError } from '../status/call-error.ts';
import { CODES } from '../status/code.ts';
import { statusMessage, toStatusJson } from '../status/rpc-status.ts';

/** A failure as an HTTP answer. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON in UTF-8. */
  readonly body: Buffer;
}

/** Where the drop-in Vultr API begins, whose errors are Vultr's. */
const VULTR_PREFIX = '/v2/';

/**
 * Writes a failure as an HTTP answer: the JSON of google.rpc.Status, below `/v2/` Vultr's own error object in front of it.
 * @param path of the request; undefined when it did not get that far
 */
export function toErrorAnswer(error: CallError, path: string | undefined): ErrorAnswer {
  const isVultr = path?.startsWith(VULTR_PREFIX) ?? false;
  const ownStatus = error.httpStatus ?? CODES[error.code].http;
  const status = isVultr ? (error.vultr?.status ?? ownStatus) : ownStatus;
  const json = toStatusJson(error);
  const body = isVultr ? { error: error.vultr?.error ?? statusMessage(error), status, ...json } : json;
  const headers: Record<string, string> = { 'content-type': 'application/json', ...error.httpHeaders };
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.retryDelayMs !== undefined)
    headers['retry-after'] = String(Math.ceil(Math.max(0, error.retryDelayMs) / 1000));
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}

/** A failure in the middle of a stream, when the HTTP status is out already: google.rpc.Status as JSON text. */
export function toStatusText(error: CallError): string {
  return JSON.stringify(toStatusJson(error));
}
