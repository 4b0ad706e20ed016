import { malformedFrames } from './errors.ts';

const GROUPS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;

/** Reads base64 as it arrives. Every part of the text may be padded, as clients encode each message by itself. */
export class Base64Reader {
  #rest = '';

  /** @throws CallError INVALID_ARGUMENT when it is not base64 */
  push(chunk: Uint8Array): Buffer {
    const text = this.#rest + Buffer.from(chunk).toString('latin1');
    const whole = text.slice(0, text.length - (text.length % 4));
    this.#rest = text.slice(whole.length);
    if (!GROUPS.test(whole)) throw malformedFrames('The request is not valid base64.');
    // Buffer stops at the first padding, so that each padded part is read by itself.
    const parts = whole.match(/[^=]+=*/g) ?? [];
    return Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')));
  }

  /** @throws CallError INVALID_ARGUMENT when the text ends in the middle of a group */
  end(): void {
    if (this.#rest !== '') throw malformedFrames('The request is not valid base64.');
  }
}
