import { LineCounter } from 'yaml';

/** Something that is wrong in a callers file. */
export interface Mistake {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** What is wrong and what is expected, as sentences. */
  readonly message: string;
}

/** A callers file that cannot be used, with everything that is wrong with it. */
export class CallersFileError extends Error {
  override readonly name = 'CallersFileError';
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    const lines = mistakes.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    super(lines.join('\n'));
    this.mistakes = mistakes;
  }
}

/** The most mistakes that are reported at once; the others follow when those are corrected. */
const MAX_MISTAKES = 50;

/** Collects the mistakes of one file. */
export class Mistakes {
  readonly lines = new LineCounter();
  readonly #list: Mistake[] = [];

  /** @param offset in UTF-16 units from the start of the file */
  add(offset: number, message: string): void {
    const { line, col } = this.lines.linePos(offset);
    this.#list.push({ line: Math.max(1, line), column: Math.max(1, col), message });
  }

  get count(): number {
    return this.#list.length;
  }

  /** All of them, in the order of the file. */
  inOrder(): readonly Mistake[] {
    return this.#list
      .toSorted((one, other) => one.line - other.line || one.column - other.column)
      .slice(0, MAX_MISTAKES);
  }
}
