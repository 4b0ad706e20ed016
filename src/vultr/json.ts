import { badAnswer } from './errors.ts';
import type { VultrRequest, VultrResponse } from './request.ts';

/** A 2xx answer that is a JSON object. */
export interface VultrJson extends VultrResponse {
  /** The body as text; `{}` where Vultr sends none. */
  readonly text: string;
  /** The text parsed. Numbers beyond 2^53 are rounded here; the text has them exactly. */
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * Reads an answer as a JSON object. An answer without content is an empty object, but for a 200 to a read: that one has
 * lost its content on the way.
 * @throws CallError INTERNAL, BAD_UPSTREAM_RESPONSE when it is not UTF-8, not JSON or not an object
 */
export function toVultrJson(request: VultrRequest, response: VultrResponse): VultrJson {
  if (response.body.length === 0 && (request.kind === 'change' || response.status !== 200)) {
    return { ...response, text: '{}', value: {} };
  }
  const text = decode(request, response);
  const value = parse(request, text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badAnswer(request, 'is JSON but not an object');
  }
  return { ...response, text, value: value as Record<string, unknown> };
}

function decode(request: VultrRequest, response: VultrResponse): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(response.body);
  } catch (cause) {
    throw badAnswer(request, 'is not valid UTF-8', { cause });
  }
}

function parse(request: VultrRequest, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold a password; it goes not even into the log.
    throw badAnswer(request, 'is not JSON');
  }
}
