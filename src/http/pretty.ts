/** `pretty`, `pretty=`, `pretty=true` and `pretty=1`, between ampersands. */
const PRETTY = /(?:^|&)pretty(?:=(?:true|1)?)?(?=&|$)/;

/**
 * Takes the parameter `pretty` out of a query: it asks for JSON that people can read, and belongs to no operation.
 * @returns the query without it
 */
export function takePretty(query: string): { readonly isPretty: boolean; readonly query: string } {
  if (!PRETTY.test(query)) return { isPretty: false, query };
  return { isPretty: true, query: query.replace(PRETTY, '').replace(/^&/, '') };
}

const CODE = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  space: 0x20,
} as const;

/**
 * Indents JSON text. It moves tokens apart and changes none of them, so that no digit is lost and no member changes its place.
 * @param json valid JSON in UTF-8
 */
export function indentJson(json: Uint8Array): Uint8Array {
  const parts: string[] = [];
  const text = Buffer.from(json).toString('utf8');
  let depth = 0;
  let isEmpty = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code <= CODE.space) continue;
    const isClosing = code === CODE.closeBrace || code === CODE.closeBracket;
    if (isClosing) depth -= 1;
    if (isEmpty !== isClosing && (isEmpty || isClosing)) parts.push(lineBreak(depth));
    isEmpty = code === CODE.openBrace || code === CODE.openBracket;
    if (isEmpty) depth += 1;
    const end = endOfToken(text, index, code);
    parts.push(text.slice(index, end));
    if (code === CODE.comma) parts.push(lineBreak(depth));
    if (code === CODE.colon) parts.push(' ');
    index = end - 1;
  }
  return Buffer.from(`${parts.join('')}\n`);
}

function lineBreak(depth: number): string {
  return `\n${'  '.repeat(depth)}`;
}

/** Where the token ends that begins here. */
function endOfToken(text: string, start: number, code: number): number {
  if (code !== CODE.quote) {
    const isPunctuation = '{}[],:'.includes(text.charAt(start));
    if (isPunctuation) return start + 1;
    const rest = /[\s{}[\],:]/g;
    rest.lastIndex = start;
    return rest.exec(text)?.index ?? text.length;
  }
  let end = start + 1;
  while (end < text.length && text.charCodeAt(end) !== CODE.quote)
    end += text.charCodeAt(end) === CODE.backslash ? 2 : 1;
  return end + 1;
}
