import type { status } from '@grpc/grpc-js';
import { CallError } from '../status/call-error.ts';
import { messageTooLarge } from './errors.ts';
import type { GrpcLimits } from './limits.ts';

/**
 * Turns a status that comes from grpc-js itself into an error like all others; an unexpected one becomes INTERNAL. The texts
 * of grpc-js are meant for authors of servers.
 */
export function fromGrpcJs(
  { code, details }: { code?: status | null; details?: string | null },
  limits: GrpcLimits,
): CallError {
  const text = details ?? '';
  if (/larger than max/.test(text)) return messageTooLarge(limits);
  if (/second request message/.test(text)) return wrongNumber('more than one');
  if (/no request message/.test(text)) return wrongNumber('none');
  return CallError.from(new Error(`grpc-js: ${code} ${text}`));
}

function wrongNumber(given: string): CallError {
  const text = `The method takes one request message, and the call has ${given}.`;
  return new CallError('UNIMPLEMENTED', 'MALFORMED_MESSAGE', text, { reached: 'no' });
}
