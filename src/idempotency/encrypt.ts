import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { CallerShare } from '../rpc/call.ts';
import type { VultrResponse } from '../vultr/request.ts';

/**
 * The key of a record: the same for a caller and an idempotency key, whatever they create. Two callers never share one, and
 * a caller that is known by name keeps its records when the key of its account is rotated. One that is not known by name is
 * its credential.
 */
export function recordKey(
  { caller, credential }: { readonly caller?: CallerShare | undefined; readonly credential: string },
  idempotencyKey: string,
): string {
  const owner = caller === undefined ? credential : `caller ${caller.name}`;
  return createHmac('sha256', owner).update(idempotencyKey).digest('hex');
}

/**
 * The digest of each field of a request, keyed with the credential: fields hold passwords and scripts, which nobody
 * must be able to guess from the record.
 */
export function digestFields(
  credential: string,
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      createHmac('sha256', credential)
        .update(`field\n${name}\n${canonical(value)}`)
        .digest('base64url'),
    ]),
  );
}

/** Equal values have one text, whatever the order of their members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member === 'bigint') return JSON.rawJSON(String(member));
    if (typeof member !== 'object' || member === null || Array.isArray(member) || JSON.isRawJSON(member))
      return member;
    return Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const AUTH_TAG_BYTES = 16;

/** Encrypts a response (it may hold a default_password) so that only the owner of the credential can read it. */
export function encryptResponse(credential: string, key: string, response: VultrResponse): Uint8Array {
  const { status, contentType, body } = response;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, encryptionKey(credential, key), iv, {
    authTagLength: AUTH_TAG_BYTES,
  });
  const plain = JSON.stringify({ status, contentType, body: Buffer.from(body).toString('base64') });
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Decrypts what encryptResponse wrote.
 * @throws Error when it was encrypted with another credential or is damaged
 */
export function decryptResponse(credential: string, key: string, encrypted: Uint8Array): VultrResponse {
  const iv = encrypted.subarray(0, IV_BYTES);
  const decipher = createDecipheriv(ALGORITHM, encryptionKey(credential, key), iv, {
    authTagLength: AUTH_TAG_BYTES,
  });
  decipher.setAuthTag(encrypted.subarray(-AUTH_TAG_BYTES));
  const plain = Buffer.concat([
    decipher.update(encrypted.subarray(IV_BYTES, -AUTH_TAG_BYTES)),
    decipher.final(),
  ]);
  const { status, contentType, body } = JSON.parse(String(plain));
  return { status, contentType, body: Buffer.from(body, 'base64'), attempts: 1 };
}

function encryptionKey(credential: string, key: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', credential, key, 'vultr-grpc creation', 32));
}
