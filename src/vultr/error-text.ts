import { clip } from '../base/text.ts';
import type { VultrResponse } from './request.ts';

/** A body beyond this is not read: Vultr's errors have some hundred bytes. */
const MAX_ERROR_BODY_BYTES = 65_536;

/** The most characters of a text that are kept. */
const MAX_TEXT_LENGTH = 2_000;

/** Longer plain text is a document, not a reason. */
const MAX_PLAIN_LENGTH = 500;

/** The members of an error object that hold its text, the best first: Vultr's own, then those of RFC 9457. */
const TEXT_MEMBERS = ['error', 'message', 'detail', 'description', 'title', 'errors', 'reason'] as const;

/** How deep a text is looked for. */
const MAX_DEPTH = 3;

/**
 * The reason in the body of a failed response, wherever Vultr and what stands before it put it: `error`, `message`,
 * `errors[]`, a nested object, problem+json, short plain text, or the title of an HTML page.
 * @returns undefined when there is none
 */
export function readErrorText({ body, contentType }: VultrResponse): string | undefined {
  if (body.length > MAX_ERROR_BODY_BYTES) return undefined;
  const text = new TextDecoder().decode(body).trim();
  if (text === '') return undefined;
  const json = parseJson(text);
  const found =
    json !== undefined ? textOf(json, 0) : isHtml(text, contentType) ? titleOf(text) : plain(text);
  return found === undefined || found.trim() === '' ? undefined : clip(found.trim(), MAX_TEXT_LENGTH);
}

/** An error object that came with a 2xx: its text, and the status that it names, 500 when it names none. */
export interface HiddenError {
  readonly text: string;
  readonly status: number;
}

/**
 * Looks for an error object in a successful response: `{"error": "...", "status": 500}`, which Vultr now and
 * then sends with 200. Only a body that holds the word is parsed.
 */
export function findHiddenError({ body }: VultrResponse): HiddenError | undefined {
  if (body.length > MAX_ERROR_BODY_BYTES || body.length === 0) return undefined;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!bytes.includes('"error"')) return undefined;
  const json = parseJson(bytes.toString('utf8'));
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, 'error')) return undefined;
  const { error, status } = json as { error: unknown; status?: unknown };
  const text = textOf(error, 1);
  if (text === undefined || text.trim() === '') return undefined;
  const named = Number(status);
  return {
    text: clip(text.trim(), MAX_TEXT_LENGTH),
    status: Number.isInteger(named) && named >= 400 && named <= 599 ? named : 500,
  };
}

function parseJson(text: string): unknown {
  if (!/^[{["]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON after all; it may still be text.
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
    const text = Object.hasOwn(object, name) ? textOf(object[name], depth + 1) : undefined;
    if (text !== undefined) return text;
  }
  return undefined;
}

function isHtml(text: string, contentType: string): boolean {
  return /\bhtml\b/i.test(contentType) || text.startsWith('<');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function titleOf(html: string): string | undefined {
  const title = /<title[^>]*>([^<]{1,300})<\/title>/i.exec(html)?.[1];
  return title?.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? ' ');
}

function plain(text: string): string | undefined {
  return text.length <= MAX_PLAIN_LENGTH &&
    !/\p{Cc}/u.test(text.replace(/[\t\n\r]/g, '')) &&
    !text.includes('\ufffd')
    ? text
    : undefined;
}
