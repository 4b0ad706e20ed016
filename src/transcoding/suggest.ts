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

/** The edits between two short texts: a character put in, left out, replaced, or swapped with its neighbour. */
function countEdits(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const isSame = left[row - 1] === right[column - 1];
      const isSwapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const edits = [
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
      ];
      if (isSwapped) edits.push((beforePrevious[column - 2] ?? Number.POSITIVE_INFINITY) + 1);
      current.push(Math.min(...edits));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
