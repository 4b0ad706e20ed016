/** The longest name that is compared: what is longer is no misspelling of a field. */
const MAX_NAME_LENGTH = 64;

/** The most edits between a misspelling and the name that was meant. */
const MAX_EDITS = 2;

/**
 * Finds the name that was probably meant.
 * @returns undefined when none is near: equal but for case and separators, or at most two edits away
 */
export function suggest(name: string, names: Iterable<string>): string | undefined {
  if (name.length > MAX_NAME_LENGTH) return undefined;
  const folded = fold(name);
  let best: string | undefined;
  let bestEdits = MAX_EDITS + 1;
  for (const candidate of names) {
    const edits = countEdits(folded, fold(candidate));
    // Short names are near to everything.
    if (edits < bestEdits && edits * 2 < candidate.length) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

function fold(name: string): string {
  return name.replace(/[-_.\s]/g, '').toLowerCase();
}

/** The Levenshtein distance of two short texts. */
function countEdits(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replace = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const remove = (previous[column] ?? 0) + 1;
      const insert = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replace, remove, insert));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
