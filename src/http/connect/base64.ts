import { malformedFrames } from './errors.ts';

const GROUPS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** What each character stands for, by its code; padding counts as nothing. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) =>
  Math.max(0, DIGITS.indexOf(String.fromCharCode(code))),
);

const PADDING = '='.charCodeAt(0);

/** Reads base64 as it arrives. Every part of the text may be padded, as clients encode each message by itself. */
export class Base64Reader {
  #rest = '';

  /** @throws CallError INVALID_ARGUMENT when it is not base64 */
  push(chunk: Uint8Array): Buffer {
    const text = this.#rest + Buffer.from(chunk).toString('latin1');
    const whole = text.slice(0, text.length - (text.length % 4));
    this.#rest = text.slice(whole.length);
    if (!GROUPS.test(whole)) throw malformedFrames('The request is not valid base64.');
    const padded = whole.indexOf('=');
    const isOnePart = padded < 0 || padded >= whole.length - 2;
    return isOnePart ? Buffer.from(whole, 'base64') : decodeParts(whole);
  }

  /** @throws CallError INVALID_ARGUMENT when the text ends in the middle of a group */
  end(): void {
    if (this.#rest !== '') throw malformedFrames('The request is not valid base64.');
  }
}

/**
 * Decodes text of which any group may be padded. Buffer stops at the first padding, and to give it hundreds of thousands of parts
 * one by one would hold up everybody else.
 */
function decodeParts(text: string): Buffer {
  const bytes = Buffer.allocUnsafe((text.length / 4) * 3);
  let length = 0;
  for (let at = 0; at < text.length; at += 4) {
    let bits = 0;
    for (let place = at; place < at + 4; place += 1)
      bits = (bits << 6) | (VALUES[text.charCodeAt(place)] ?? 0);
    bytes.writeUIntBE(bits, length, 3);
    if (text.charCodeAt(at + 3) !== PADDING) length += 3;
    else length += text.charCodeAt(at + 2) === PADDING ? 1 : 2;
  }
  return bytes.subarray(0, length);
}
