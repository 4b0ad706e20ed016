import type { Operation } from '../contract/operation.ts';
import type { Message } from '../transcoding/message.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { readWait } from './wait.ts';

/** What a call says of the creation that it asks for. */
export interface CreationOptions {
  /** Names the creation, so that it happens once. */
  readonly idempotencyKey: string | undefined;
  /** How long the caller waits for what it creates, in milliseconds. */
  readonly waitMs: number | undefined;
}

const NONE: CreationOptions = { idempotencyKey: undefined, waitMs: undefined };

/**
 * Reads what only a creation has a use for: anything else that is repeated under a key is simply done again.
 * @throws CallError INVALID_ARGUMENT when something of it is malformed
 */
export function readCreation(
  { effect }: Pick<Operation, 'effect'>,
  request: Message,
  metadata: ReadonlyMap<string, string>,
): CreationOptions {
  if (effect !== 'CREATE') return NONE;
  return { idempotencyKey: readIdempotencyKey(request, metadata), waitMs: readWait(request, metadata) };
}
