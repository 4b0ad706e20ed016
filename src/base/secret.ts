/** Shorter texts are no keys; looking for them would only find accidents. */
const MIN_SECRET_LENGTH = 16;

/**
 * Whether bytes hold a secret: as it is, or in base64 (either alphabet) at any offset from a group of three bytes.
 * @param secret an API key; undefined or a short one is never found
 */
export function holdsSecret(bytes: Uint8Array, secret: string | undefined): boolean {
  if (secret === undefined || secret.length < MIN_SECRET_LENGTH) return false;
  // Not as text: of a large response that would be a copy of it.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [secret, ...base64Forms(secret)].some((form) => buffer.includes(form, 0, 'latin1'));
}

/** The parts of the secret's base64 that do not depend on what stands before and behind it. */
function base64Forms(secret: string): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const whole = padded.subarray(0, padded.length - (padded.length % 3));
    const skipped = offset === 0 ? 0 : 4;
    return [whole.toString('base64').slice(skipped), whole.toString('base64url').slice(skipped)];
  });
}
