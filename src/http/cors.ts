import type { IncomingHttpHeaders } from 'node:http';

/** How long a browser may keep the answer to a preflight, in seconds. */
const PREFLIGHT_MAX_AGE = 600;

/** What a page may read of an answer besides the headers that every page may read. */
const EXPOSED = 'ETag, Retry-After, X-Request-Id, X-Cache, Age';

/**
 * Whether a request is the preflight of a browser (https://fetch.spec.whatwg.org/#cors-preflight-request). Any other
 * OPTIONS is a request like others: Vultr has an operation with this method.
 */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

/** The headers of the answer to a preflight; none that allows anything when the origin is not allowed. */
export function preflightHeaders(
  origins: readonly string[],
  headers: IncomingHttpHeaders,
): Record<string, string> {
  const allowed = originHeaders(origins, headers);
  if (!('access-control-allow-origin' in allowed)) return allowed;
  const requestHeaders = headers['access-control-request-headers'];
  return {
    ...allowed,
    'access-control-allow-methods': headers['access-control-request-method'] ?? '',
    ...(requestHeaders === undefined ? {} : { 'access-control-allow-headers': requestHeaders }),
    'access-control-max-age': String(PREFLIGHT_MAX_AGE),
  };
}

/**
 * The headers that let a page of another origin read an answer; empty when none may.
 * @param origins the origins that are allowed, `*` for all. None: CORS is off
 */
export function originHeaders(
  origins: readonly string[],
  headers: IncomingHttpHeaders,
): Record<string, string> {
  if (origins.length === 0) return {};
  const { origin } = headers;
  const isAllowed = origin !== undefined && (origins.includes(origin) || origins.includes('*'));
  if (!isAllowed) return { vary: 'Origin' };
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED };
}
