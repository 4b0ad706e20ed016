import { clip } from '../base/text.ts';
import type { VultrResponse } from './request.ts';

/** A body beyond this is not read: Vultr's errors have some hundred bytes. */
const MAX_ERROR_BODY_BYTES = 65_536;

/** The most characters of a text that are kept. */
const MAX_TEXT_LENGTH = 2_000;

/** Longer plain text is a document, not a reason. */
const MAX_PLAIN_LENGTH = 500;

/**
 * The members of an error object that hold its text, the best first: Vultr's own, those of RFC 9457, then those of its other
 * APIs and of OAuth (RFC 6749).
 */
const TEXT_MEMBERS = [
  'error',
  'message',
  'detail',
  'description',
  'title',
  'errors',
  'reason',
  'msg',
  'error_description',
] as const;

/**
 * The name of the member that makes an object one of an error, as JSON, without the quote in front of it: JSON is full of those, and
 * the search would stop at each.
 */
const ERROR_MEMBER = Buffer.from('error"');

/** The end of the name of the member that says which status an error has. */
const STATUS_MEMBER = Buffer.from('status":');

/** An error that is only known by its status is no larger than this: responses with data hold that word, too. */
const MAX_STATUS_BODY_BYTES = 4_096;

/** How deep a text is searched for. */
const MAX_DEPTH = 3;

/**
 * The reason in the body of a failed response, wherever Vultr and what stands before it put it: `error`, `message`,
 * `errors[]`, a nested object, problem+json, short plain text, or the title of an HTML page.
 * @returns undefined when there is none
 */
export function readErrorText({ body }: VultrResponse): string | undefined {
  const text = decode(body);
  if (text === undefined) return undefined;
  if (looksLikeJson(text)) return clean(textOf(parseJson(text), 0));
  return clean(hasMarkup(text) ? titleOf(text) : plainOf(text));
}

/** An error object that came with a 2xx. */
export interface HiddenError {
  /** Undefined: it has no readable text. */
  readonly text: string | undefined;
  /** The status that it names; 500 when it names none. */
  readonly status: number;
}

/**
 * Looks for an error object in a successful response: `{"error": "...", "status": 500}`, which Vultr now and then sends with
 * 200, or another text beside the status of an error, as in problem+json. Only a body that holds such a member is parsed.
 */
export function findHiddenError({ body }: VultrResponse): HiddenError | undefined {
  if (body.length > MAX_ERROR_BODY_BYTES) return undefined;
  const bytes = toBuffer(body);
  if (!bytes.includes(ERROR_MEMBER) && !hasErrorStatus(bytes)) return undefined;
  const text = decode(body);
  const json = text === undefined ? undefined : parseJson(text);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { error, status } = json as { error?: unknown; status?: unknown };
  const named = Number(status);
  const errorStatus = Number.isInteger(named) && named >= 400 && named <= 599 ? named : undefined;
  if (!isEmpty(error)) return { text: clean(textOf(error, 1)), status: errorStatus ?? statusOf(error) };
  const reason = typeof status === 'number' && errorStatus !== undefined ? textOf(json, 0) : undefined;
  return reason === undefined || errorStatus === undefined
    ? undefined
    : { text: clean(reason), status: errorStatus };
}

/** Whether the bytes hold a `status` that is a number from 400 to 599, compact or with a space, as far as a look tells. */
function hasErrorStatus(bytes: Buffer): boolean {
  if (bytes.length > MAX_STATUS_BODY_BYTES) return false;
  for (let at = bytes.indexOf(STATUS_MEMBER); at >= 0; at = bytes.indexOf(STATUS_MEMBER, at + 1)) {
    const after = bytes.toString('latin1', at + STATUS_MEMBER.length, at + STATUS_MEMBER.length + 8);
    if (/^\s*[45]\d\d\b/.test(after)) return true;
  }
  return false;
}

/** The status of an error that names none: the error itself may be one. */
function statusOf(error: unknown): number {
  return typeof error === 'number' && error >= 400 && error <= 599 ? error : 500;
}

/** The same bytes. What comes from the connection is a Buffer already. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether the member says that there was no error. */
function isEmpty(error: unknown): boolean {
  if (typeof error === 'object' && error !== null) return Object.keys(error).length === 0;
  return typeof error === 'string'
    ? error.trim() === ''
    : error !== true && (typeof error !== 'number' || error === 0);
}

/** The text of a body; undefined when it is too large, empty or not UTF-8. */
function decode(body: Uint8Array): string | undefined {
  if (body.length > MAX_ERROR_BODY_BYTES) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body).trim();
    return text === '' ? undefined : text;
  } catch {
    // Not text at all.
    return undefined;
  }
}

function clean(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? '';
  return trimmed === '' ? undefined : clip(trimmed, MAX_TEXT_LENGTH);
}

function looksLikeJson(text: string): boolean {
  return /^[{["]/.test(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It was cut off, or was never JSON.
    return undefined;
  }
}

function textOf(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return undefined;
  if (Array.isArray(value)) {
    const texts = value.slice(0, 10).flatMap((each: unknown) => textOf(each, depth + 1) ?? []);
    return texts.length === 0 ? undefined : texts.join(' ');
  }
  const object = value as Readonly<Record<string, unknown>>;
  for (const name of TEXT_MEMBERS) {
    const member = Object.hasOwn(object, name) ? object[name] : undefined;
    const text = textOf(member, depth + 1) ?? (name === 'errors' ? textOfFields(member) : undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The texts of `errors` that stand by the names of the fields that they are about. */
function textOfFields(errors: unknown): string | undefined {
  if (typeof errors !== 'object' || errors === null || Array.isArray(errors)) return undefined;
  const texts = Object.entries(errors)
    .slice(0, 10)
    .flatMap(([field, said]) => {
      const text = textOf(said, MAX_DEPTH);
      return text === undefined ? [] : `${field} ${text}`;
    });
  return texts.length === 0 ? undefined : texts.join('; ');
}

/** Whether it is HTML or XML. The media type does not tell: plain text has come as text/html. */
function hasMarkup(text: string): boolean {
  return /<[a-z!/?]/i.test(text);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function titleOf(html: string): string | undefined {
  const title = /<title[^>]*>([^<]{1,300})<\/title>/i.exec(html)?.[1];
  return title?.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? ' ');
}

/** Short text without control characters but for line breaks and tabs. */
function plainOf(text: string): string | undefined {
  const isText = text.length <= MAX_PLAIN_LENGTH && !/\p{Cc}/u.test(text.replace(/[\t\n\r]/g, ' '));
  return isText ? text : undefined;
}
