import type { ServerResponse } from 'node:http';
import type { HttpReply } from '../rpc/call.ts';
import { chooseEncoding } from './accept.ts';
import { compressed } from './compressed.ts';

/** What is smaller gains nothing by compression. */
const MIN_COMPRESSED_BYTES = 1024;

const COMPRESSIBLE = /^(?:text\/|application\/(?:json|proto|x-ndjson|yaml|openapi\+json|javascript))/;

/**
 * Sends a response as a whole: with its length, compressed when it is over 1 KB and the caller takes that, without
 * content for HEAD (which node leaves out by itself) and for status 204 and 304.
 *
 * @param given lower-case names
 * @param isKept whether the same body will be sent again
 */
export async function sendResponse(
  response: ServerResponse,
  { status, contentType, body: plain }: HttpReply,
  given: Readonly<Record<string, string>>,
  isKept = false,
): Promise<void> {
  const headers: Record<string, string | number> = { ...given, 'x-content-type-options': 'nosniff' };
  if (status === 204 || status === 304) {
    // A 304 carries the Vary of the response it stands for (RFC 9110, section 15.4.5).
    if (status === 304) headers['vary'] = withVary(response, 'Accept-Encoding');
    response.writeHead(status, headers).end();
    return;
  }
  let body = plain;
  if (contentType !== undefined) headers['content-type'] = contentType;
  if (contentType !== undefined && COMPRESSIBLE.test(contentType)) {
    headers['vary'] = withVary(response, 'Accept-Encoding');
    const encoding = chooseEncoding(response.req.headers['accept-encoding']);
    if (encoding !== undefined && body.length > MIN_COMPRESSED_BYTES) {
      const smaller = compressed(body, encoding, isKept);
      body = smaller instanceof Promise ? await smaller : smaller;
      headers['content-encoding'] = encoding;
      const { etag } = given;
      // The bytes are others than those that a strong ETag names (RFC 9110, section 8.8.3).
      if (etag?.startsWith('"') === true) headers['etag'] = `W/${etag}`;
    }
  }
  headers['content-length'] = body.length;
  response.writeHead(status, headers).end(body);
}

/** What a response varies by, with what was set before. */
function withVary(response: ServerResponse, name: string): string {
  const before = response.getHeader('vary');
  return before === undefined ? name : `${String(before)}, ${name}`;
}
