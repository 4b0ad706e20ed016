const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The bytes that matter outside strings: those that begin a value or stand before one, and quotes. */
const IS_STRUCTURE = new Uint8Array(256);
for (const byte of Buffer.from(',[{"')) IS_STRUCTURE[byte] = 1;

/**
 * Whether JSON has more than so many values. It is counted before parsing, as JSON.parse cannot be stopped. Invalid JSON is
 * miscounted at most, and refused afterwards.
 */
export function hasMoreValues(json: Uint8Array, max: number): boolean {
  // A value takes two bytes at least, a comma or bracket included.
  if (json.length < 2 * max) return false;
  let count = 0;
  for (let index = findStructure(json, 0); index < json.length; index = findStructure(json, index + 1)) {
    if (json[index] === QUOTE) index = findStringEnd(json, index + 1);
    else count += 1;
    if (count > max) return true;
  }
  return false;
}

/**
 * The index of the next byte that matters. In a loop of its own, which only looks up each byte: it is three times as fast as
 * comparing each in the loop above.
 */
function findStructure(json: Uint8Array, start: number): number {
  let index = start;
  while (index < json.length && IS_STRUCTURE[json[index] ?? 0] === 0) index += 1;
  return index;
}

/** The index of the quote that ends a string. */
function findStringEnd(json: Uint8Array, start: number): number {
  let index = start;
  while (index < json.length && json[index] !== QUOTE) index += json[index] === BACKSLASH ? 2 : 1;
  return index;
}
