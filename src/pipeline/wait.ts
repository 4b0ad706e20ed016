import { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';

/** The longest that a caller may wait for what it creates, in seconds. */
const MAX_WAIT_S = 86_400;

/**
 * Reads how long a caller wants to wait for what it creates: from the field `wait` of its request, or from its metadata `prefer`
 * (RFC 7240): `wait=600`. Both are in seconds. Other preferences are not looked at.
 * @returns milliseconds; undefined when it has no such wish
 * @throws CallError INVALID_ARGUMENT when the number cannot be read, or the two differ
 */
export function readWait(request: Message, metadata: ReadonlyMap<string, string>): number | undefined {
  const preferred = readPreference(metadata.get('prefer') ?? '');
  const field = request['wait'];
  if (typeof field !== 'number') return inMilliseconds(preferred);
  if (field < 0 || field > MAX_WAIT_S) throw refused('wait', `Must be 0 to ${MAX_WAIT_S} seconds.`);
  if (preferred !== undefined && preferred !== field)
    throw refused('wait', 'Differs from the metadata prefer; give one of the two.');
  return inMilliseconds(field);
}

function inMilliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** The seconds of the preference `wait`; undefined: it is not among them. */
function readPreference(prefer: string): number | undefined {
  for (const preference of prefer.split(/[,;]/)) {
    const [name = '', value = ''] = preference.split('=').map((part) => part.trim());
    if (name.toLowerCase() !== 'wait') continue;
    const seconds = /^"?(\d{1,9})"?$/.exec(value)?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds), MAX_WAIT_S);
    throw refused('prefer', 'wait must be whole seconds, for example wait=600.');
  }
  return undefined;
}

function refused(field: string, description: string): CallError {
  return CallError.invalid([{ field, description }]);
}
