import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../base/loopback.ts';
import { remember } from '../base/remember.ts';
import type { Effect } from '../contract/effect.ts';
import { CallError } from '../status/call-error.ts';

/** How long a browser may keep the response to a preflight, in seconds. */
const PREFLIGHT_MAX_AGE = 600;

/** What a page may read of a response besides the headers that every page may read. */
const EXPOSED = [
  'ETag, Retry-After, Preference-Applied, X-Request-Id, X-Cache, Age, X-Vultr-Attempts',
  'Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Grpc-Encoding, Grpc-Accept-Encoding',
  'Content-Encoding, Connect-Content-Encoding, Connect-Accept-Encoding',
].join(', ');

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

/** The headers of the response to a preflight; none that allows anything when the origin is not allowed. */
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
 * The headers that let a page of another origin read a response; empty when none may.
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

/**
 * The hosts by which the HTTP side may be called. On loopback these are the names of this machine, so that a page elsewhere
 * cannot reach the service under a name of its own that points here (DNS rebinding). On other addresses only the operator
 * knows the names: all are allowed unless some are given.
 * @param given further names, in lower case
 * @returns undefined for all
 */
export function allowedHosts(
  { host }: { readonly host: string },
  given: readonly string[],
): ReadonlySet<string> | undefined {
  if (!isLoopback(host) && given.length === 0) return undefined;
  const own = host.includes(':') ? `[${host}]` : host.toLowerCase();
  return new Set(['localhost', '127.0.0.1', '[::1]', own, ...given]);
}

/**
 * Refuses a request for a host that is not this service.
 * @param allowed undefined: all
 * @throws CallError PERMISSION_DENIED, HOST_NOT_ALLOWED
 */
export function checkHost(
  allowed: ReadonlySet<string> | undefined,
  { host }: Pick<IncomingHttpHeaders, 'host'>,
): void {
  if (allowed === undefined || host === undefined) return;
  if (allowed.has(hostNameOf(host))) return;
  throw new CallError(
    'PERMISSION_DENIED',
    'HOST_NOT_ALLOWED',
    `The service is not called ${JSON.stringify(host.slice(0, 100))}. Use one of its own names, or allow this one with ALLOWED_HOSTS.`,
  );
}

/** What a Host header names, without the port. */
const hostNameOf = remember(100, (host) => host.toLowerCase().replace(/:\d*$/, ''));

/**
 * Refuses what a web page of another origin asks for, unless it only reads what every caller may read and cannot see the
 * response. A browser sends such a request without asking first: a form, an image, a POST without a body. Callers that are
 * not browsers send neither of the two headers that tell this.
 * @param origins the origins that are allowed, `*` for all
 * @throws CallError PERMISSION_DENIED, CROSS_SITE_REQUEST
 */
export function checkOrigin(origins: readonly string[], headers: IncomingHttpHeaders, effect: Effect): void {
  if (effect === 'READ' || !isCrossOrigin(headers)) return;
  const { origin } = headers;
  if (origin !== undefined && (origins.includes(origin) || origins.includes('*'))) return;
  throw new CallError(
    'PERMISSION_DENIED',
    'CROSS_SITE_REQUEST',
    'A page of another origin may not ask for this. Allow its origin with CORS_ORIGINS if it should.',
  );
}

function isCrossOrigin({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (site === 'cross-site' || site === 'same-site') return true;
  if (origin === undefined) return false;
  // Proxies may end TLS, so that the scheme is not known; the host is enough to tell pages apart.
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase().replace(/:(?:80|443)$/, '');
}
