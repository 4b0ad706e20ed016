import type { Incoming } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';

/** How long a call may take: unless its caller says otherwise, and at most. */
export interface Timeout {
  readonly default: number;
  readonly max: number;
}

/** The longest that a caller may wait for what it creates, in seconds. */
const MAX_WAIT_S = 86_400;

/**
 * Reads how long a caller wants to wait from its metadata `prefer` (RFC 7240): `wait=600`, in seconds. Other preferences are
 * not looked at.
 * @returns milliseconds; undefined when it has no such wish
 * @throws CallError INVALID_ARGUMENT when the number cannot be read
 */
export function readWait(metadata: ReadonlyMap<string, string>): number | undefined {
  for (const preference of (metadata.get('prefer') ?? '').split(/[,;]/)) {
    const [name = '', value = ''] = preference.split('=').map((part) => part.trim());
    if (name.toLowerCase() !== 'wait') continue;
    const seconds = /^"?(\d{1,9})"?$/.exec(value)?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds), MAX_WAIT_S) * 1_000;
    throw CallError.invalid([
      { field: 'prefer', description: 'wait must be whole seconds, for example wait=600.' },
    ]);
  }
  return undefined;
}

/** A caller who waits for what it creates has that much longer. */
export function withWait({ operation, metadata }: Incoming, timeoutMs: Timeout): Timeout {
  if (operation.effect !== 'CREATE' || !metadata.has('prefer')) return timeoutMs;
  try {
    const waitMs = readWait(metadata) ?? 0;
    return { default: timeoutMs.default + waitMs, max: timeoutMs.max + waitMs };
  } catch {
    // The call is refused where its request is read.
    return timeoutMs;
  }
}
