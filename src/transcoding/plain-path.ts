/** How often a path may be decoded on its way: by proxies in front, by the server, by its framework. */
const MAX_DECODINGS = 4;

/** What RFC 3986 allows in a path as it is, percent escapes included. Everything else must be escaped. */
const PATH = /^\/(?:[-._~0-9A-Za-z!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** What no path may contain, however often it is decoded: control characters and backslashes. */
const FORBIDDEN = /[\p{Cc}\\]/u;

/**
 * Looks for what could make a path mean something else to the next program that reads it: dot segments, plain or escaped,
 * which are folded away; control characters; characters that no path may contain. Paths that are passed on byte for byte
 * are checked with it.
 * @returns the fault as the rest of a sentence that begins with "The path"; undefined when the path is plain
 */
export function findPathFault(path: string): string | undefined {
  if (!PATH.test(path))
    return 'contains characters that must be percent-encoded, or does not start with a slash';
  let decoded = path;
  for (let count = 0; ; count += 1) {
    if (FORBIDDEN.test(decoded)) return 'contains a control character or a backslash';
    if (decoded.split('/').some((segment) => /^\.{1,2}(?:;.*)?$/.test(segment)))
      return 'contains a "." or ".." segment, which would lead elsewhere';
    const next = decodeLeniently(decoded);
    if (next === decoded) return undefined;
    if (count === MAX_DECODINGS) return `is percent-encoded more than ${MAX_DECODINGS} times`;
    decoded = next;
  }
}

/** Decodes what can be decoded: others may accept what is malformed here. */
function decodeLeniently(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
