/** A text in which `*` stands for any run of characters, none included. */
export interface Glob {
  readonly text: string;
  /** Whether there is no `*` in it. */
  readonly isLiteral: boolean;
  matches(value: string): boolean;
}

/**
 * Compiles a glob. Matching takes at most the product of both lengths, whatever the value: callers choose what is matched,
 * and a regular expression with several `.*` could be made to take far longer.
 */
export function compileGlob(text: string): Glob {
  const [first = '', ...rest] = text.split('*');
  const last = rest.pop();
  if (last === undefined) return { text, isLiteral: true, matches: (value) => value === text };
  return {
    text,
    isLiteral: false,
    matches: (value) => {
      const end = value.length - last.length;
      if (!value.startsWith(first) || !value.endsWith(last)) return false;
      let position = first.length;
      for (const part of rest) {
        const found = value.indexOf(part, position);
        if (found < 0) return false;
        position = found + part.length;
      }
      return position <= end;
    },
  };
}
