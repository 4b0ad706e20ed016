import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { sandboxFor, VALID_CREATE } from './client.ts';

describe('transport', () => {
  test('responses carry the headers of the real API, authenticated ones the account', async () => {
    const { call } = await sandboxFor();
    const open = await call('GET /v2/regions', { key: null });
    expect(open.headers).toMatchObject({
      server: 'nginx',
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      'strict-transport-security': 'max-age=63072000',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-robots-tag': 'noindex,noarchive',
      'transfer-encoding': 'chunked',
    });
    expect(open.headers['x-user']).toBeUndefined();
    expect((await call('GET /v2/instances')).headers['x-user']).toMatch(/@/);
    expect((await call('GET /v2/instances/none')).headers['x-user']).toMatch(/@/);
  });

  test('JSON is compact, with escaped slashes and characters beyond ASCII', async () => {
    const { call } = await sandboxFor();
    const instance = await call('GET /v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60');
    expect(instance.text).toContain('https:\\/\\/my.vultr.com');
    expect((await call('GET /v2/regions')).text).toContain('"city":"S\\u00e3o Paulo"');
  });

  test.each([
    ['no content type', 'GET /v2/regions', { contentType: null }, 400, 'Bad request.'],
    [
      'another content type',
      'POST /v2/instances',
      { contentType: 'text/plain', body: {} },
      400,
      'Bad request.',
    ],
    ['an unknown path', 'GET /v2/nothing', {}, 404, 'Not found.'],
    ['a broken escape', 'GET /v2/instances/%zz', {}, 404, 'Not found.'],
    ['an empty id', 'GET /v2/instances/', {}, 404, 'Not found.'],
    ['a trailing slash', 'GET /v2/regions/', {}, 404, 'Not found.'],
    ['a double slash', 'GET /v2//regions', {}, 404, 'Not found.'],
    ['a double slash at the front', 'GET //v2/regions', {}, 404, 'Not found.'],
    ['another version', 'GET /v1/regions', {}, 404, 'Not found.'],
    ['another case of letters', 'GET /v2/Regions', {}, 404, 'Not found.'],
    ['the root', 'GET /', {}, 404, 'Not found.'],
    ['the asterisk', 'OPTIONS *', {}, 404, 'Not found.'],
    ['an unknown path without a key', 'GET /v2/nothing', { key: null }, 404, 'Not found.'],
    ['an unknown path without a content type', 'GET /v2/nothing', { contentType: null }, 400, 'Bad request.'],
    [
      'a form where JSON is wanted',
      'POST /v2/instances',
      { rawBody: 'region=ams', contentType: 'application/x-www-form-urlencoded' },
      400,
      'Bad request.',
    ],
    [
      'JSON where a form is wanted',
      'POST /v2/assumed-roles/compatibility/aws/sts',
      { body: { Action: 'AssumeRole' } },
      400,
      'Bad request. The body must be a form.',
    ],
    [
      'malformed JSON',
      'POST /v2/instances',
      { rawBody: '{"region":' },
      400,
      'Bad request. The body is not valid JSON.',
    ],
    [
      'a scalar body',
      'POST /v2/instances',
      { rawBody: '7' },
      400,
      'Bad request. The body must be a JSON object.',
    ],
    [
      'a wrong verb',
      'PUT /v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60',
      { body: {} },
      405,
      'Method not allowed. Must be one of: DELETE, GET, PATCH',
    ],
    [
      'a verb that no operation has',
      'PROPFIND /v2/vpcs',
      {},
      405,
      'Method not allowed. Must be one of: GET, POST',
    ],
    [
      'a change by the verb that clients expect and Vultr does not have',
      'PATCH /v2/vpcs/f45f4b9b-24c3-4a49-b288-e2a15f2a0b1c',
      { body: {} },
      405,
      'Method not allowed. Must be one of: DELETE, GET, PUT',
    ],
    [
      'OPTIONS where there is only POST',
      'OPTIONS /v2/registry',
      {},
      405,
      'Method not allowed. Must be one of: POST',
    ],
  ])('%s is refused', async (_, line, options, status, error) => {
    const { call } = await sandboxFor();
    const reply = await call(line, options);
    expect(reply.json).toEqual({ error, status });
    expect(reply.status).toBe(status);
  });

  test('HEAD is GET without its body', async () => {
    const { call } = await sandboxFor();
    const read = await call('GET /v2/regions');
    const head = await call('HEAD /v2/regions');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['content-type']).toBe(read.headers['content-type']);
    expect((await call('HEAD /v2/instances', { key: null })).status).toBe(401);
    expect((await call('HEAD /v2/instances', { key: 'no-acl' })).status).toBe(200);
    expect((await call('HEAD /v2/instances/none')).status).toBe(404);
    expect((await call('HEAD /v2/registry')).status).toBe(405);
  });

  test('a target with scheme and host is the same as one without', async () => {
    const { sandbox, call } = await sandboxFor();
    const reply = await call(`GET ${sandbox.url}/v2/regions?per_page=1`);
    expect([reply.status, reply.json.regions.length]).toEqual([200, 1]);
    expect(sandbox.requests.list()[0]).toMatchObject({ path: '/v2/regions', query: 'per_page=1' });
  });

  test.each([
    ['per%5Fpage=2', 2],
    ['per_page=%32', 2],
    ['&&per_page=2&', 2],
    ['per_page=', 32],
    ['%zz=1&per_page=2', 2],
    ['%ff%fe=%00', 32],
    ['=', 32],
    ['?', 32],
  ])('the query %s is understood', async (query, count) => {
    const { call } = await sandboxFor();
    const reply = await call(`GET /v2/regions?${query}`);
    expect([reply.status, reply.json.regions.length]).toEqual([200, count]);
  });

  test('a blank in a query is a plus or %20, and a plus is %2B', async () => {
    const { call } = await sandboxFor({ lag: { listMs: 0 } });
    for (const label of ['a b', 'a+b'])
      await call('POST /v2/instances', { body: { ...VALID_CREATE, label } });
    const labels = async (query: string): Promise<string[]> => {
      const { instances } = (await call(`GET /v2/instances?${query}`)).json;
      return instances.map(({ label }: { label: string }) => label);
    };
    expect(await labels('label=a+b')).toEqual(['a b']);
    expect(await labels('label=a%20b')).toEqual(['a b']);
    expect(await labels('label=a%2Bb')).toEqual(['a+b']);
  });

  test('a content type with a charset is fine, unknown query parameters are ignored', async () => {
    const { call } = await sandboxFor();
    const reply = await call('GET /v2/regions?page=3&x[]=1', {
      contentType: 'application/json; charset=utf-8',
    });
    expect([reply.status, reply.json.regions.length]).toEqual([200, 32]);
  });

  test('an escaped slash stays inside its segment, and segments are decoded once', async () => {
    const { call } = await sandboxFor();
    for (const id of ['a%2Fb', 'cb676a46-66fd-4dfb-b839-443f2e6c0b60%252F', '..', '%2e%2e']) {
      const reply = await call(`GET /v2/instances/${id}`);
      expect(reply.json, id).toEqual({ error: 'instance not found', status: 404 });
    }
    const encoded = await call('GET /v2/instances/%63b676a46-66fd-4dfb-b839-443f2e6c0b60');
    expect(encoded.status).toBe(200);
  });

  test('the body of a GET is ignored', async () => {
    const { call } = await sandboxFor();
    expect((await call('GET /v2/instances', { rawBody: '{"PerPage":' })).status).toBe(200);
  });

  test('a body over 1 MB is 413, as text/html', async () => {
    const { call } = await sandboxFor();
    const reply = await call('POST /v2/instances', { rawBody: `"${'x'.repeat(1_048_576)}"` });
    expect([reply.status, reply.headers['content-type']]).toEqual([413, 'text/html']);
  });

  test('headers over 16 KB are 431 and garbage is 400, and the server lives on', async () => {
    const { sandbox, call } = await sandboxFor();
    expect((await call('GET /v2/regions', { headers: { 'x-big': 'x'.repeat(17_000) } })).status).toBe(431);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(sandbox.url).port), '127.0.0.1', () =>
        socket.write('nonsense\r\n\r\n'),
      );
      socket.on('data', (data) => resolve(data.toString()));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 400/);
    expect((await call('GET /v2/regions')).status).toBe(200);
  });
});

