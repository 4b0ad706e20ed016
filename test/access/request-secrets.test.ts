import { describe, expect, test } from 'vitest';
import { maskSecretsOf } from '../../src/access/request-secrets.ts';
import { MASK } from '../../src/base/mask-values.ts';
import type { IncomingRequest, VerbatimRequest } from '../../src/rpc/call.ts';
import type { Message } from '../../src/transcoding/message.ts';
import { operationOf } from '../support/access.ts';

const CREATE = operationOf('vultr.v2.InstancesService/CreateInstance');
const RAW = operationOf('vultr.v2.RawService/Call');
const text = 'Vultr answered 400: Invalid value S3CRETPW1 for the label web-1.';
const masked = 'Vultr answered 400: Invalid value [masked] for the label web-1.';

const message = (fields: Message): IncomingRequest => ({ kind: 'message', message: fields });
const verbatim = (given: Partial<VerbatimRequest>): IncomingRequest => ({
  kind: 'verbatim',
  request: {
    method: 'POST',
    path: '/v2/instances',
    query: '',
    contentType: undefined,
    accept: undefined,
    body: undefined,
    ...given,
  },
});

describe('a secret of the request is taken out of a text that repeats it', () => {
  test.each([
    ['a field', message({ label: 'web-1', password: 'S3CRETPW1' })],
    ['a field of a field', message({ users: [{ name: 'web-1', password: 'S3CRETPW1' }] })],
    ['all that is below a secret name', message({ credentials: { name: ['S3CRETPW1'] } })],
    ['an additional field', message({ additional_fields: { admin_password: 'S3CRETPW1' } })],
    ['user data', message({ user_data: Buffer.from('S3CRETPW1').toString('base64') })],
    ['a member of a body', verbatim({ body: Buffer.from('{"label":"web-1","password":"S3CRETPW1"}') })],
    ['a parameter', verbatim({ query: 'label=web-1&token=S3CRETPW1' })],
    ['a parameter in a list', verbatim({ query: 'keys[]=other&keys[]=S3CRETPW1' })],
    ['a query that stands in the path', verbatim({ path: '/v2/users%3fpassword=S3CRETPW1' })],
  ])('%s', (_where, request) => {
    expect(maskSecretsOf(CREATE, request)(text)).toBe(masked);
  });

  test.each([
    ['its body', message({ method: 'POST', path: '/v2/x', body: { password: 'S3CRETPW1' } })],
    ['its query', message({ method: 'POST', path: '/v2/x', query: 'password=S3CRETPW1' })],
    ['a query in its path', message({ method: 'GET', path: '/v2/users?password=S3CRETPW1' })],
  ])('of a raw call, in %s', (_where, request) => {
    expect(maskSecretsOf(RAW, request)(text)).toBe(masked);
  });

  test('of a form', () => {
    const body = Buffer.from('label=web-1&password=S3CRETPW1');
    expect(maskSecretsOf({ ...CREATE, isForm: true }, verbatim({ body }))(text)).toBe(masked);
  });
});

test.each([
  ['was not read', undefined],
  ['holds no secret', message({ label: 'S3CRETPW1', sshkey_id: ['web-1'] })],
  ['has no body', verbatim({})],
])('a text about a request that %s stays as it is', (_what, request) => {
  expect(maskSecretsOf(CREATE, request)(text)).toBe(text);
});

const members = (count: number, value: (index: number) => string): Message =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`password_${index}`, value(index)]));

test.each([
  ['has too many members', message({ list: Array.from({ length: 10_000 }, () => 1) })],
  ['has too many secrets', message(members(200, (index) => `S3CRETPW${index}`))],
  ['has too long a secret', message({ user_data: 'x'.repeat(40_000) })],
  ['has too long a query', message({ method: 'GET', path: '/v2/x', query: 'x'.repeat(70_000) })],
  ['has too long a body', verbatim({ body: Buffer.from(JSON.stringify({ a: 'x'.repeat(70_000) })) })],
  ['is not JSON', verbatim({ body: Buffer.from('{"password":"S3CRETPW1"') })],
])('a text about a request that %s is masked whole', (_what, request) => {
  expect(maskSecretsOf(CREATE, request)(text)).toBe(MASK);
});
