import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Call, routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { iso } from '../engine/clock.ts';
import { type Collection, writeResponse } from '../engine/collection.ts';
import { isObject, type JsonObject } from '../engine/json.ts';
import { groupMember } from './group-members.ts';
import { relationRoutes } from './organization-relations.ts';
import { organizationScimRoutes, SCIM_FIELD } from './organization-scim.ts';
import { OWNER_ID } from './users.ts';

const WEEK_MS = 7 * 24 * 3600 * 1000;

const organization: Collection = {
  list: '/v2/organizations',
  item: '/v2/organizations/{organization_id}',
  many: 'orgs',
  alsoMany: 'organizations',
  one: 'organization',
  both: 'all',
  missing: 'Organization not found.',
  accepts: 'name! type!',
  update: 'PUT 200',
  hide: SCIM_FIELD,
  restore: 'PATCH 204 /restore',
};

const group: Collection = {
  list: '/v2/groups',
  item: '/v2/groups/{group_id}',
  many: 'groups',
  one: 'group',
  missing: 'Group not found',
  accepts: 'display_name! description',
  update: 'PUT 200',
  both: 'writes',
  // The Go client reads the bare form, and takes a string in this place for an error.
  bareHides: 'status',
  initial: ({ world }) => ({ status: 'active', assigned_date: '', date_updated: world.clock.isoNow() }),
  changing: ({ world }, { fields }) => {
    fields['date_updated'] = world.clock.isoNow();
  },
  view: (call, { id }) => {
    const members = call.world.store.list(`/v2/groups/${id}/members`);
    const shown: JsonObject = { members: members.map(({ fields }) => ({ ...fields })) };
    if (call.query.get('show_last_activity') !== 'true') return shown;
    // Every request comes from the owner, so only the owner is ever active.
    const isActive = members.some((each) => each.id === OWNER_ID);
    return { ...shown, last_activity: isActive ? call.world.clock.isoNow() : '' };
  },
};

const role: Collection = {
  list: '/v2/roles',
  item: '/v2/roles/{role_id}',
  many: 'roles',
  one: 'role',
  missing: 'Role not found',
  accepts: 'name! description role_type max_session_duration:integer=3600',
  update: 'PUT 200',
  created: ({ world }, made) => {
    made.listedAtMs = world.clock.nowMs() + world.lag.provisionMs;
  },
  view: ({ world }, { id }) => ({
    policies: world.store.list(`/v2/roles/${id}/policies`).map(({ fields }) => ({ ...fields })),
  }),
  both: 'writes',
  restore: 'PATCH 200 /restore',
};

const policy: Collection = {
  list: '/v2/policies',
  item: '/v2/policies/{policy_id}',
  many: 'policies',
  one: 'policy',
  missing: 'Policy not found',
  accepts: 'name! description policy_document:object! version=2012-10-17',
  update: 'PUT 202',
  initial: (_call, given) => {
    checkDocument(given);
    return { is_system_policy: false, from_role: '', source: 'direct' };
  },
  changing: (_call, _entity, given) => {
    if (given['policy_document'] !== undefined) checkDocument(given);
  },
  both: 'writes',
  restore: 'PATCH 202 /restore',
};

const roleTrust: Collection = {
  list: '/v2/role-trusts',
  item: '/v2/role-trusts/{role_trust_id}',
  many: 'role_trusts',
  one: 'role_trust',
  missing: 'Role trust not found',
  accepts:
    'role_id! trusted_user_id trusted_group_id trusted_oidc_issuer_id trust_type! conditions:object valid_until',
  update: 'PUT 200',
  changing: (call, { fields }, given) => checkTrusted(call, { ...fields, ...given }),
  initial: (call, given) => {
    checkTrusted(call, given);
    const trusted = named(call, '/v2/roles', given['role_id'], () => new ApiError(404, 'Role not found'));
    return { role_name: trusted.fields['name'] ?? '', user_display: '', group_display: '' };
  },
  both: 'writes',
  restore: 'PATCH 200 /restore',
};

const invitation: Collection = {
  list: '/v2/invitation',
  item: '/v2/invitation/{invitation_id}',
  many: 'invites',
  alsoMany: 'invitations',
  one: 'invitation',
  both: 'all',
  missing: 'Invite not found',
  accepts: 'email_invited! permissions:object',
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

/** Organizations and their rights: groups, roles, policies, trusts, invitations. */
export const organizations: Resource = {
  collections: [organization, group, groupMember, role, policy, roleTrust, invitation],
  routes: [
    ...relationRoutes,
    ...organizationScimRoutes,
    ...routes({
      'POST /v2/invitation/{invitation_id}/resend': (call) => {
        target(call).fields['expiration_date'] = iso(call.world.clock.nowMs() + WEEK_MS);
        return writeResponse(invitation, call, target(call), 200);
      },
    }),
  ],
};

/** Refuses a trust in an issuer that does not exist. A federated trust must have an issuer. */
function checkTrusted(call: Call, trust: JsonObject): void {
  const issuerId = trust['trusted_oidc_issuer_id'];
  if (!issuerId && trust['trust_type'] !== 'FederatedAssumption') return;
  named(call, '/v2/oidc/issuer', issuerId, () => new ApiError(404, 'Issuer Not Found'));
}

function checkDocument({ policy_document: document }: JsonObject): void {
  const statements = isObject(document) ? document['Statement'] : undefined;
  if (Array.isArray(statements) && statements.length > 0) return;
  throw badRequest('Invalid policy_document.');
}
