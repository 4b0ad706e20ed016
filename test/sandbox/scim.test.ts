import { expect, test } from 'vitest';
import { type RequestOptions, sandboxFor } from './client.ts';

const UNAUTHORIZED = { error: 'Invalid API token.', status: 401 };

/** A sandbox with an organization, and a client that has its SCIM token. */
async function withScim() {
  const { call } = await sandboxFor();
  const newOrganization = async (name: string) => {
    const { id } = (await call('POST /v2/organizations', { body: { name, type: 'company' } })).json;
    const path = `/v2/organizations/${id}/scim`;
    await call(`POST ${path}/enable`);
    const { scim_token: key } = (await call(`POST ${path}/token`)).json.scim;
    return { path, key, as: (line: string, options: RequestOptions = {}) => call(line, { key, ...options }) };
  };
  return { call, newOrganization, ...(await newOrganization('first')) };
}

test('SCIM is off at first, and only making its token shows the token', async () => {
  const { call } = await sandboxFor();
  const { id } = (await call('POST /v2/organizations', { body: { name: 'a', type: 'company' } })).json;
  const path = `/v2/organizations/${id}/scim`;
  expect((await call(`GET ${path}`)).json.scim).toMatchObject({ scim_enabled: false, date_added: '' });
  const enabled = (await call(`POST ${path}/enable`)).json.scim;
  expect(enabled.scim_enabled).toBe(true);
  const { scim_token: token } = (await call(`POST ${path}/token`)).json.scim;
  expect(token).toMatch(/^[\da-f]{48}$/);
  for (const line of [`GET ${path}`, `POST ${path}/enable`, `GET /v2/organizations/${id}`])
    expect((await call(line)).text).not.toContain(token);
});

test('SCIM takes the token of an organization and nothing else', async () => {
  const { call, path, key, as } = await withScim();
  expect((await call('GET /scim/v2/Users', { key: null })).json).toEqual(UNAUTHORIZED);
  expect((await call('GET /scim/v2/Users')).json).toEqual(UNAUTHORIZED);
  expect((await as('GET /scim/v2/Users')).json).toMatchObject({
    totalResults: 0,
    startIndex: 1,
    Resources: [],
  });
  const scimJson = { contentType: 'application/scim+json', body: { userName: 'c@example.com' } };
  expect((await as('POST /scim/v2/Users', scimJson)).status).toBe(201);
  await call(`POST ${path}/token`);
  expect((await as('GET /scim/v2/Users')).json).toEqual(UNAUTHORIZED);
  const { scim_token: renewed } = (await call(`POST ${path}/token`)).json.scim;
  expect((await call('GET /scim/v2/Users', { key: renewed })).status).toBe(200);
  await call(`POST ${path}/disable`);
  expect((await call('GET /scim/v2/Users', { key: renewed })).json).toEqual(UNAUTHORIZED);
  expect(renewed).not.toBe(key);
});

test('an organization does not see the users of another one', async () => {
  const { as, newOrganization } = await withScim();
  const other = await newOrganization('second');
  const { id } = (await as('POST /scim/v2/Users', { body: { userName: 'a@example.com' } })).json;
  expect((await other.as(`GET /scim/v2/Users/${id}`)).json).toEqual({ error: 'User not found', status: 404 });
  expect((await other.as('GET /scim/v2/Users')).json.totalResults).toBe(0);
});

test('users are created once, found by a filter, changed and deleted', async () => {
  const { as } = await withScim();
  const body = { userName: 'a@example.com', name: { givenName: 'A', familyName: 'B' } };
  const created = await as('POST /scim/v2/Users', { body });
  expect([created.status, created.json]).toMatchObject([201, { ...body, active: true, phoneNumbers: [] }]);
  expect(created.json.meta).toMatchObject({ resourceType: 'User' });
  const twice = await as('POST /scim/v2/Users', { body: { userName: 'A@example.com' } });
  expect(twice.json).toEqual({ error: 'User already exists.', status: 409 });
  expect((await as('POST /scim/v2/Users', { body: {} })).status).toBe(400);
  await as('POST /scim/v2/Users', { body: { userName: 'b@example.com' } });
  const filter = (text: string) => as(`GET /scim/v2/Users?filter=${encodeURIComponent(text)}`);
  expect((await filter('userName eq "b@example.com"')).json).toMatchObject({ totalResults: 1 });
  expect((await filter('userName like "b"')).json).toEqual({ error: 'Invalid filter.', status: 400 });
  const second = (await as('GET /scim/v2/Users?startIndex=2&count=5')).json;
  expect(second).toMatchObject({ totalResults: 2, startIndex: 2, itemsPerPage: 1 });
  const path = `/scim/v2/Users/${created.json.id}`;
  const Operations = [
    { op: 'Replace', value: { active: false } },
    { op: 'replace', path: 'name.givenName', value: 'C' },
  ];
  const patched = await as(`PATCH ${path}`, { body: { Operations } });
  expect(patched.json).toMatchObject({ active: false, name: { givenName: 'C', familyName: 'B' } });
  expect((await as(`PATCH ${path}`, { body: { Operations: [{ op: 'move' }] } })).status).toBe(400);
  expect((await as(`DELETE ${path}`)).status).toBe(204);
  expect((await as(`GET ${path}`)).status).toBe(404);
});

test('groups have users as members', async () => {
  const { as } = await withScim();
  const newUser = async (userName: string) =>
    (await as('POST /scim/v2/Users', { body: { userName } })).json.id;
  const [one, other] = [await newUser('a@example.com'), await newUser('b@example.com')];
  const body = { displayName: 'admins', members: [{ value: one }] };
  const { id, members } = (await as('POST /scim/v2/Groups', { body })).json;
  const path = `/scim/v2/Groups/${id}`;
  expect(members).toEqual([{ value: one, display: 'a@example.com', $ref: `/scim/v2/Users/${one}` }]);
  const change = async (...Operations: unknown[]) =>
    (await as(`PATCH ${path}`, { body: { Operations } })).json.members.map(
      ({ value }: { value: string }) => value,
    );
  expect(await change({ op: 'add', path: 'members', value: [{ value: other }] })).toEqual([one, other]);
  expect(await change({ op: 'remove', path: `members[value eq "${one}"]` })).toEqual([other]);
  const unknown = await as(`PUT ${path}`, { body: { ...body, members: [{ value: 'nobody' }] } });
  expect(unknown.json).toEqual({ error: 'Invalid members.', status: 400 });
  await as(`DELETE /scim/v2/Users/${other}`);
  expect((await as(`GET ${path}`)).json.members).toEqual([]);
  expect((await as(`PUT ${path}`, { body })).json.members).toHaveLength(1);
});
