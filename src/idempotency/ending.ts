import { CallError } from '../status/call-error.ts';
import type { Reason } from '../status/reasons.ts';

/**
 * How a create with a key ended, for telemetry. `made`: just now. `found`: by its tag, after its response was lost.
 * `repeated`: another call with the key had made it. The others are failures.
 */
export type CreationEnding =
  | 'made'
  | 'found'
  | 'repeated'
  | 'refused'
  | 'not_sent'
  | 'uncertain'
  | 'conflict'
  | 'unavailable';

const ENDINGS: ReadonlyMap<Reason, CreationEnding> = new Map([
  ['CREATE_UNCERTAIN', 'uncertain'],
  ['IDEMPOTENCY_CONFLICT', 'conflict'],
  ['IDEMPOTENCY_UNAVAILABLE', 'unavailable'],
]);

/** How a create ended that failed with this. */
export function endingOf(thrown: unknown): CreationEnding {
  const { reason, vultr } = CallError.from(thrown);
  return ENDINGS.get(reason) ?? (vultr === undefined ? 'not_sent' : 'refused');
}
