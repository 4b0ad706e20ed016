const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/**
 * Whether JSON has more than so many values. It is counted before parsing, as JSON.parse cannot be stopped. Invalid JSON is
 * miscounted at most, and refused afterwards.
 */
export function hasMoreValues(json: Uint8Array, max: number): boolean {
  // A value takes two bytes at least, a comma or bracket included.
  if (json.length < 2 * max) return false;
  let count = 0;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (byte === QUOTE) index = findStringEnd(json, index + 1);
    else if (byte === COMMA || byte === OPEN_BRACKET || byte === OPEN_BRACE) count += 1;
    if (count > max) return true;
  }
  return false;
}

/** The index of the quote that ends a string. */
function findStringEnd(json: Uint8Array, start: number): number {
  let index = start;
  while (index < json.length && json[index] !== QUOTE) index += json[index] === BACKSLASH ? 2 : 1;
  return index;
}
