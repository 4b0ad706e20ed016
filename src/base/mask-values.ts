import { toLine } from './text.ts';

/** Takes the place of a value that must not be read. */
export const MASK = '[masked]';

/** Values shorter than this are masked only where they stand alone; within words they would be found by chance. */
const MIN_LENGTH = 6;

/** What a text and a value have in common is found by runs of this length. */
const RUN = 8;

/** A part of a value is masked from this length on: shorter ones are words that anybody uses. */
const MIN_PART = 12;

/** Longer texts are masked whole. */
const MAX_TEXT = 8_192;

/** How many characters are compared before a text is masked whole. */
const MAX_COMPARED = 50_000;

/**
 * Masks values in a text, wherever it repeats one. Parts of long values are masked, too, since texts are cut off. A text that
 * repeats one in another form (percent-encoded, escaped as in JSON, in base64 at any offset) is masked whole, and so is one that
 * would take too long to search.
 * @param values what is base64 stands for what it holds, too; at most some ten thousand characters in all, which are searched
 *   in a few milliseconds
 */
export function maskValues(text: string, values: readonly string[]): string {
  if (text === '' || values.length === 0) return text;
  if (text.length > MAX_TEXT) return MASK;
  const readings = readingsOf(text);
  const forms = new Set(values.flatMap(formsOf));
  const long = [...forms].filter(({ length }) => length >= RUN);
  const short = [...forms].filter(({ length }) => length < RUN);
  const parts = findParts(readings, long);
  if (parts === undefined || readings.some((reading, index) => index > 0 && holdsAny(reading, short)))
    return MASK;
  return maskShort(cutOut(text, parts), short);
}

/** A value as it may stand in a text, which may be one line by now. The service itself sends some values in base64. */
function formsOf(value: string): readonly string[] {
  const other =
    decodeBase64(value) ?? (value.length < MIN_LENGTH ? '' : Buffer.from(value).toString('base64'));
  return [value, other].flatMap((each) => [each, toLine(each, each.length)]).filter((each) => each !== '');
}

/** What stands in the base64 of a text; undefined: the value is not that. */
function decodeBase64(value: string): string | undefined {
  if (value.length < RUN || !/^[\w+/\s-]+={0,2}\s*$/.test(value)) return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  return text.includes('\ufffd') ? undefined : text;
}

/** What a text says to whoever decodes it; the first is the text itself. */
function readingsOf(text: string): readonly string[] {
  const plain = new Set([text, withoutEscapes(text), withoutEscapes(text.replaceAll('+', ' '))]);
  return [...plain, ...[...plain].flatMap(base64In)];
}

/** Replaces `%41`, `\u0041` and `\/`. */
function withoutEscapes(text: string): string {
  return text
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
    .replace(/\\u([0-9a-f]{4})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\([/"\\])/g, '$1');
}

/** What a text holds in base64, which may begin at any letter of a run. */
function base64In(text: string): readonly string[] {
  const runs = [...text.matchAll(/[\w+/-]{8,}/g)];
  return runs.flatMap(([run]) =>
    [0, 1, 2, 3].map((start) => Buffer.from(run.slice(start), 'base64').toString('utf8')),
  );
}

/** What of a text must be masked, from and to. */
type Part = readonly [number, number];

/** Where a run of characters begins: in which reading, and at which character. */
interface Place {
  readonly reading: number;
  readonly at: number;
}

/**
 * Finds what the first reading of a text has in common with values.
 * @returns undefined when another reading has something in common with them, or when it takes too long
 */
function findParts(readings: readonly string[], values: readonly string[]): readonly Part[] | undefined {
  if (values.length === 0) return [];
  const runs = runsOf(readings);
  const parts: Part[] = [];
  let compared = 0;
  for (const value of values) {
    // A part that is nearly twice as long as a run holds one that begins here, and so does the beginning of the value.
    for (let from = 0; from + RUN <= value.length; from += RUN) {
      for (const { reading, at } of runs.get(value.slice(from, from + RUN)) ?? []) {
        const text = readings[reading] ?? '';
        const part = commonPart(text, at, value, from);
        const length = part[1] - part[0];
        compared += length;
        if (compared > MAX_COMPARED) return undefined;
        if (length < value.length && length < MIN_PART && !isCutOff(text, part)) continue;
        if (reading > 0) return undefined;
        parts.push(part);
      }
    }
  }
  return parts;
}

function runsOf(readings: readonly string[]): ReadonlyMap<string, readonly Place[]> {
  const runs = new Map<string, Place[]>();
  for (const [reading, text] of readings.entries()) {
    for (let at = 0; at + RUN <= text.length; at += 1) {
      const run = text.slice(at, at + RUN);
      const known = runs.get(run);
      if (known === undefined) runs.set(run, [{ reading, at }]);
      else known.push({ reading, at });
    }
  }
  return runs;
}

/** How far a text and a value are the same around a run that they have in common. */
function commonPart(text: string, at: number, value: string, from: number): Part {
  let before = 0;
  while (before < at && before < from && text[at - before - 1] === value[from - before - 1]) before += 1;
  let length = RUN;
  while (at + length < text.length && text[at + length] === value[from + length]) length += 1;
  return [at - before, at + length];
}

/** Whether a text ends with a part, or was cut off there. */
function isCutOff(text: string, [, end]: Part): boolean {
  return end === text.length || (end === text.length - 1 && text.endsWith('…'));
}

function cutOut(text: string, parts: readonly Part[]): string {
  let rest = '';
  let from = 0;
  for (const [begin, end] of parts.toSorted(([one], [other]) => one - other)) {
    if (begin >= from) rest += text.slice(from, begin) + MASK;
    from = Math.max(from, end);
  }
  return rest + text.slice(from);
}

function holdsAny(text: string, values: readonly string[]): boolean {
  return values.some((value) => value.length >= MIN_LENGTH && text.includes(value));
}

/** Masks values that are too short for runs, the shortest of them only where no letter or digit stands beside them. */
function maskShort(text: string, values: readonly string[]): string {
  if (values.length === 0) return text;
  const pattern = values
    .toSorted((one, other) => other.length - one.length)
    .map((value) => {
      const literal = RegExp.escape(value);
      return value.length < MIN_LENGTH ? String.raw`(?<![\p{L}\p{N}_])${literal}(?![\p{L}\p{N}_])` : literal;
    })
    .join('|');
  return text.replace(new RegExp(pattern, 'gu'), MASK);
}
