/** How often a dot segment may be escaped: more often than those who handle a path on its way decode it. */
const MAX_DECODINGS = 4;

/** What RFC 3986 allows in a path as it is, percent escapes included. Everything else has to be escaped. */
const PATH = /^\/(?:[-._~0-9A-Za-z!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** What no path may turn out to hold: control characters, and backslashes, which some take for slashes. */
const FORBIDDEN = /[\u0000-\u001f\u007f\\]/;

/**
 * Looks for what makes a path mean something else to the next one who reads it: dot segments, plain or escaped, which are
 * folded away; control characters; characters that no path holds. It is for paths that are passed on byte for byte.
 * @returns the fault as the rest of a sentence that starts with "The path"; undefined when the path is plain
 */
export function findPathFault(path: string): string | undefined {
  if (!PATH.test(path)) return 'holds characters that have to be percent-encoded, or does not start with a slash';
  if (FORBIDDEN.test(decodeLeniently(path))) return 'holds a control character or a backslash';
  let decoded = path;
  for (let count = 0; count <= MAX_DECODINGS; count += 1) {
    if (decoded.split('/').some((segment) => /^\.{1,2}(?:;.*)?$/.test(segment)))
      return 'holds a "." or ".." segment, which would lead elsewhere';
    decoded = decodeLeniently(decoded);
  }
  return undefined;
}

/** Decodes what can be decoded: what is malformed to us may not be to others. */
function decodeLeniently(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
