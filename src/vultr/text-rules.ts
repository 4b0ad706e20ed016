import type { Code } from '../status/code.ts';
import type { Reason } from '../status/reasons.ts';

/** What an error text of Vultr means, beyond its HTTP status. */
export interface TextRule {
  /** Tested against the text as Vultr wrote it. */
  readonly pattern: RegExp;
  /** The HTTP statuses that it holds for; undefined: every failure. */
  readonly statuses?: readonly number[];
  /** The HTTP method that it does not hold for. */
  readonly exceptMethod?: 'POST';
  readonly code: Code;
  readonly reason: Reason;
}

const MISSING = { statuses: [400, 422], code: 'NOT_FOUND', reason: 'VULTR_NOT_FOUND' } as const;

/**
 * Every text of Vultr that decides, in the order in which they are tried. Wordings differ between resources and change
 * over time, so the patterns are loose; no other file of the gateway looks at Vultr's texts.
 */
export const TEXT_RULES: readonly TextRule[] = [
  // A locked server comes with 500: without this rule it would read as a crash of Vultr.
  { pattern: /\bcurrently locked\b/i, code: 'FAILED_PRECONDITION', reason: 'VULTR_LOCKED' },
  // The second is how the API said it before v2, in plain text.
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
    pattern: /^(?:cannot add|server add failed)\b/i,
    statuses: [400, 422],
    code: 'INVALID_ARGUMENT',
    reason: 'VULTR_REFUSED',
  },
  { pattern: /\bnot found\b|\bdoes not exist\b/i, ...MISSING },
  // "Invalid instance-id.", "Invalid VPC 2.0 ID": words of one sentence, then ID as a word of its own. Not "Invalid
  // os_id", which names a field.
  { pattern: /\binvalid(?: [\w.-]*\w)*?[ -]id\b/i, ...MISSING },
  // "Not a valid DBaaS Subscription UUID!", which managed databases say in `message`.
  { pattern: /\bnot a valid\b.*\buuid\b/i, ...MISSING },
  // What some resources say for a missing one. To a POST they say it about an argument ("Invalid ssh key." of a create).
  {
    pattern: /^invalid (?:server|ssh key|domain|user|iso|bare metal instance)\.?$/i,
    exceptMethod: 'POST',
    ...MISSING,
  },
];
