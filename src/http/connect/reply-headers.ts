/** Headers that a response has anyway, and that metadata must not replace. */
const RESERVED =
  /^(?:grpc-|connect-|trailer-|content-|access-control-|connection$|transfer-encoding$|keep-alive$|date$|vary$|set-cookie$)/;

/** The token of RFC 9110, in lower case. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Response metadata as headers under their own names. What a header cannot hold becomes `?`, or is left out. */
export function plainHeaders(metadata: ReadonlyMap<string, string>, prefix = ''): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of metadata) {
    if (NAME.test(name) && !RESERVED.test(name))
      headers[prefix + name] = value.replace(/[^\t\x20-\x7e]/g, '?');
  }
  return headers;
}
