import { expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const PROVISION_MS = 10_000;
const OWNER = '7d2e6c1a-9b3f-4f5e-8a7d-0c1b2a3d4e5f';
const STS = 'POST /v2/assumed-roles/compatibility/aws/sts';
const FORM = 'application/x-www-form-urlencoded';

/** A sandbox whose time stands still but for `advance`, with a role that may be assumed for half an hour. */
async function withRole() {
  const { sandbox, call } = await sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
  const body = { name: 'reader', max_session_duration: 1800 };
  const { id: roleId } = (await call('POST /v2/roles', { body })).json;
  sandbox.advance(PROVISION_MS);
  return { sandbox, call, roleId };
}

test('AWS clients assume a role with a form and get XML', async () => {
  const { call, roleId } = await withRole();
  const assume = (changes: Record<string, string> = {}) => {
    const arn = `arn:vultr:iam::org:role/${roleId}`;
    const form = { Action: 'AssumeRole', RoleArn: arn, RoleSessionName: 'a<b', DurationSeconds: '900' };
    const rawBody = new URLSearchParams({ ...form, ...changes }).toString();
    return call(STS, { rawBody, contentType: FORM });
  };
  const answer = await assume();
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/xml']);
  expect(answer.text).toContain(`<Arn>arn:vultr:sts::org:assumed-role/${roleId}/a&lt;b</Arn>`);
  const token = /<SessionToken>([\da-f]{64})<\/SessionToken>/.exec(answer.text)?.[1];
  const session = (await call(`GET /v2/assumed-roles/${token}`)).json;
  expect(session).toMatchObject({ role_id: roleId, user_id: OWNER, remaining_duration: 900 });
  expect((await assume({ Action: 'GetCallerIdentity' })).status).toBe(400);
  expect((await assume({ RoleArn: 'arn:vultr:iam::org:role/nothing' })).status).toBe(400);
  expect((await assume({ DurationSeconds: '3600' })).status).toBe(400);
  expect((await call(STS, { body: { Action: 'AssumeRole' } })).json).toEqual({
    error: 'Bad request. The body must be a form.',
    status: 400,
  });
  const elsewhere = await call('POST /v2/roles', { rawBody: 'name=a', contentType: FORM });
  expect(elsewhere.json).toEqual({ error: 'Bad request.', status: 400 });
});

test('an assumed role runs out, and is never longer than the role allows', async () => {
  const { sandbox, call, roleId } = await withRole();
  const body = { role_id: roleId, user_id: OWNER, session_name: 's', duration: 600 };
  const { assumed_role_session: wrapped, ...bare } = (await call('POST /v2/assumed-roles/assume', { body }))
    .json;
  expect(wrapped).toEqual(bare);
  sandbox.advance(100_000);
  const { json } = await call(`GET /v2/assumed-roles/users/${OWNER}/sessions`);
  expect(json.sessions).toMatchObject([{ session_token: bare.session_token, remaining_duration: 500 }]);
  expect(json.assumed_role_sessions).toEqual(json.sessions);
  const tooLong = await call('POST /v2/assumed-roles/assume', { body: { ...body, duration: 1801 } });
  expect(tooLong.status).toBe(400);
});

test('members of a group are listed, read, removed and restored', async () => {
  const { call } = await withRole();
  const {
    group,
    id,
    display_name: name,
  } = (await call('POST /v2/groups', { body: { display_name: 'g' } })).json;
  expect([group.id, group.display_name]).toEqual([id, name]);
  const members = `/v2/groups/${id}/members`;
  const added = await call(`POST ${members}`, { body: { display_name: 'Sandbox Owner' } });
  expect([added.status, added.json.group_member]).toMatchObject([201, { id: OWNER, active: true }]);
  expect((await call(`GET ${members}`)).json).toMatchObject({ members: [{ id: OWNER }], meta: { total: 1 } });
  expect((await call(`POST ${members}`, { body: { user_id: 'nobody' } })).json.error).toBe('User not found');
  expect((await call(`POST ${members}`, { body: {} })).status).toBe(400);
  expect((await call(`GET /v2/groups/${id}`)).json.group).not.toHaveProperty('last_activity');
  const active = (await call(`GET /v2/groups/${id}?show_last_activity=true`)).json.group;
  expect(active.last_activity).toMatch(/^20/);
  expect((await call(`DELETE ${members}/${OWNER}`)).status).toBe(204);
  expect((await call(`GET ${members}/${OWNER}`)).json).toEqual({ error: 'User not found', status: 404 });
  const restored = await call(`PUT ${members}/${OWNER}`);
  expect([restored.status, restored.json.group_member.id]).toEqual([202, OWNER]);
  expect((await call(`GET /v2/groups/${id}`)).json.group.members).toHaveLength(1);
});

test('a policy keeps the version of its language, and is attached by path or by body', async () => {
  const { call, roleId } = await withRole();
  const document = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: ['*'], Resource: ['*'] }],
  };
  const create = (fields: object) =>
    call('POST /v2/policies', { body: { name: 'p', policy_document: document, ...fields } });
  expect((await create({ version: '2024-01-01' })).json.policy.version).toBe('2024-01-01');
  const { id, version } = (await create({})).json;
  expect(version).toBe('2012-10-17');
  const path = `/v2/roles/${roleId}/policies`;
  const attached = await call(`POST ${path}`, { body: { policy_id: id } });
  expect([attached.status, attached.json.role_policy_relationship]).toMatchObject([
    201,
    { policy_id: id, role_id: roleId, assigned_by: OWNER },
  ]);
  expect((await call(`POST ${path}`, { body: {} })).status).toBe(400);
  expect((await call(`POST ${path}`, { body: { policy_id: 'x' } })).json.error).toBe('Policy not found');
  const { policies, role_policy_relationships: relationships } = (await call(`GET ${path}`)).json;
  expect(policies).toMatchObject([{ policy_id: id }]);
  expect(relationships).toEqual(policies);
});

test('a federated trust needs an issuer that exists', async () => {
  const { call, roleId } = await withRole();
  const body = { role_id: roleId, trust_type: 'FederatedAssumption' };
  const refused = { error: 'Issuer Not Found', status: 404 };
  expect((await call('POST /v2/role-trusts', { body })).json).toEqual(refused);
  const issuer = { source: 'external', uri: 'https://issuer.example.com' };
  const { id } = (await call('POST /v2/oidc/issuer', { body: issuer })).json.issuer;
  const trust = (await call('POST /v2/role-trusts', { body: { ...body, trusted_oidc_issuer_id: id } })).json;
  expect(trust.role_trust).toMatchObject({ trusted_oidc_issuer_id: id, role_name: 'reader' });
  const changed = await call(`PUT /v2/role-trusts/${trust.id}`, { body: { trusted_oidc_issuer_id: 'x' } });
  expect(changed.json).toEqual(refused);
});