describe('keys', () => {
  test.each([
    ['none', null, 'GET /v2/instances', 401, 'Invalid API token.'],
    ['one that begins with invalid', 'invalid-1', 'GET /v2/instances', 401, 'Invalid API token.'],
    [
      'one from another address',
      'blocked-ip',
      'GET /v2/instances',
      401,
      'Unauthorized IP address: 127.0.0.1',
    ],
  ])('%s is refused', async (_, key, line, status, error) => {
    const { call } = await sandboxFor();
    expect((await call(line, { key })).json).toEqual({ error, status });
  });

  test('a scheme other than Bearer does not carry a key', async () => {
    const { call } = await sandboxFor();
    const reply = await call('GET /v2/instances', {
      key: null,
      headers: { authorization: 'Basic Z29vZA==' },
    });
    expect(reply.status).toBe(401);
  });

  test('a key without the right reads, but changes nothing', async () => {
    const { call, sandbox } = await sandboxFor();
    expect((await call('GET /v2/instances', { key: 'no-acl' })).status).toBe(200);
    const refused = await call('POST /v2/instances', { key: 'no-acl', body: { region: 'ams' } });
    expect([refused.status, refused.json.status, sandbox.state.instancesCreated]).toEqual([403, 403, 0]);
  });

  test.each([
    '/v2/regions',
    '/v2/regions/ams/availability',
    '/v2/plans',
    '/v2/plans-metal',
    '/v2/os',
    '/v2/applications',
    '/v2/iso-public',
  ])('%s needs none', async (path) => {
    const { call } = await sandboxFor();
    expect((await call(`GET ${path}`, { key: null })).status).toBe(200);
    expect((await call(`GET ${path}`, { key: 'invalid' })).status).toBe(200);
  });
});
