/**
 * What is remembered of one creation, named by an id of the caller's choice.
 *
 *                 begin                    answered, or found by its mark
 *     (nothing) --------> sent ------------------------------------------> done
 *         ^                |  ^                                              |
 *         |    refused for |  | ambiguous: only looks from now on; posts     | a day after
 *         |    certain     |  | again once the list has settled without it   | begin
 *         +----------------+  +--                                            v
 *         +--------------------------------------------------------------(nothing)
 *
 * `sent` is written before anything goes to Vultr, so that no crash can lose the knowledge that something may have.
 */
export type CreationRecord = SentCreation | DoneCreation;

/** Vultr may have been asked, and whether it has made the resource is not known. */
export interface SentCreation extends CreationRequest {
  readonly state: 'sent';
}

/** The resource is there. */
export interface DoneCreation {
  readonly state: 'done';
  /** The answer, sealed: only who has the credential can open it. */
  readonly answer: Uint8Array;
}

/** What is known of a creation before it is sent. */
export interface CreationRequest {
  /** The digest of each field of the request, by its name. */
  readonly fields: Readonly<Record<string, string>>;
  /** The text that the resource carries, to find it by; undefined: it carries none. */
  readonly mark: string | undefined;
  /** Until when the request may be on its way to Vultr, in milliseconds since the epoch. */
  readonly postUntilMs: number;
}

/** For how long a creation is remembered, from its first request on. */
export const REMEMBERED_MS = 86_400_000;

/** The names of the fields that two requests under one id differ in, sorted. */
export function differingFields(
  one: CreationRequest['fields'],
  other: CreationRequest['fields'],
): readonly string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}
