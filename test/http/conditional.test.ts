import { describe, expect, test } from 'vitest';
import { conditionalReply, entityTag, isNotModified } from '../../src/http/conditional.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('an entity tag', () => {
  test('is strong, quoted, and the same for the same bytes only', () => {
    expect(entityTag(bytes('{"a":1}'))).toMatch(/^"[\w-]{27}"$/);
    expect(entityTag(bytes('{"a":1}'))).toBe(entityTag(bytes('{"a":1}')));
    expect(entityTag(bytes('{"a":1}'))).not.toBe(entityTag(bytes('{"a":2}')));
  });

  test('is the start of the SHA-256, so that every replica gives the same', () => {
    expect(entityTag(bytes(''))).toBe('"47DEQpj8HBSa-_TImW-5JCeuQeR"');
  });
});

describe('If-None-Match', () => {
  test.each<[string | undefined, boolean]>([
    [undefined, false],
    ['', false],
    ['"a"', true],
    ['W/"a"', true],
    ['  "a"\t', true],
    ['*', true],
    [' * ', true],
    ['"b"', false],
    ['"b", "a"', true],
    ['"b","c" ,W/"a"', true],
    [',, "a",', true],
    ['"x,"a"', false],
    ['"x,y", "a"', true],
    ['"A"', false],
    ['a', false],
    ['w/"a"', false],
    ['W/ "a"', false],
    ['"a" "b"', false],
    ['"a", b', false],
    ['"a', false],
    ['"a", *', false],
    ['**', false],
    ['"a b"', false],
    ['"\u00fc", "a"', true],
  ])('%j for the response tagged "a": %j', (header, expected) => {
    expect(isNotModified(header, '"a"')).toBe(expected);
    expect(isNotModified(header, 'W/"a"')).toBe(expected);
  });

  test('is read once, however long: 500 000 blanks before a fault', () => {
    expect(isNotModified(`${' \t'.repeat(250_000)}x`, '"a"')).toBe(false);
    expect(isNotModified(`"${'b'.repeat(500_000)}`, '"a"')).toBe(false);
    expect(isNotModified(`${',\t'.repeat(250_000)}"a"`, '"a"')).toBe(true);
  });
});

describe('a reply', () => {
  const catalogue = { state: 'hit', ageMs: 0, freshMs: 300_000 } as const;
  const reply = { status: 200, contentType: 'application/json', body: bytes('{}') };
  const etag = entityTag(reply.body);
  const headers = { etag, 'cache-control': 'public, max-age=300' };

  test('from the catalogue may be kept by everybody, and has a tag', () => {
    const result = conditionalReply({ method: 'GET', ifNoneMatch: undefined }, reply, catalogue);
    expect(result).toEqual({ reply, headers });
  });

  test.each(['GET', 'HEAD'])('that the caller has already is 304 to %s, with the same headers', (method) => {
    const cache = { ...catalogue, freshMs: 300_999 };
    const result = conditionalReply({ method, ifNoneMatch: `W/${etag}` }, reply, cache);
    expect(result.reply).toEqual({ status: 304, contentType: undefined, body: new Uint8Array() });
    expect(result.headers).toEqual(headers);
  });

  test.each([
    ['with a credential', 'GET', 200, undefined],
    ['to a POST', 'POST', 200, catalogue],
    ['that is a failure', 'GET', 404, catalogue],
    ['without content', 'GET', 204, catalogue],
  ] as const)('%s may be kept by nobody and is sent, whatever the caller has', (_, method, status, cache) => {
    const given = { ...reply, status };
    const result = conditionalReply({ method, ifNoneMatch: '*' }, given, cache);
    expect(result).toEqual({ reply: given, headers: { 'cache-control': 'no-store' } });
  });
});
