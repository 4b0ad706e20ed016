/**
 * JSON.parse source text access (TC39, in Node since 22), which TypeScript's library does not declare yet.
 */
interface JSON {
  /** Makes a value that JSON.stringify writes as this text. */
  rawJSON(text: string): { readonly rawJSON: string };
  /** Whether a value was made by rawJSON. */
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  /** Also hands the reviver the text that a primitive value was read from. */
  parse(
    text: string,
    reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
