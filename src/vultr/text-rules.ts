import type { Code } from '../status/code.ts';
import type { Reason } from '../status/reasons.ts';

/** What an error text of Vultr means, beyond its HTTP status. */
export interface TextRule {
  /** Tested against the text as Vultr wrote it. */
  readonly pattern: RegExp;
  /** The HTTP statuses that it holds for; undefined: every failure. */
  readonly statuses?: readonly number[];
  /** Set: it does not hold for a create. */
  readonly exceptCreates?: true;
  readonly code: Code;
  readonly reason: Reason;
}

const MISSING = { statuses: [400, 422], code: 'NOT_FOUND', reason: 'VULTR_NOT_FOUND' } as const;

/**
 * Every text of Vultr that decides about an error, in the order in which they are tried. Wordings differ between resources
 * and change over time, so the patterns are loose; no other file looks at Vultr's texts.
 */
export const TEXT_RULES: readonly TextRule[] = [
  // A locked server comes with 500: without this rule it would read as a crash of Vultr.
  { pattern: /\bcurrently locked\b/i, code: 'FAILED_PRECONDITION', reason: 'VULTR_LOCKED' },
  // The second is what the API before v2 says, in plain text.
  {
    pattern: /\bunauthorized ip\b|\byour ip\b.*\bnot authorized\b/i,
    statuses: [401, 403],
    code: 'UNAUTHENTICATED',
    reason: 'UNAUTHORIZED_IP',
  },
  {
    pattern: /\balready exists?\b|\bduplicate\b/i,
    statuses: [409],
    code: 'ALREADY_EXISTS',
    reason: 'VULTR_CONFLICT',
  },
  // A refused create names one of its arguments; there is no resource yet that could be missing.
  {
    pattern: /^(?:cannot add|server add failed|invalid tier)\b/i,
    statuses: [400, 404, 422],
    code: 'INVALID_ARGUMENT',
    reason: 'VULTR_REFUSED',
  },
  { pattern: /\bnot found\b|\bdoes not exist\b/i, ...MISSING },
  // "Invalid instance-id.", "Invalid VPC 2.0 ID": words of one sentence, then ID as a word of its own. Not "Invalid
  // os_id", which names a field.
  { pattern: /\binvalid(?: [\w.-]*\w)*?[ -]id\b/i, ...MISSING },
  // "Not a valid DBaaS Subscription UUID!", which managed databases say in `message`.
  { pattern: /\bnot a valid\b.*\buuid\b/i, ...MISSING },
  // What some resources say for a missing one. To a create they say it about an argument ("Invalid ssh key.").
  {
    pattern: /^invalid (?:server|ssh key|domain|user|iso|bare metal instance)\.?$/i,
    exceptCreates: true,
    ...MISSING,
  },
];

/** A refusal that says that things already are as the request wants them. */
export interface DoneRule {
  /** Undefined: every method. */
  readonly method?: string;
  /** Tested against the path of the request. */
  readonly path: RegExp;
  /** Tested against Vultr's text. */
  readonly pattern: RegExp;
}

/**
 * What Vultr says to a change that is already done. It counts only for a request that this service has repeated. The end of
 * "already attached" is strict: attached to something else is not what was asked for, and "a cluster" may be another one.
 */
export const DONE_RULES: readonly DoneRule[] = [
  {
    method: 'DELETE',
    path: /^/,
    pattern: /\balready (?:been |being )?(?:deleted|destroyed|removed|cancell?ed|detached)\b/i,
  },
  // One server: what is said about one of several says nothing about the others.
  {
    path: /^\/v2\/[^/]+\/[^/]+\/halt$/,
    pattern: /\balready (?:halted|stopped|powered off|off)\b|\bnot (?:currently )?running\b/i,
  },
  { path: /^\/v2\/[^/]+\/[^/]+\/start$/, pattern: /\balready (?:started|running|powered on|on)\b/i },
  {
    path: /\/attach$|\/attachments\/[^/]+$/,
    pattern: /\balready attached(?: to (?:this|the same|that)\b[\w .-]*)?[.!]?$/i,
  },
  {
    path: /\/detach$/,
    pattern: /\balready detached\b|\b(?:not|n't) (?:currently )?attached\b/i,
  },
  { path: /\/suspend$/, pattern: /\balready suspended\b/i },
  { path: /\/unsuspend$/, pattern: /\balready (?:unsuspended|active)\b|\bnot (?:currently )?suspended\b/i },
  { path: /\/pause$/, pattern: /\balready paused\b/i },
  { path: /\/resume$/, pattern: /\balready (?:resumed|running)\b|\bnot (?:currently )?paused\b/i },
  // What a change of values says when they are those that it has: "Nothing to change".
  { path: /^/, pattern: /^nothing to (?:change|update)\b/i },
];
