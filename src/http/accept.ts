import { remember } from '../base/remember.ts';

/** A member of an Accept or Accept-Encoding header. */
interface Preference {
  readonly name: string;
  /** From 0, not wanted, to 1. */
  readonly quality: number;
}

/** The q parameter of RFC 9110, section 12.4.2. */
const QUALITY = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;

/** Reads a list with q-values. A malformed q counts as 0: what cannot be understood is not preferred. */
const parsePreferences = remember(100, (header): readonly Preference[] =>
  header.split(',').map((member) => {
    const [name = '', ...parameters] = member.split(';').map((part) => part.trim());
    const quality = parameters.find((parameter) => /^q=/i.test(parameter));
    const value = quality === undefined ? 1 : Number(QUALITY.exec(quality)?.[1] ?? 0);
    return { name: name.toLowerCase(), quality: value };
  }),
);

/** How much a caller wants one of several names, of which the most exact one counts. */
function qualityOf(preferences: readonly Preference[], names: readonly string[]): number {
  for (const name of names) {
    const preference = preferences.find((one) => one.name === name);
    if (preference !== undefined) return preference.quality;
  }
  return 0;
}

/**
 * Chooses a content coding (RFC 9110, section 12.5.3): the one that the caller likes best, Brotli when both are as good.
 * @returns undefined for none
 */
export function chooseEncoding(acceptEncoding: string | undefined): 'br' | 'gzip' | undefined {
  if (acceptEncoding === undefined) return undefined;
  const preferences = parsePreferences(acceptEncoding);
  const brotli = qualityOf(preferences, ['br', '*']);
  const gzip = Math.max(qualityOf(preferences, ['gzip', '*']), qualityOf(preferences, ['x-gzip']));
  const identity = preferences.find(({ name }) => name === 'identity')?.quality ?? 0;
  if (Math.max(brotli, gzip) <= 0 || identity > Math.max(brotli, gzip)) return undefined;
  return brotli >= gzip ? 'br' : 'gzip';
}

/**
 * Whether a caller asks for a stream in place of a response: for server-sent events, which watch, or for JSON lines, which
 * walk a list. Only who names one of them, and likes nothing better, asks for it.
 */
export function chooseView(method: string, accept: string | undefined): 'watch' | 'walk' | undefined {
  if (method !== 'GET' || accept === undefined) return undefined;
  const preferences = parsePreferences(accept);
  const qualityNamed = (wanted: string): number =>
    preferences.find(({ name }) => name === wanted)?.quality ?? 0;
  const events = qualityNamed('text/event-stream');
  const lines = qualityNamed('application/x-ndjson');
  const best = Math.max(...preferences.map(({ quality }) => quality));
  if (Math.max(events, lines) <= 0 || Math.max(events, lines) < best) return undefined;
  return events >= lines ? 'watch' : 'walk';
}

/** Whether a caller wants a page for people: it names HTML, and likes JSON no better. Browsers do when they open an address. */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const preferences = parsePreferences(accept);
  const html = preferences.find(({ name }) => name === 'text/html')?.quality ?? 0;
  return html > 0 && html >= (preferences.find(({ name }) => name === 'application/json')?.quality ?? 0);
}

/** Whether a caller likes server-sent events better than JSON lines, which it gets when it has no preference. */
export function prefersEventStream(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const preferences = parsePreferences(accept);
  const any = ['application/*', '*/*'];
  const events = qualityOf(preferences, ['text/event-stream', 'text/*', '*/*']);
  const lines = Math.max(
    qualityOf(preferences, ['application/x-ndjson', ...any]),
    qualityOf(preferences, ['application/json', ...any]),
  );
  // It wins a tie when it is named: only a caller who wants it names it.
  const isNamed = preferences.some(({ name, quality }) => name === 'text/event-stream' && quality > 0);
  return isNamed ? events >= lines : events > lines;
}
