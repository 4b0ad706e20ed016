/** How often a dot segment may be escaped: more often than any program on a path's way decodes it. */
const MAX_DECODINGS = 4;

/** What RFC 3986 allows in a path as it is, percent escapes included. Everything else must be escaped. */
const PATH = /^\/(?:[-._~0-9A-Za-z!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** What no path may contain, escaped or not: control characters, and backslashes, which some programs take for slashes. */
const FORBIDDEN = /[\p{Cc}\\]/u;

/** A segment that means this folder or the one above it, with or without parameters. */
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:;[^/]*)?(?:\/|$)/;

const LEADS_ELSEWHERE = 'contains a "." or ".." segment, which would lead elsewhere';

/**
 * Looks for what could make a path mean something else to the next program that reads it: dot segments, plain or escaped,
 * which are folded away; control characters; characters that no path may contain. Paths that are passed on byte for byte
 * are checked with it.
 * @returns the fault as the rest of a sentence that begins with "The path"; undefined when the path is plain
 */
export function findPathFault(path: string): string | undefined {
  if (!PATH.test(path))
    return 'contains characters that must be percent-encoded, or does not start with a slash';
  if (!path.includes('%')) return DOT_SEGMENT.test(path) ? LEADS_ELSEWHERE : undefined;
  if (FORBIDDEN.test(decodeLeniently(path))) return 'contains a control character or a backslash';
  let decoded = path;
  for (let count = 0; count <= MAX_DECODINGS; count += 1) {
    if (DOT_SEGMENT.test(decoded)) return LEADS_ELSEWHERE;
    decoded = decodeLeniently(decoded);
  }
  return undefined;
}

/** Decodes what can be decoded: others may accept what is malformed here. */
function decodeLeniently(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
