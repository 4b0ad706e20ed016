import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { HttpReply } from '../rpc/call.ts';
import { chooseEncoding } from './accept.ts';

const compress = {
  // Both levels take about as long for JSON of some 50 KB and are a fraction of the highest one's time.
  br: (body: Uint8Array) =>
    promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (body: Uint8Array) => promisify(gzip)(body, { level: 6 }),
};

/** What is smaller gains nothing by compression. */
const MIN_COMPRESSED_BYTES = 1024;

const COMPRESSIBLE = /^(?:text\/|application\/(?:json|x-ndjson|yaml|openapi\+json|javascript))/;

/**
 * Sends a response as a whole: with its length, compressed when it is over 1 KB and the caller takes that, without
 * content for HEAD (which node leaves out by itself) and for status 204 and 304.
 *
 * @param headers lower-case names
 */
export async function sendResponse(
  response: ServerResponse,
  reply: HttpReply,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { status, contentType } = reply;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = status;
  response.setHeader('x-content-type-options', 'nosniff');
  if (status === 204 || status === 304) {
    // A 304 carries the Vary of the response it stands for (RFC 9110, section 15.4.5).
    if (status === 304) response.appendHeader('vary', 'Accept-Encoding');
    response.end();
    return;
  }
  let body = reply.body;
  if (contentType !== undefined) response.setHeader('content-type', contentType);
  if (contentType !== undefined && COMPRESSIBLE.test(contentType)) {
    response.appendHeader('vary', 'Accept-Encoding');
    const encoding = chooseEncoding(response.req.headers['accept-encoding']);
    if (encoding !== undefined && body.length > MIN_COMPRESSED_BYTES) {
      body = await compress[encoding](body);
      response.setHeader('content-encoding', encoding);
      weakenEntityTag(response);
    }
  }
  response.setHeader('content-length', body.length);
  response.end(body);
}

/** The bytes differ from those that a strong ETag names (RFC 9110, section 8.8.3). */
function weakenEntityTag(response: ServerResponse): void {
  const tag = response.getHeader('etag');
  if (typeof tag === 'string' && tag.startsWith('"')) response.setHeader('etag', `W/${tag}`);
}
