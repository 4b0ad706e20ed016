/** Shorter texts are not keys; looking for them would only find chance matches. */
const MIN_SECRET_LENGTH = 16;

/** Longer texts are not unescaped: what echoes a key is short, and others have to wait meanwhile. */
const MAX_ESCAPED_BYTES = 128 * 1024;

/** What escapes begin with. Most texts have neither, and copying them to look further would be in vain. */
const ESCAPES = ['%', '\\'] as const;

/**
 * Whether bytes hold a secret: as it is, percent-encoded, escaped as in JSON, or in base64 (either alphabet) at any offset
 * from a group of three bytes.
 * @param secret an API key; undefined or a short one is never found
 */
export function holdsSecret(bytes: Uint8Array, secret: string | undefined): boolean {
  if (secret === undefined || secret.length < MIN_SECRET_LENGTH) return false;
  // No form of a secret is shorter than the secret.
  if (bytes.length < secret.length) return false;
  // Not as text: of a large response that would be a copy of it.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const forms = formsOf(secret);
  if (forms.some((form) => buffer.includes(form, 0, 'latin1'))) return true;
  if (buffer.length > MAX_ESCAPED_BYTES || !ESCAPES.some((sign) => buffer.includes(sign))) return false;
  const plain = withoutEscapes(buffer.toString('latin1'));
  return forms.some((form) => plain.includes(form));
}

let latest: { readonly secret: string; readonly forms: readonly string[] } | undefined;

/** The texts to look for. One key serves call after call, so its forms are kept for the next. */
function formsOf(secret: string): readonly string[] {
  if (latest?.secret !== secret) latest = { secret, forms: [secret, ...base64Forms(secret)] };
  return latest.forms;
}

/** Replaces `%41`, `\u0041` and `\/`; keys are ASCII. */
function withoutEscapes(text: string): string {
  return text
    .replace(/(?:%|\\u00)([0-9a-f]{2})/gi, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    .replace(/\\([/"\\])/g, '$1');
}

/** The parts of the secret's base64 that do not depend on what stands before and behind it. */
export function base64Forms(secret: string): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const whole = padded.subarray(0, padded.length - (padded.length % 3));
    const skipped = offset === 0 ? 0 : 4;
    return [whole.toString('base64').slice(skipped), whole.toString('base64url').slice(skipped)];
  });
}
