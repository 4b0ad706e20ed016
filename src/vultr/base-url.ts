/** The parts of the address of the API. */
export interface BaseUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The prefix of every path, without a slash at its end; empty when there is none. */
  readonly prefix: string;
}

/**
 * Reads the URL of the API. Its text is not repeated in an error, as it might hold a password.
 * @throws TypeError when it is not an http or https URL, or has more than host, port and path
 */
export function parseBaseUrl(baseUrl: string): BaseUrl {
  const url = URL.parse(baseUrl);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new TypeError('The URL of the Vultr API must be an absolute http or https URL.');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError(
      'The URL of the Vultr API may have a path, but no user, password, query or fragment.',
    );
  }
  const prefix = url.pathname.replace(/\/+$/, '');
  if (prefix.endsWith('/v2')) {
    throw new TypeError('The URL of the Vultr API must end before /v2, which every request adds by itself.');
  }
  return { origin: url.origin, prefix };
}
