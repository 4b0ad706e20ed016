import { percentEncode } from './percent.ts';

/**
 * A path template of google.api.http, parsed. Grammar (google/api/http.proto):
 *
 *     Template  = "/" Segments [ Verb ] ;
 *     Segments  = Segment { "/" Segment } ;
 *     Segment   = "*" | "**" | LITERAL | Variable ;
 *     Variable  = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;
 *     Verb      = ":" LITERAL ;
 */
export interface PathTemplate {
  /** The template as it was written. */
  readonly source: string;
  /** What a path must look like, variables flattened into the segments that they capture. Never empty. */
  readonly segments: readonly TemplateSegment[];
  /** The variables, in the order of the template. They never overlap. */
  readonly variables: readonly TemplateVariable[];
  /** The verb without its colon, decoded; undefined when there is none. */
  readonly verb: string | undefined;
  /** The one path that it stands for, ready for a URL; undefined: it has variables or wildcards. */
  readonly path: string | undefined;
}

/** One segment of a path template: fixed text, any one segment (`*`), or all that remain (`**`). */
export type TemplateSegment =
  | {
      /** The text, percent escapes decoded. */
      readonly literal: string;
      /** The text as the template spells it, ready for a URL. */
      readonly spelling: string;
    }
  | { readonly wildcard: '*' | '**' };

/** A variable of a path template, with the segments that it captures. */
export interface TemplateVariable {
  /** The names of the fields on the way to the one that is bound. Never empty. */
  readonly fieldPath: readonly string[];
  /** The index of its first segment. */
  readonly start: number;
  /** The index after its last segment. */
  readonly end: number;
  /** Whether its value may contain slashes: with `**`, or with more than one segment. */
  readonly isMultiSegment: boolean;
}

/** A path template that does not follow the grammar. */
export class PathTemplateError extends Error {
  override readonly name = 'PathTemplateError';
  /** Where, counted from 1. */
  readonly column: number;
  readonly expected: string;
  readonly found: string;

  constructor(source: string, column: number, expected: string, found: string) {
    super(
      `column ${column} of path template ${JSON.stringify(source)}: expected ${expected}, found ${found}`,
    );
    this.column = column;
    this.expected = expected;
    this.found = found;
  }
}

/**
 * Parses a path template.
 * @throws PathTemplateError when it does not follow the grammar, or when a literal is one that a path cannot carry
 */
export function parsePathTemplate(source: string): PathTemplate {
  return new PathTemplateParser(source).parse();
}

const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
/** What RFC 3986 allows in a path segment, the colon left out: it may begin the verb. */
const LITERAL = /(?:[-._~0-9A-Za-z!$&'()+,;@]|%[0-9A-Fa-f]{2})+/y;

class PathTemplateParser {
  readonly #source: string;
  readonly #segments: TemplateSegment[] = [];
  readonly #variables: TemplateVariable[] = [];
  #offset = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): PathTemplate {
    this.#take('/');
    this.#parseSegments(false);
    const verb = this.#peek(':') ? this.#parseVerb() : undefined;
    if (this.#offset < this.#source.length) {
      if (verb !== undefined)
        this.#fail("the end, as a verb comes last (write a colon in a literal as '%3A')");
      this.#fail(
        this.#endsWithDoubleWildcard() ? "a verb or the end, as '**' comes last" : "'/', a verb or the end",
      );
    }
    const path = this.#onlyPath(verb);
    return { source: this.#source, segments: this.#segments, variables: this.#variables, verb, path };
  }

  #onlyPath(verb: string | undefined): string | undefined {
    let path = '';
    for (const segment of this.#segments) {
      if ('wildcard' in segment) return undefined;
      path += `/${segment.spelling}`;
    }
    return verb === undefined ? path : `${path}:${percentEncode(verb)}`;
  }

  #parseSegments(inVariable: boolean): void {
    this.#parseSegment(inVariable);
    while (this.#peek('/') && !this.#endsWithDoubleWildcard()) {
      this.#offset += 1;
      this.#parseSegment(inVariable);
    }
  }

  #parseSegment(inVariable: boolean): void {
    if (this.#peek('{')) {
      if (inVariable) this.#fail('a segment without variable, as variables cannot be nested');
      this.#parseVariable();
    } else if (this.#peek('**')) {
      this.#offset += 2;
      this.#segments.push({ wildcard: '**' });
    } else if (this.#peek('*')) {
      this.#offset += 1;
      this.#segments.push({ wildcard: '*' });
    } else {
      this.#segments.push(this.#parseLiteral("a literal, '*', '**' or a variable"));
    }
  }

  #parseVariable(): void {
    this.#take('{');
    const fieldPath = [this.#parseIdentifier()];
    while (this.#peek('.')) {
      this.#offset += 1;
      fieldPath.push(this.#parseIdentifier());
    }
    const start = this.#segments.length;
    if (this.#peek('=')) {
      this.#offset += 1;
      this.#parseSegments(true);
    } else {
      this.#segments.push({ wildcard: '*' });
    }
    this.#take('}');
    const end = this.#segments.length;
    const isMultiSegment = end - start > 1 || this.#endsWithDoubleWildcard();
    this.#variables.push({ fieldPath, start, end, isMultiSegment });
  }

  #parseIdentifier(): string {
    const name = this.#match(IDENTIFIER);
    if (name === undefined) this.#fail('the name of a field');
    this.#offset += name.length;
    return name;
  }

  #parseLiteral(expected: string): { literal: string; spelling: string } {
    const spelling = this.#match(LITERAL);
    if (spelling === undefined) this.#fail(expected);
    let literal: string;
    try {
      literal = decodeURIComponent(spelling);
    } catch {
      this.#fail('percent escapes of UTF-8 text');
    }
    // Clients and proxies fold these away, so no request could reach the rule.
    if (literal === '.' || literal === '..') this.#fail("a literal other than '.' and '..'");
    this.#offset += spelling.length;
    return { literal, spelling };
  }

  #parseVerb(): string {
    this.#take(':');
    return this.#parseLiteral('the name of a verb').literal;
  }

  #endsWithDoubleWildcard(): boolean {
    const last = this.#segments.at(-1);
    return last !== undefined && 'wildcard' in last && last.wildcard === '**';
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    return pattern.exec(this.#source)?.[0];
  }

  #peek(token: string): boolean {
    return this.#source.startsWith(token, this.#offset);
  }

  #take(token: string): void {
    if (!this.#peek(token)) this.#fail(`'${token}'`);
    this.#offset += token.length;
  }

  #fail(expected: string): never {
    const character = this.#source.codePointAt(this.#offset);
    const found = character === undefined ? 'the end' : `'${String.fromCodePoint(character)}'`;
    throw new PathTemplateError(this.#source, this.#offset + 1, expected, found);
  }
}
