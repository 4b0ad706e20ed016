const SCHEME = 'bearer ';

/**
 * Reads `Bearer <token>` (RFC 6750, section 2.1; the case of the scheme does not matter, RFC 9110, section 11.1).
 * @returns undefined when it is something else
 */
export function bearerToken(authorization: string): string | undefined {
  const text = authorization.trim();
  const token = text.slice(SCHEME.length).trimStart();
  const isBearer = text.slice(0, SCHEME.length).toLowerCase() === SCHEME;
  return isBearer && token !== '' && !/\s/.test(token) ? token : undefined;
}
