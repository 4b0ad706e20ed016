import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { FieldValue, Message } from '../transcoding/message.ts';
import type { VultrResponse } from '../vultr/request.ts';

/** What makes one creation out of a credential, an operation and an id. Ids of different credentials never meet. */
export function creationKey(credential: string, operation: string, id: string): string {
  return createHmac('sha256', credential).update(`${operation}\n${id}`).digest('hex');
}

/** The text that a resource carries so that it can be found: short, and a valid tag. */
export function markOf(key: string): string {
  return `vultr-grpc-${createHash('sha256').update(key).digest('hex').slice(0, 20)}`;
}

/**
 * The digest of each field of a request, keyed with the credential: fields hold passwords and scripts, which nobody shall
 * be able to guess from the record.
 */
export function digestFields(credential: string, message: Message): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name,
      createHmac('sha256', credential)
        .update(`field\n${name}\n${canonical(value)}`)
        .digest('base64url'),
    ]),
  );
}

/** Equal values have one text, whatever the order of their members. */
function canonical(value: FieldValue): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member === 'bigint') return { bigint: String(member) };
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Seals an answer (it may hold a default_password) so that only who has the credential can read it. */
export function sealAnswer(credential: string, key: string, response: VultrResponse): Uint8Array {
  const { status, contentType, body } = response;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, sealKey(credential, key), iv, { authTagLength: TAG_BYTES });
  const plain = JSON.stringify({ status, contentType, body: Buffer.from(body).toString('base64') });
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens what sealAnswer sealed.
 * @throws Error when it was sealed with another credential or is damaged
 */
export function openAnswer(credential: string, key: string, sealed: Uint8Array): VultrResponse {
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv(ALGORITHM, sealKey(credential, key), iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  const { status, contentType, body } = JSON.parse(String(plain));
  return { status, contentType, body: Buffer.from(body, 'base64'), attempts: 1 };
}

function sealKey(credential: string, key: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', credential, key, 'vultr-grpc creation', 32));
}
