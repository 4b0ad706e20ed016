/** Text of at most `maxLength` UTF-16 units, well-formed; what is longer ends in an ellipsis. */
export function clip(text: string, maxLength: number): string {
  return (text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`).toWellFormed();
}

/** One line of printable text, of at most `maxLength` UTF-16 units. */
export function toLine(text: string, maxLength: number): string {
  return clip(text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim(), maxLength);
}
