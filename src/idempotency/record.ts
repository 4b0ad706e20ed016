/**
 * What is remembered of one creation, which the caller has named by an idempotency key.
 *
 *                 begin                    responded, or found by its tag
 *     (nothing) --------> sent ------------------------------------------> done
 *         ^                |  ^                                              |
 *         |    refused for |  | ambiguous: only polls from now on; posts     | a day after
 *         |    certain     |  | again once the list has settled without it   | begin
 *         +----------------+  +--                                            v
 *         +--------------------------------------------------------------(nothing)
 *
 * `sent` is written before anything goes to Vultr, so that no crash can lose the knowledge that something may have.
 */
export interface SentRecord {
  /** The digest of each field of the request, by its name. */
  readonly fields: Readonly<Record<string, string>>;
  /** The correlation tag that the resource carries; undefined: it carries none. */
  readonly tag: string | undefined;
  /** Until when the request may be on its way to Vultr, as Moments write it. */
  readonly postUntil: string;
}

/** How long a creation is remembered, from its first request on. */
export const REMEMBERED_MS = 86_400_000;

/** The names of the fields that two requests under one key differ in, sorted. */
export function differingFields(one: SentRecord['fields'], other: SentRecord['fields']): readonly string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}
