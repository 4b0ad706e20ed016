import { describe, expect, test } from 'vitest';
import { MASK, maskValues } from '../../src/base/mask-values.ts';

const VALUE = 'S3CRET/pw+1&"x';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

describe('a value is masked', () => {
  test.each([
    ['as it is', `Invalid value ${VALUE}.`, `Invalid value ${MASK}.`],
    ['twice', `${VALUE} is ${VALUE}`, `${MASK} is ${MASK}`],
    ['percent-encoded', `at /?p=${percent(VALUE)}`, MASK],
    ['as a form has it', `at /?p=${encodeURIComponent(VALUE).replaceAll('%20', '+')}`, MASK],
    ['escaped as in JSON', `{"p":${JSON.stringify(VALUE)}}`, MASK],
    ['in base64', `got ${base64(VALUE)}`, MASK],
    ['in base64 behind something else', `got ${base64(`user:${VALUE}`)}`, MASK],
    ['in base64url', `got ${Buffer.from(VALUE).toString('base64url')}`, MASK],
    ['in base64 twice', `got ${base64(base64(VALUE))}`, MASK],
    ['in base64 that is percent-encoded', `got ${percent(base64(`x${VALUE}`))}`, MASK],
  ])('%s', (_how, text, masked) => {
    expect(maskValues(text, [VALUE])).toBe(masked);
  });

  test('when it was base64, and is repeated decoded', () => {
    expect(maskValues('Line 1: echo S3CRET-of-a-script', [base64('echo S3CRET-of-a-script\n')])).toBe(
      `Line 1: ${MASK}`,
    );
  });

  test('when it is a part of a long one, or cut off', () => {
    const script = '#!/bin/sh\nexport PASSWORD=S3CRET-of-line-two\nreboot\n';
    expect(maskValues('Bad command "PASSWORD=S3CRET-of-line-two" in line 2', [script])).toBe(
      `Bad command "${MASK}" in line 2`,
    );
    expect(maskValues('Bad script #!/bin/sh export PASSWORD=S3CR…', [script])).toBe(`Bad script ${MASK}…`);
    expect(maskValues('Bad script #!/bin/sh', [script])).toBe(`Bad script ${MASK}`);
  });
});

describe('a short value', () => {
  test.each([
    ['Invalid value abc1', 'abc1', `Invalid value ${MASK}`],
    ['Invalid value "a.c".', 'a.c', `Invalid value "${MASK}".`],
    ['Invalid value zabc1z', 'abc1', 'Invalid value zabc1z'],
    ['The region is not available', 'is', `The region ${MASK} not available`],
    ['This list', 'is', 'This list'],
    ['Invalid xabcdefx', 'abcdef', `Invalid x${MASK}x`],
    ['Vultr said: no.', '.', 'Vultr said: no.'],
  ])('in %j: %j', (text, value, masked) => {
    expect(maskValues(text, [value])).toBe(masked);
  });
});

test('a value of whatever characters is masked, however short', () => {
  const characters = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));
  for (const character of [...characters, '\ud800', '\u2028', '😀']) {
    for (const value of [`1${character}2`, `1${character.repeat(5)}2`, `1${character.repeat(9)}2`])
      expect(maskValues(`Invalid value (${value})`, [value]), value).not.toContain(value);
  }
});

test('words that a text and a value have in common are not masked', () => {
  const text = 'Invalid user_data: must be base64';
  expect(maskValues(text, ['user_data are not this', 'an invalid password of mine'])).toBe(text);
});

test('a text without values stays as it is, and one that is too long to search is masked whole', () => {
  expect(maskValues('Not found.', [])).toBe('Not found.');
  expect(maskValues('', [VALUE])).toBe('');
  expect(maskValues('x'.repeat(10_000), [VALUE])).toBe(MASK);
  expect(maskValues('a'.repeat(600), ['a'.repeat(30_000)])).toBe(MASK);
});
