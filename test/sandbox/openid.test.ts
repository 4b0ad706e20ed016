import { expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const URI = 'https://issuer.example.com';

test('an issuer is described in the body or in a member of it, changed, and shows its keys to anybody', async () => {
  const { call } = await sandboxFor();
  const create = async (body: object) => (await call('POST /v2/oidc/issuer', { body })).json.issuer;
  const plain = await create({ source: 'external', uri: URI });
  const key = { kty: 'RSA', use: 'sig', alg: 'RS256', kid: 'k', n: 'AQAB', e: 'AQAB' };
  const described = await create({ issuer: { source: 'external', uri: URI, ...key } });
  expect(plain).toMatchObject({
    source: 'external',
    uri: URI,
    kid: '',
    jwks_fetched_at: expect.stringMatching(/^20/),
  });
  const jwks = (id: string) => call(`GET /v2/oidc/issuer/${id}/jwks`, { key: null });
  expect((await jwks(plain.id)).json).toEqual({ keys: [] });
  expect((await jwks(described.id)).json).toEqual({ keys: [key] });
  const changed = await call(`PATCH /v2/oidc/issuer/${plain.id}`, { body: { uri: `${URI}/new` } });
  expect([changed.status, changed.json.issuer.uri]).toEqual([202, `${URI}/new`]);
  expect((await call('GET /v2/oidc/issuer?per_page=1')).json).toMatchObject({
    issuers: [{}],
    meta: { total: 2 },
  });
  expect((await call('POST /v2/oidc/issuer', { body: {} })).status).toBe(400);
});

test('a provider exchanges tokens without a key of the account and never shows its private key', async () => {
  const { call } = await sandboxFor();
  const create = (fields: object) => call('POST /v2/oidc/provider', { body: { name: 'p', ...fields } });
  expect((await create({ issuer_id: 'x' })).json).toEqual({ error: 'Issuer Not Found', status: 404 });
  expect((await create({ private_key_b64: '%' })).status).toBe(400);
  const created = await create({ private_key_b64: 'c2VjcmV0' });
  expect(created.text).not.toContain('c2VjcmV0');
  const path = `/v2/oidc/provider/${created.json.provider.id}`;
  const exchange = (subject: string) => {
    const body = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: subject };
    return call(`POST ${path}/token`, { key: null, body });
  };
  expect((await exchange('token')).json).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
  expect((await exchange('invalid-token')).status).toBe(401);
  expect((await exchange('')).status).toBe(400);
  const discovery = await call(`GET ${path}/.well-known/openid-configuration`, { key: null });
  expect(discovery.json.grant_types_supported).toContain('authorization_code');
  expect((await call('GET /v2/oidc/jwks', { key: null })).json.keys).toHaveLength(1);
  expect((await call('GET /v2/oidc/userinfo')).json.email).toBe('owner@example.com');
  expect((await call('GET /v2/oidc/token')).json.active).toBe(true);
});

test('OAuth clients are listed by review status, with who authorized them', async () => {
  const { call } = await sandboxFor();
  expect((await call('GET /v2/oauth/clients')).json.oauth_clients).toHaveLength(2);
  const [client, ...others] = (await call('GET /v2/oauth/clients?review_status=Active')).json.oauth_clients;
  expect([client.review_status, others]).toEqual(['Active', []]);
  const given = (await call(`GET /v2/oauth/clients/${client.id}/authorizations`)).json.authorizations;
  expect(given).toMatchObject([
    { email: 'owner@example.com', scope_count: 1, is_revoked: false },
    { is_revoked: true, date_revoked: expect.any(String) },
  ]);
  const own = (await call('GET /v2/oauth/authorizations')).json.authorizations;
  expect(own).toEqual([{ id: '1', client_id: client.id, scopes: ['instances:read'] }]);
  expect((await call('GET /v2/oauth/clients/x/authorizations')).json).toEqual({
    error: 'OAuth client not found',
    status: 404,
  });
});
