import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { compileGlob } from '../../src/access/glob.ts';
import {
  createVirtualKey,
  isVirtualKey,
  isWholeVirtualKey,
  sha256Hex,
  TokenTable,
} from '../../src/access/virtual-key.ts';

describe('a virtual key', () => {
  test('is recognisable, whole, and never the same', () => {
    const keys = Array.from({ length: 200 }, () => createVirtualKey());
    expect(new Set(keys.map(({ key }) => key)).size).toBe(200);
    for (const { key, sha256 } of keys) {
      expect(key).toMatch(/^vgk_[0-9A-Za-z]{39}$/);
      expect(isVirtualKey(key) && isWholeVirtualKey(key)).toBe(true);
      expect(sha256).toBe(createHash('sha256').update(key).digest('hex'));
    }
  });

  test.each([0, 255])('keeps its length when its bytes are all %i', (byte) => {
    expect(createVirtualKey(new Uint8Array(24).fill(byte)).key).toHaveLength(43);
  });

  test('is not whole with a character changed, left out or added', () => {
    const { key } = createVirtualKey();
    const changed = key.slice(0, 10) + (key[10] === 'a' ? 'b' : 'a') + key.slice(11);
    for (const other of [changed, key.slice(0, -1), `${key}a`, 'vgk_'])
      expect(isWholeVirtualKey(other)).toBe(false);
  });

  test('is found by its digest alone', () => {
    const table = new TokenTable<string>();
    const [one, other] = [createVirtualKey(), createVirtualKey()];
    table.add(one.sha256, 'one');
    expect(table.find(sha256Hex(one.key))).toBe('one');
    expect(table.find(other.sha256)).toBeUndefined();
  });

  test('is distinguished from one whose digest begins alike', () => {
    const table = new TokenTable<string>();
    const { sha256 } = createVirtualKey();
    table.add(sha256.slice(0, 32) + '0'.repeat(32), 'other');
    expect(table.find(sha256)).toBeUndefined();
    table.add(sha256, 'one');
    expect(table.find(sha256)).toBe('one');
  });
});

describe('a glob', () => {
  test.each([
    ['a', 'a', true],
    ['a', 'ab', false],
    ['*', '', true],
    ['*', 'anything/at.all', true],
    ['a*', 'a', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'acb', false],
    ['*ab*ab', 'ab', false],
    ['*ab*ab', 'abab', true],
    ['vc2-*', 'vc2-1c-1gb', true],
    ['vc2-*', 'voc-vc2-1c', false],
    ['a.c', 'abc', false],
    ['**', 'x', true],
  ])('%s and %s: %s', (glob, value, isMatch) => {
    expect(compileGlob(glob).matches(value)).toBe(isMatch);
  });

  test('takes no longer for a value that was made for it', () => {
    const glob = compileGlob(`${'*a'.repeat(50)}b`);
    const startedAt = performance.now();
    expect(glob.matches('a'.repeat(8_000))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});
