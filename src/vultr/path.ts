import { percentEncode } from '../transcoding/percent.ts';
import { CallError } from '../status/call-error.ts';

/** A part of a path: a literal, or a caller's value with the name of the field that it came in. */
export type PathPart = string | { readonly field: string; readonly value: string };

/** What a query parameter may be. */
export type QueryValue = string | number | bigint | boolean;

/**
 * The path of a Vultr operation, each part encoded as one segment, so that no value reaches another endpoint:
 * `vultrPath('instances', { field: 'instance_id', value: id }, 'halt')` is `/v2/instances/<id>/halt`.
 * @throws CallError INVALID_ARGUMENT when a value is empty, `.`, `..` or not well-formed Unicode
 */
export function vultrPath(...parts: readonly PathPart[]): string {
  return `/v2/${parts.map(toSegment).join('/')}`;
}

function toSegment(part: PathPart): string {
  const { field, value } = typeof part === 'string' ? { field: '', value: part } : part;
  // Servers and proxies fold dot segments, encoded ones too, and collapse empty ones (RFC 3986, section 5.2.4).
  if (value === '' || value === '.' || value === '..') {
    throw invalid(field, `A path segment is needed here, and ${JSON.stringify(value)} is none.`);
  }
  return encode(field, value);
}

/**
 * A query string without the question mark, in the order given. Undefined values are left out, a list repeats its name.
 * @throws CallError INVALID_ARGUMENT when a value is not well-formed Unicode
 */
export function vultrQuery(
  parameters: Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>,
): string {
  return Object.entries(parameters)
    .flatMap(([name, value]) =>
      toValues(value).map((each) => `${encode(name, name)}=${encode(name, String(each))}`),
    )
    .join('&');
}

function toValues(value: QueryValue | readonly QueryValue[] | undefined): readonly QueryValue[] {
  if (value === undefined) return [];
  return typeof value === 'object' ? value : [value];
}

function encode(field: string, value: string): string {
  if (!value.isWellFormed()) throw invalid(field, 'The text holds a lone surrogate, which no URL can carry.');
  return percentEncode(value);
}

function invalid(field: string, description: string): CallError {
  return CallError.invalid([{ field, description }]);
}
