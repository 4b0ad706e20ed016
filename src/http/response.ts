import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { type MaybeSoon, whenThere } from '../base/soon.ts';
import type { HttpReply } from '../rpc/call.ts';
import { chooseEncoding } from './accept.ts';

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
export function sendResponse(
  response: ServerResponse,
  reply: HttpReply,
  given: Readonly<Record<string, string>>,
  isKept = false,
): MaybeSoon<void> {
  const { status, contentType, body } = reply;
  const headers: Headers = { ...given, 'x-content-type-options': 'nosniff' };
  if (status === 204 || status === 304) {
    // A 304 carries the Vary of the response it stands for (RFC 9110, section 15.4.5).
    if (status === 304) headers['vary'] = withVary(response, 'Accept-Encoding');
    response.writeHead(status, headers).end();
    return;
  }
  if (contentType !== undefined) headers['content-type'] = contentType;
  if (contentType === undefined || !COMPRESSIBLE.test(contentType)) {
    writeWhole(response, status, headers, body);
    return;
  }
  headers['vary'] = withVary(response, 'Accept-Encoding');
  const encoding = chooseEncoding(response.req.headers['accept-encoding']);
  if (encoding === undefined || body.length <= MIN_COMPRESSED_BYTES) {
    writeWhole(response, status, headers, body);
    return;
  }
  headers['content-encoding'] = encoding;
  const { etag } = given;
  // The bytes are others than those that a strong ETag names (RFC 9110, section 8.8.3).
  if (etag?.startsWith('"') === true) headers['etag'] = `W/${etag}`;
  return whenThere(compressed(body, encoding, isKept), (bytes) =>
    writeWhole(response, status, headers, bytes),
  );
}

type Headers = Record<string, string | number>;

function writeWhole(response: ServerResponse, status: number, headers: Headers, body: Uint8Array): void {
  headers['content-length'] = body.length;
  response.writeHead(status, headers).end(body);
}

/** What a response varies by, with what was set before. */
function withVary(response: ServerResponse, name: string): string {
  const before = response.getHeader('vary');
  return before === undefined ? name : `${String(before)}, ${name}`;
}

/** The content codings that responses are sent in. */
export type Encoding = 'br' | 'gzip';

const compress: Readonly<Record<Encoding, (body: Uint8Array) => Promise<Uint8Array>>> = {
  // Both levels take about as long for JSON of some 50 KB and are a fraction of the highest one's time.
  br: (body) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (body) => promisify(gzip)(body, { level: 6 }),
};

/** What compressed bodies that are kept came to, by the plain ones: they live as long as those. */
const kept: Readonly<Record<Encoding, WeakMap<Uint8Array, Uint8Array>>> = {
  br: new WeakMap(),
  gzip: new WeakMap(),
};

/**
 * Compresses a body.
 * @param isKept whether the same body, which must not change any more, will be sent again: it is compressed once then
 */
export function compressed(
  body: Uint8Array,
  encoding: Encoding,
  isKept: boolean,
): Uint8Array | Promise<Uint8Array> {
  if (!isKept) return compress[encoding](body);
  return kept[encoding].get(body) ?? compressAndKeep(body, encoding);
}

async function compressAndKeep(body: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  const bytes = await compress[encoding](body);
  kept[encoding].set(body, bytes);
  return bytes;
}

/** `pretty`, `pretty=`, `pretty=true` and `pretty=1`, between ampersands. */
const PRETTY = /(?:^|&)pretty(?:=(?:true|1)?)?(?=&|$)/;

/**
 * Takes the parameter `pretty` out of a query: it asks for JSON that people can read, and belongs to no operation.
 * @returns the query without it
 */
export function takePretty(query: string): { readonly isPretty: boolean; readonly query: string } {
  if (!PRETTY.test(query)) return { isPretty: false, query };
  return { isPretty: true, query: query.replace(PRETTY, '').replace(/^&/, '') };
}

const CODE = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  space: 0x20,
} as const;

/**
 * Indents JSON text. It moves tokens apart and changes none of them, so that no digit is lost and no member changes its place.
 * @param json valid JSON in UTF-8
 */
export function indentJson(json: Uint8Array): Uint8Array {
  const parts: string[] = [];
  const text = Buffer.from(json).toString('utf8');
  let depth = 0;
  let isEmpty = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code <= CODE.space) continue;
    const isClosing = code === CODE.closeBrace || code === CODE.closeBracket;
    if (isClosing) depth -= 1;
    if (isEmpty !== isClosing && (isEmpty || isClosing)) parts.push(lineBreak(depth));
    isEmpty = code === CODE.openBrace || code === CODE.openBracket;
    if (isEmpty) depth += 1;
    const end = endOfToken(text, index, code);
    parts.push(text.slice(index, end));
    if (code === CODE.comma) parts.push(lineBreak(depth));
    if (code === CODE.colon) parts.push(' ');
    index = end - 1;
  }
  return Buffer.from(`${parts.join('')}\n`);
}

function lineBreak(depth: number): string {
  return `\n${'  '.repeat(depth)}`;
}

/** Where the token ends that begins here. */
function endOfToken(text: string, start: number, code: number): number {
  if (code !== CODE.quote) {
    const isPunctuation = '{}[],:'.includes(text.charAt(start));
    if (isPunctuation) return start + 1;
    const rest = /[\s{}[\],:]/g;
    rest.lastIndex = start;
    return rest.exec(text)?.index ?? text.length;
  }
  let end = start + 1;
  while (end < text.length && text.charCodeAt(end) !== CODE.quote)
    end += text.charCodeAt(end) === CODE.backslash ? 2 : 1;
  return end + 1;
}
