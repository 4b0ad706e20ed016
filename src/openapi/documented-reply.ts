/** What the comment of an rpc says about the response: "Returns 200 with "meta" and "regions": id, city and country." */
export interface DocumentedReply {
  /** The status codes of success, the usual one first. */
  readonly statuses: readonly number[];
  /** What the body is. `any`: JSON of a form that is not known. */
  readonly content: 'none' | 'object' | 'array' | 'any' | 'yaml' | 'csv' | 'xml';
  /** The members of the object that the comment names. */
  readonly keys: readonly string[];
  /** Those of them that are lists for certain. */
  readonly lists: ReadonlySet<string>;
  /** Whether every one of the members is always there. */
  readonly isCertain: boolean;
  /** The sentences, for people. */
  readonly text: string;
}

/** Words of a comment that names more than one form of a response, or a member that is only sometimes there. */
const UNCERTAIN = /(?:"|\)|, )\s?or\b|, which|only when|without a (?:key|body)/;

const SENTENCE = /\bReturns (\d{3})(?: or (\d{3}))?\b/;

/**
 * Reads what the comment of an rpc of vultr.v2 says about its response.
 * @returns the reply, and the comment without the sentences about it; undefined when it has none
 */
export function readDocumentedReply(
  comment: string,
  isList: boolean,
): { reply: DocumentedReply; rest: string } | undefined {
  const match = SENTENCE.exec(comment);
  if (match === null) return undefined;
  const end = comment.indexOf('\n\n', match.index);
  const text = comment.slice(match.index, end < 0 ? undefined : end);
  const rest = `${comment.slice(0, match.index)}${end < 0 ? '' : comment.slice(end)}`.trim();
  const statuses = match
    .slice(1)
    .filter((status) => status !== undefined)
    .map(Number);
  const first = text.split(/(?<=\.)\s/, 1)[0] ?? '';
  // Behind the colon is what a member holds, or what stands there when none is named.
  const beforeColon = quotedNames(first.split(':', 1)[0] ?? '');
  const keys = beforeColon.length > 0 ? beforeColon : quotedNames(first);
  return {
    reply: {
      statuses,
      content: contentOf(first, keys, statuses),
      keys,
      lists: listsOf(first, keys, isList),
      isCertain: !UNCERTAIN.test(text),
      text: text
        .replace(SENTENCE, 'Vultr responds')
        .replace('Vultr responds (inferred)', 'Vultr presumably responds'),
    },
    rest,
  };
}

/** The names in double quotes, in their order. */
export function quotedNames(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/"([\w$-]+)"/g)].map(([, name = '']) => name))];
}

function contentOf(
  sentence: string,
  keys: readonly string[],
  statuses: readonly number[],
): DocumentedReply['content'] {
  if (/with YAML/.test(sentence)) return 'yaml';
  if (/with CSV/.test(sentence)) return 'csv';
  if (/with XML/.test(sentence)) return 'xml';
  if (/empty JSON array/.test(sentence)) return 'array';
  if (/body is not known/.test(sentence)) return 'any';
  if (keys.length === 0 && /without (?:content|a body)/.test(sentence)) return 'none';
  return statuses.every((status) => status === 204 || status >= 300) ? 'none' : 'object';
}

/** A page of a list has one list beside "meta"; elsewhere the comment says "an array" behind the name. */
function listsOf(sentence: string, keys: readonly string[], isList: boolean): ReadonlySet<string> {
  const others = keys.filter((key) => key !== 'meta');
  const [only] = others;
  if (
    isList &&
    keys.length === 2 &&
    others.length === 1 &&
    only !== undefined &&
    !/\ban object\b/.test(sentence)
  )
    return new Set([only]);
  return new Set(keys.filter((key) => sentence.includes(`"${key}": an array`)));
}
