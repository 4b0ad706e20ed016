import { create, fromBinary, fromJson, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../support/grpc-failure.ts';
import { connectRaw } from '../support/raw-client.ts';
import { KEY, startService } from '../support/service.ts';
import { registry } from '../support/v2/declared.ts';
import { type RecordingUpstream, startRecordingUpstream } from '../support/v2/recording-upstream.ts';

/** What RawService/Call is asked. */
interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly body?: unknown;
}

type CallRaw = (request: RawRequest, metadata?: Readonly<Record<string, string>>) => Promise<JsonObject>;

async function start(): Promise<{ call: CallRaw; upstream: RecordingUpstream }> {
  const upstream = await startRecordingUpstream();
  const { app } = await startService({ upstream: upstream.url });
  const client = connectRaw(app.grpcAddress);
  const descriptor = registry.getMessage('vultr.v2.CallRequest');
  if (descriptor === undefined) throw new Error('The contract has no CallRequest.');
  return {
    upstream,
    call: async ({ body, ...fields }, metadata = {}) => {
      const message = create(descriptor, {
        ...fields,
        ...(body !== undefined && { body: fromJson(ValueSchema, body as JsonObject) }),
      } as never);
      const headers = new Metadata();
      headers.set('authorization', `Bearer ${KEY}`);
      for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
      const bytes = await client.unary('/vultr.v2.RawService/Call', toBinary(descriptor, message), headers);
      return toJson(StructSchema, fromBinary(StructSchema, bytes)) as JsonObject;
    },
  };
}

test('a request for an unknown operation arrives as it was written', async () => {
  const { call, upstream } = await start();
  upstream.answer = { status: 200, contentType: 'application/json', body: '{"gateways":[{"id":"g-1"}]}' };
  const reply = await call({
    method: 'POST',
    path: '/v2/gateways/a%2Fb:start',
    query: 'dry=%20&dry',
    body: { name: 'é', count: 3 },
  });
  expect(reply).toEqual({ gateways: [{ id: 'g-1' }] });
  const { method, target, body, headers } = upstream.take();
  expect([method, target, JSON.parse(body)]).toEqual([
    'POST',
    '/v2/gateways/a%2Fb:start?dry=%20&dry',
    { name: 'é', count: 3 },
  ]);
  expect(headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'content-type': 'application/json' });
});

test('a request without a body has none, and a body may be any JSON value', async () => {
  const { call, upstream } = await start();
  await call({ method: 'DELETE', path: '/v2/gateways/1' });
  expect(upstream.take()).toMatchObject({ method: 'DELETE', target: '/v2/gateways/1', body: '' });
  for (const body of [[1, null], 'text', null, true]) {
    await call({ method: 'PUT', path: '/v2/gateways/1', body });
    expect(JSON.parse(upstream.take().body)).toEqual(body);
  }
});

test('a request for an operation that the contract knows counts as that operation', async () => {
  const { call, upstream } = await start();
  // Public operations are asked for without a key, whichever way they come.
  await call({ method: 'GET', path: '/v2/regions' });
  expect(upstream.take().headers.authorization).toBeUndefined();
  // A create that does not name what it has made is not a success.
  const failure = await failureOf(call({ method: 'POST', path: '/v2/ssh-keys', body: { name: 'a' } }));
  expect(failure).toMatchObject({ code: 'INTERNAL', info: { reason: 'CREATE_UNCERTAIN' } });
});

test('a creation with an idempotency key happens once', async () => {
  const { call, upstream } = await start();
  upstream.answer = { status: 201, contentType: 'application/json', body: '{"ssh_key":{"id":"k-1"}}' };
  const request = { method: 'POST', path: '/v2/ssh-keys', body: { name: 'a', ssh_key: 'ssh-ed25519 A' } };
  const key = { 'idempotency-key': 'key-1' };
  expect(await call(request, key)).toEqual({ ssh_key: { id: 'k-1' } });
  expect(await call(request, key)).toEqual({ ssh_key: { id: 'k-1' } });
  expect(upstream.take().target).toBe('/v2/ssh-keys');
  const other = await failureOf(call({ ...request, body: { name: 'b', ssh_key: 'ssh-ed25519 A' } }, key));
  expect(other).toMatchObject({ code: 'ALREADY_EXISTS', info: { metadata: { fields: 'name' } } });
  const elsewhere = await failureOf(call({ ...request, path: '/v2/startup-scripts' }, key));
  expect(elsewhere.info?.metadata['fields']?.split(',')).toEqual(
    expect.arrayContaining(['operation', 'path']),
  );
  expect(upstream.untaken).toBe(0);
});

describe('what cannot be an HTTP request to Vultr is refused, and Vultr is not asked:', () => {
  const faults: readonly (readonly [string, Partial<RawRequest>, readonly string[]])[] = [
    ['no method', { method: '' }, ['method']],
    ['a method in lower case', { method: 'get' }, ['method']],
    ['a method that is not a token', { method: 'GET /v2/x' }, ['method']],
    ['no path', { path: '' }, ['path']],
    ['a path without a slash', { path: 'v2/account' }, ['path']],
    ['a path that leads elsewhere', { path: '/v2/../account' }, ['path']],
    ['an escaped one', { path: '/v2/%2e%2e/account' }, ['path']],
    ['a path with a query', { path: '/v2/account?a=b' }, ['path']],
    ['a path with a line break', { path: '/v2/account\r\nx: y' }, ['path']],
    ['a path outside of the API', { path: '/v1/account' }, ['path']],
    ['another host', { path: '//evil.example/v2/account' }, ['path']],
    ['a query with its question mark', { query: '?a=b' }, ['query']],
    ['a query that is not encoded', { query: 'a=b c' }, ['query']],
    ['everything at once', { method: 'x', path: 'y', query: '#' }, ['method', 'path', 'query']],
  ];
  test.each(faults)('%s', async (_, fault, fields) => {
    const { call, upstream } = await start();
    const { code, violations } = await failureOf(call({ method: 'GET', path: '/v2/account', ...fault }));
    expect([code, Object.keys(violations)]).toEqual(['INVALID_ARGUMENT', fields]);
    expect(upstream.untaken).toBe(0);
  });
});
