/** Metadata that has a header of its own name in HTTP. */
const PLAIN = new Set(['etag', 'cache-control', 'age', 'retry-after']);

/** The token of RFC 9110. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/**
 * Turns response metadata into HTTP headers: `x-*` and the caching headers as they are, all else as
 * `grpc-metadata-<name>`. A name that is no header name is left out; what no header may hold in a value becomes `?`.
 */
export function metadataHeaders(metadata: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of metadata) {
    if (!NAME.test(name)) continue;
    const header = PLAIN.has(name) || name.startsWith('x-') ? name : `grpc-metadata-${name}`;
    headers[header] = value.replace(/[^\t\x20-\x7e]/g, '?');
  }
  return headers;
}
