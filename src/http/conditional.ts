import { hash } from 'node:crypto';
import type { CacheStatus, HttpReply } from '../rpc/call.ts';

/** 162 bits of the hash: no two responses share them, by chance or by design. */
const TAG_LENGTH = 27;

const tags = new WeakMap<Uint8Array, string>();

/**
 * A strong entity tag (RFC 9110, section 8.8.3): a quoted hash of the bytes, computed once per body.
 * @param body must not change any more
 */
export function entityTag(body: Uint8Array): string {
  let tag = tags.get(body);
  if (tag === undefined) {
    tag = `"${hash('sha256', body, 'base64url').slice(0, TAG_LENGTH)}"`;
    tags.set(body, tag);
  }
  return tag;
}

/**
 * A member of If-None-Match with what stands around it: an entity tag, or nothing, which a list may hold (RFC 9110,
 * sections 5.6.1 and 8.8.3). A tag may contain a comma.
 */
const MEMBER = /[\t ]*(?:(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*)?(?:,|$)/y;

/**
 * Whether the caller has the response already: If-None-Match names its tag, strong or weak, or is `*` (RFC 9110, section
 * 13.1.2). A header that is malformed, even in part, counts as absent: the response is sent.
 * @param ifNoneMatch the header, several of them joined by a comma
 * @param etag the tag of the response, strong or weak
 */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (/^[\t ]*\*[\t ]*$/.test(ifNoneMatch)) return true;
  const opaque = etag.replace(/^W\//, '');
  let isNamed = false;
  for (let position = 0; position < ifNoneMatch.length; position = MEMBER.lastIndex) {
    MEMBER.lastIndex = position;
    const member = MEMBER.exec(ifNoneMatch);
    if (member === null) return false;
    isNamed ||= member[1] === opaque;
  }
  return isNamed;
}

/** What decides about an HTTP response to a request. */
export interface ConditionalRequest {
  readonly method: string;
  /** The header. */
  readonly ifNoneMatch: string | undefined;
}

/**
 * Adds what HTTP caches need. A reply from the public catalogue may be kept by everybody for as long as the service itself
 * keeps it fresh, counted from when it came from Vultr: `age`, which is sent beside it, is already part of that time (RFC
 * 9111, section 4.2.3). It has an entity tag, and whoever has it already gets a 304. Every other reply depends on a
 * credential or is a failure, so nobody may keep it.
 * @param cache how the reply stands in the cache; undefined: it is not public
 * @returns what to send, and the headers to send with it
 */
export function conditionalReply(
  request: ConditionalRequest,
  reply: HttpReply,
  cache: CacheStatus | undefined,
): { readonly reply: HttpReply; readonly headers: Readonly<Record<string, string>> } {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || reply.status !== 200 || cache === undefined) {
    return { reply, headers: { 'cache-control': 'no-store' } };
  }
  const etag = entityTag(reply.body);
  const headers = { etag, 'cache-control': `public, max-age=${Math.floor(cache.freshMs / 1_000)}` };
  return isNotModified(request.ifNoneMatch, etag)
    ? { reply: { status: 304, contentType: undefined, body: new Uint8Array() }, headers }
    : { reply, headers };
}
