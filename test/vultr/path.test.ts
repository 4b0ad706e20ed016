import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { vultrPath, vultrQuery } from '../../src/vultr/path.ts';

describe('a path', () => {
  test('is the parts below /v2', () => {
    expect(vultrPath('instances', { field: 'instance_id', value: 'cb676a46' }, 'halt')).toBe(
      '/v2/instances/cb676a46/halt',
    );
  });

  test.each([
    ['a/b', 'a%2Fb'],
    ['a?b', 'a%3Fb'],
    ['a#b', 'a%23b'],
    ['sha256:ab', 'sha256%3Aab'],
    ['%2e%2e', '%252e%252e'],
    ['../../v2/account', '..%2F..%2Fv2%2Faccount'],
    ['a\r\nb\u0000', 'a%0D%0Ab%00'],
    ['a b+c', 'a%20b%2Bc'],
    ['-_.~', '-_.~'],
    ['...', '...'],
    ['é😀', '%C3%A9%F0%9F%98%80'],
  ])('carries %j as one segment', (value, segment) => {
    expect(vultrPath('blocks', { field: 'block_id', value })).toBe(`/v2/blocks/${segment}`);
    expect(decodeURIComponent(segment)).toBe(value);
  });

  test.each([[''], ['.'], ['..'], ['\ud800'], ['a\udc00b']])('refuses %j and names the field', (value) => {
    const attempt = () => vultrPath('instances', { field: 'instance_id', value }, 'halt');
    expect(attempt).toThrow(CallError);
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        violations: [expect.objectContaining({ field: 'instance_id' })],
      }),
    );
  });
});

describe('a query', () => {
  test('keeps the order, leaves undefined out and keeps zero, false and the empty string', () => {
    expect(vultrQuery({ per_page: 0, cursor: undefined, label: '', live: false, size: 12n })).toBe(
      'per_page=0&label=&live=false&size=12',
    );
  });

  test('repeats the name of a list and leaves an empty list out', () => {
    expect(vultrQuery({ tag: ['a', 'b'], id: [] })).toBe('tag=a&tag=b');
  });

  test('is empty without parameters', () => {
    expect(vultrQuery({})).toBe('');
  });

  test('encodes names and values', () => {
    expect(vultrQuery({ 'a&b': 'c=d&e +%' })).toBe('a%26b=c%3Dd%26e%20%2B%25');
  });

  test('refuses a lone surrogate and names the parameter', () => {
    expect(() => vultrQuery({ label: '\ud800' })).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field: 'label' })] }),
    );
  });
});
