/** What has tables of Unicode made, which takes a third of a second, or is another way to write it. */
const UNSUPPORTED = /[^\p{ASCII}]|\\[pPxQ0-7]/u;

/** Each of them may multiply the states that have to be followed at once. */
const BRANCHES = /[.*+?|{[\\]/g;

/** RE2 takes no higher counts, neither of one repetition nor of nested ones together. */
const MAX_REPEATS = 1_000;

const PER_CHARACTER = 10;
const PER_COPY = 3;

/**
 * Bounds the work of matching, in units of WorkBudget, without compiling the pattern. RE2 takes linear time, but the factor is
 * what the pattern makes it: one of 20 characters can take a quarter of a millisecond for each character of the text.
 * @returns undefined when the pattern is written with something that is not supported
 */
export function regexWork(pattern: string, text: string): number | undefined {
  if (UNSUPPORTED.test(pattern)) return undefined;
  let repeats = 1;
  for (const [, least, most] of pattern.matchAll(/\{(\d+)(?:,(\d*))?/g))
    repeats = Math.min(repeats * Math.max(1, Number(least), Number(most ?? 0)), MAX_REPEATS);
  const size = pattern.length * repeats;
  const branches = pattern.match(BRANCHES)?.length ?? 0;
  return pattern.length * PER_CHARACTER + size * PER_COPY + text.length * (1 + (size * branches) / 4);
}
