import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { iso } from '../engine/clock.ts';
import { answerOne, type Collection } from '../engine/collection.ts';
import { isObject, type JsonObject } from '../engine/json.ts';
import { attach, type Link, linkRoutes } from './links.ts';
import { relationRoutes } from './organization-relations.ts';

const WEEK_MS = 7 * 24 * 3600 * 1000;

const organization: Collection = {
  list: '/v2/organizations',
  item: '/v2/organizations/{organization_id}',
  many: 'orgs',
  one: null,
  missing: 'Organization not found.',
  accepts: 'name! type!',
  update: 'PUT 200',
  restore: 'empty',
};

const group: Collection = {
  list: '/v2/groups',
  item: '/v2/groups/{group_id}',
  many: 'groups',
  one: 'group',
  missing: 'Group not found',
  accepts: 'display_name! description!',
  update: 'PUT 200',
  bareWrites: true,
  initial: () => ({ assigned_date: '' }),
  view: ({ world }, { id }) => ({
    members: world.store.list(`/v2/groups/${id}/members`).map(({ fields }) => ({ ...fields })),
  }),
};

const role: Collection = {
  list: '/v2/roles',
  item: '/v2/roles/{role_id}',
  many: 'roles',
  one: 'role',
  missing: 'Role not found',
  accepts: 'name! description! role_type! max_session_duration:integer!',
  update: 'PUT 200',
  created: ({ world }, made) => {
    made.listedAtMs = world.clock.nowMs() + world.lag.provisionMs;
  },
  view: ({ world }, { id }) => ({
    policies: world.store.list(`/v2/roles/${id}/policies`).map(({ fields }) => ({ ...fields })),
  }),
  bareWrites: true,
  restore: 'bare',
};

const policy: Collection = {
  list: '/v2/policies',
  item: '/v2/policies/{policy_id}',
  many: 'policies',
  one: 'policy',
  missing: 'Policy not found',
  accepts: 'name! description! policy_document:object!',
  update: 'PUT 200',
  initial: (_call, given) => {
    checkDocument(given);
    return { version: 1, is_system_policy: false, from_role: '', source: 'direct' };
  },
  changing: (_call, { fields }, given) => {
    if (given['policy_document'] === undefined) return;
    checkDocument(given);
    fields['version'] = Number(fields['version']) + 1;
  },
  bareWrites: true,
  restore: 'bare',
};

const roleTrust: Collection = {
  list: '/v2/role-trusts',
  item: '/v2/role-trusts/{role_trust_id}',
  many: 'role_trusts',
  one: 'role_trust',
  missing: 'Role trust not found',
  accepts: 'role_id! trusted_user_id trusted_group_id trust_type! conditions:object valid_until',
  update: 'PUT 200',
  initial: (call, given) => {
    const trusted = named(call, '/v2/roles', given['role_id'], () => new ApiError(404, 'Role not found'));
    return { role_name: trusted.fields['name'] ?? '', user_display: '', group_display: '' };
  },
  bareWrites: true,
  restore: 'wrapped',
};

const invitation: Collection = {
  list: '/v2/invitation',
  item: '/v2/invitation/{invitation_id}',
  many: 'invites',
  one: null,
  missing: 'Invite not found',
  accepts: 'email_invited! permissions:object!',
  remove: false,
  initial: ({ world }) => ({
    inviter_name: 'Sandbox Owner',
    inviter_email: 'owner@example.com',
    email_registered: '',
    org_id: '',
    org_name: 'Sandbox',
    status: 'pending',
    status_full: 'Pending',
    invite_status: 'pending',
    date_responded: '',
    expiration_date: iso(world.clock.nowMs() + WEEK_MS),
  }),
};

const session: Collection = {
  list: '/v2/assumed-roles',
  item: '/v2/assumed-roles/{session_token}',
  many: 'sessions',
  one: null,
  missing: 'Assumed Role Not Found',
  idField: 'session_token',
  dated: 'assumed_at',
  accepts: 'user_id! role_id! session_name! duration:integer=3600 context:object',
  create: '/v2/assumed-roles/assume 201',
  omit: 'list',
  hide: 'context duration',
  id: ({ world }) => world.random.hex(64),
  initial: (call, given) => {
    named(call, '/v2/users', given['user_id'], () => new ApiError(404, 'User not found'));
    named(call, '/v2/roles', given['role_id'], () => new ApiError(404, 'Role not found'));
    const durationS = Number(given['duration']);
    return {
      auth_method: 'api_key',
      remaining_duration: durationS,
      conditions_met: true,
      source_ip: call.remoteAddress,
      expires_at: iso(call.world.clock.nowMs() + durationS * 1000),
    };
  },
};

const member: Link = {
  path: '/v2/groups/{group_id}/members',
  parameter: 'user_id',
  collection: '/v2/users',
  missing: 'User not found',
  many: 'members',
  entry: (_call, _group, { id, fields }) => ({ user_id: id, display_name: fields['name'] ?? '' }),
  answers: false,
};

/** Organizations and their rights: groups, roles, policies, trusts, invitations, assumed roles. */
export const organizations: Resource = {
  collections: [organization, group, role, policy, roleTrust, invitation, session],
  routes: [
    ...relationRoutes,
    ...linkRoutes(member, false).filter(({ method }) => method === 'DELETE'),
    ...routes({
      'POST /v2/groups/{group_id}/members': (call) =>
        attach(member, call, String(call.body['user_id'] ?? '')),
      'POST /v2/invitation/{invitation_id}/resend': (call) => {
        target(call).fields['expiration_date'] = iso(call.world.clock.nowMs() + WEEK_MS);
        return answerOne(invitation, call, target(call), 200);
      },
    }),
  ],
};

function checkDocument({ policy_document: document }: JsonObject): void {
  const statements = isObject(document) ? document['Statement'] : undefined;
  if (Array.isArray(statements) && statements.length > 0) return;
  throw badRequest('Invalid policy_document.');
}
