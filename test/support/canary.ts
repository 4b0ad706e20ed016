/** Runs of base64 that are long enough to hold a part of a secret. */
const BASE64_RUN = /[A-Za-z0-9+/_-]{16,}/g;

/**
 * The secrets that stand in a text: as they are, percent-encoded, escaped as in JSON, in hexadecimal, or in base64 at any
 * alignment. It works by decoding what it finds, so that it shares nothing with the code that keeps secrets out.
 */
export function findSecrets(text: string | Uint8Array, secrets: readonly string[]): string[] {
  const plain = typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  const forms = [plain, withoutEscapes(plain), ...decodings(plain), ...decodings(withoutEscapes(plain))];
  return secrets.filter(
    (secret) =>
      forms.some((form) => form.includes(secret)) ||
      plain.toLowerCase().includes(Buffer.from(secret).toString('hex')),
  );
}

function withoutEscapes(text: string): string {
  return text
    .replace(/(?:%|\\u00)([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/\\([\\/"])/g, '$1');
}

function* decodings(text: string): Generator<string> {
  for (const [run] of text.matchAll(BASE64_RUN)) {
    for (const start of [0, 1, 2, 3]) yield Buffer.from(run.slice(start), 'base64').toString('latin1');
  }
}
