import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { callerKey, credentialKey } from '../../src/vultr/credential-key.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a credential is named by its SHA-256, the first time and later', () => {
  for (let time = 0; time < 3; time += 1)
    for (const credential of ['key-a', 'key-b'])
      expect(credentialKey({ credential })).toBe(sha256(credential));
});

test('however many there are, each has its own name', () => {
  const credentials = Array.from({ length: 3_000 }, (_, index) => `key-${index}`);
  const names = credentials.map((credential) => credentialKey({ credential }));
  expect(names).toEqual(credentials.map(sha256));
  expect(credentials.map((credential) => credentialKey({ credential }))).toEqual(names);
});

test('no credential, and that of a public request, have no name', () => {
  expect(credentialKey({ credential: undefined })).toBe('');
  expect(credentialKey({ credential: 'key-a', isPublic: true })).toBe('');
});

test('a caller that is known by name goes by that', () => {
  expect(callerKey({ caller: { name: 'team-a' }, credential: 'key-a' })).toBe('caller team-a');
  expect(callerKey({ credential: 'key-a' })).toBe(sha256('key-a'));
});
