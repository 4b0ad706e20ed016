import { holdsSecret } from '../base/secret.ts';
import { clip } from '../base/text.ts';

const MAX_TEXT = 500;
const MAX_STACK = 4_000;

/** The credential of an Authorization header, and a key under its name, as in a query that somebody took for a path. */
const CREDENTIAL =
  /\b((?:Bearer|Basic)\s+|(?:access_?token|secret_?key|api_?key|password)["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi;

/**
 * What may be logged of something that was thrown: its name and message. An error of a library is never logged whole, as
 * its other members may hold what the library was called with, passwords included.
 * @param secret is left out wherever it occurs
 */
export function describeError(thrown: unknown, secret?: string): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return clip(redact(text, secret), MAX_TEXT);
}

/** The same with the stack, for what nobody expected. */
export function describeStack(thrown: unknown, secret?: string): string {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return describeError(thrown, secret);
  return clip(redact(thrown.stack, secret), MAX_STACK);
}

/** Removes what looks like a credential, and a secret that is known. */
export function redact(text: string, secret?: string): string {
  const plain = text.replace(CREDENTIAL, '$1[redacted]');
  // Every form of a secret is at least as long as the secret.
  if (secret === undefined || secret === '' || plain.length < secret.length) return plain;
  const whole = plain.replaceAll(secret, '[redacted]');
  // One that is hidden in another form cannot be cut out without guessing where it begins.
  return holdsSecret(Buffer.from(whole), secret) ? '[redacted]' : whole;
}
