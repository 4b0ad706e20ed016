/**
 * Percent-encodes one path segment or query component: all but the unreserved characters `[-_.~0-9a-zA-Z]` of RFC 3986,
 * as google/api/http.proto asks of a client.
 * @throws URIError when the text contains half of a surrogate pair, which no URL can carry
 */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Decodes every percent escape, once.
 * @throws URIError when an escape is malformed or the bytes are not UTF-8
 */
export function percentDecode(text: string): string {
  return decodeURIComponent(text);
}

/** Decodes every percent escape but those of `/`, which stay as they are spelled (google/api/http.proto). */
export function percentDecodeExceptSlash(text: string): string {
  return text.replace(/(?:(?!%2f).)+/gis, (part) => decodeURIComponent(part));
}
