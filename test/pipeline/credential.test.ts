import { describe, expect, test } from 'vitest';
import { type Credential, findCredential } from '../../src/pipeline/credential.ts';
import { CallError } from '../../src/status/call-error.ts';
import { createMessage } from '../../src/transcoding/message.ts';
import cases from '../cases/credentials.json' with { type: 'json' };

interface Case {
  readonly name: string;
  readonly token?: string;
  readonly authorization?: string;
  readonly service?: string;
  readonly key?: string;
  readonly source?: string;
  readonly refused?: string;
}

function find({ token, authorization, service }: Case): Credential | CallError {
  const request = createMessage();
  if (token !== undefined) request['access_token'] = token;
  const metadata = new Map(authorization === undefined ? [] : [['authorization', authorization]]);
  try {
    return findCredential(request, metadata, service);
  } catch (error) {
    if (error instanceof CallError) return error;
    throw error;
  }
}

describe('the credential of a call', () => {
  test.each(cases as Case[])('$name', (given) => {
    const found = find(given);
    if (given.refused === undefined) expect(found).toEqual({ key: given.key, source: given.source });
    else expect(found).toMatchObject({ name: 'CallError', code: given.refused });
  });

  test('a key that is refused is not repeated', () => {
    const refusal = find({ name: '', token: 'SECRET KEY' });
    expect(JSON.stringify([String(refusal), refusal])).not.toContain('SECRET');
    const other = find({ name: '', authorization: 'SECRET KEY' });
    expect(JSON.stringify([String(other), other])).not.toContain('SECRET');
  });
});
