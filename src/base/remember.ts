/** What may be remembered: longer texts are hardly ever seen twice. */
const MAX_LENGTH = 200;

/**
 * Makes a function that remembers what texts led to, for texts of callers that are few in practice and the same again and again, such
 * as headers that say what they accept.
 * @param max how many are remembered; with one more, all of them are forgotten
 * @param make must depend on the text alone
 */
export function remember<Result>(max: number, make: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>();
  return (text) => {
    const result = known.get(text);
    if (result !== undefined || known.has(text)) return result as Result;
    const made = make(text);
    if (text.length > MAX_LENGTH) return made;
    if (known.size >= max) known.clear();
    known.set(text, made);
    return made;
  };
}
