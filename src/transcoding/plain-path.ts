/** How often a path may be decoded by those who handle it on its way: proxies in front, the server, its framework. */
const MAX_DECODINGS = 4;

/** What RFC 3986 allows in a path as it is, percent escapes included. Everything else has to be escaped. */
const PATH = /^\/(?:[-._~0-9A-Za-z!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** What no path may turn out to hold, however often it is decoded: control characters and backslashes. */
const FORBIDDEN = /[\u0000-\u001f\u007f\\]/;

/**
 * Looks for what makes a path mean something else to the next one who reads it: dot segments, plain or escaped, which are
 * folded away; control characters; characters that no path holds. It is for paths that are passed on byte for byte.
 * @returns the fault as the rest of a sentence that starts with "The path"; undefined when the path is plain
 */
export function findPathFault(path: string): string | undefined {
  if (!PATH.test(path)) return 'holds characters that have to be percent-encoded, or does not start with a slash';
  let decoded = path;
  for (let count = 0; ; count += 1) {
    if (FORBIDDEN.test(decoded)) return 'holds a control character or a backslash';
    if (decoded.split('/').some((segment) => /^\.{1,2}(?:;.*)?$/.test(segment)))
      return 'holds a "." or ".." segment, which would lead elsewhere';
    const next = decodeLeniently(decoded);
    if (next === decoded) return undefined;
    if (count === MAX_DECODINGS) return `is percent-encoded more than ${MAX_DECODINGS} times`;
    decoded = next;
  }
}

/** Decodes what can be decoded: what is malformed to us may not be to others. */
function decodeLeniently(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
