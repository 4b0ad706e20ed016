/** The longest name that is compared; a longer one is not the misspelling of a field. */
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

/** The edits between two short texts: a character inserted, left out, replaced, or swapped with its neighbour. */
function countEdits(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > MAX_EDITS) return MAX_EDITS + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = countRow(left, right, row, previous, beforePrevious);
    // No later row has a smaller number than the smallest of this one, or with a swap of the one before.
    if (Math.min(...current, ...previous) > MAX_EDITS) return MAX_EDITS + 1;
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/** One row of the table of edits. */
function countRow(
  left: string,
  right: string,
  row: number,
  previous: readonly number[],
  beforePrevious: readonly number[],
): number[] {
  const current = [row];
  for (let column = 1; column <= right.length; column += 1) {
    const isSame = left[row - 1] === right[column - 1];
    const isSwapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
    current.push(
      Math.min(
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        isSwapped ? (beforePrevious[column - 2] ?? Number.POSITIVE_INFINITY) + 1 : Number.POSITIVE_INFINITY,
      ),
    );
  }
  return current;
}
