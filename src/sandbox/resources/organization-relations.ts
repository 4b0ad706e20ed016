import { ApiError, badRequest } from '../engine/api-error.ts';
import {
  type ApiResponse,
  type Call,
  noContent,
  ok,
  param,
  type Route,
  routes,
  target,
} from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody, page } from '../engine/paging.ts';
import type { Entity } from '../engine/store.ts';
import { attach, type Link, linkRoutes } from './links.ts';
import { showSession } from './role-sessions.ts';
import { OWNER_ID } from './users.ts';

type Facts = (call: Call, entity: Entity) => JsonObject;

const roleFacts: Facts = (_call, { id, fields }) => ({
  role_id: id,
  role_name: fields['name'] ?? '',
  role_description: fields['description'] ?? '',
  role_type: fields['role_type'] ?? '',
});
const policyFacts: Facts = (_call, { id, fields }) => ({
  policy_id: id,
  policy_name: fields['name'] ?? '',
  policy_description: fields['description'] ?? '',
});
const groupFacts: Facts = (_call, { id, fields }) => ({
  group_id: id,
  group_name: fields['display_name'] ?? '',
  display_name: fields['display_name'] ?? '',
});
const userFacts: Facts = (_call, { id, fields }) => ({
  user_id: id,
  name: fields['name'] ?? '',
  email: fields['email'] ?? '',
});

/** An entry describes both ends, and says when they were attached and by whom. */
const entryOf =
  (oneFacts: Facts, otherFacts: Facts): Link['entry'] =>
  (call, one, other) => ({
    ...otherFacts(call, other),
    ...oneFacts(call, one),
    date_assigned: call.world.clock.isoNow(),
    assigned_by: OWNER_ID,
  });

const toGroup = { parameter: 'group_id', collection: '/v2/groups', missing: 'Group not found' };
const toUser = { parameter: 'user_id', collection: '/v2/users', missing: 'User not found' };

const rolePolicy: Link = {
  path: '/v2/roles/{role_id}/policies',
  parameter: 'policy_id',
  collection: '/v2/policies',
  missing: 'Policy not found',
  many: 'policies',
  relationship: 'role_policy_relationship',
  entry: entryOf(roleFacts, policyFacts),
};

const LINKS: Link[] = [
  rolePolicy,
  {
    ...toGroup,
    path: '/v2/roles/{role_id}/groups',
    many: 'assignments',
    relationship: 'role_group_relationship',
    entry: entryOf(roleFacts, groupFacts),
  },
  {
    ...toUser,
    path: '/v2/roles/{role_id}/users',
    many: 'assignments',
    relationship: 'role_user_relationship',
    entry: entryOf(roleFacts, userFacts),
  },
  {
    ...toGroup,
    path: '/v2/policies/{policy_id}/groups',
    many: 'groups',
    relationship: 'policy_group_relationship',
    entry: entryOf(policyFacts, groupFacts),
  },
  {
    ...toUser,
    path: '/v2/policies/{policy_id}/users',
    many: 'users',
    relationship: 'policy_user_relationship',
    entry: entryOf(policyFacts, userFacts),
  },
];

/** The routes that say who has which role, policy and group, from every side. */
export const relationRoutes: Route[] = [
  ...LINKS.flatMap((link) => linkRoutes(link)),
  ...routes({
    // The older way of attaching a policy, with its id in the body.
    [`POST ${rolePolicy.path}`]: (call) => {
      const policyId = call.body['policy_id'];
      if (typeof policyId !== 'string' || policyId === '') throw badRequest();
      return attach(rolePolicy, call, policyId);
    },
    'GET /v2/groups/{group_id}/roles': (call) => rights(call, 'roles', 'groups', target(call).id),
    'GET /v2/groups/{group_id}/policies': (call) => rights(call, 'policies', 'groups', target(call).id),
    'GET /v2/users/{user_id}/roles': (call) => rights(call, 'roles', 'users', target(call).id),
    'GET /v2/users/{user_id}/policies': (call) => rights(call, 'policies', 'users', target(call).id),
    'GET /v2/users/{user_id}/groups': (call) => groupsOf(call, target(call).id),
    'GET /v2/users/me/roles': (call) => rights(call, 'roles', 'users', OWNER_ID),
    'GET /v2/users/me/policies': (call) => rights(call, 'policies', 'users', OWNER_ID),
    'GET /v2/users/me/groups': (call) => groupsOf(call, OWNER_ID),
    'GET /v2/role-trusts/by-role/{role_id}': (call) => {
      const role = named(
        call,
        '/v2/roles',
        param(call, 'role_id'),
        () => new ApiError(404, 'Role not found'),
      );
      return ok(listBody('role_trusts', trusts(call, 'role_id', role.id), call.query));
    },
    'GET /v2/role-trusts/assumable/{user_id}': (call) => {
      const user = userNamed(call);
      const { items, meta } = page(trusts(call, 'trusted_user_id', user.id), call.query, idOf);
      return ok({ assumable_roles: items, roles: items, meta });
    },
    'GET /v2/assumed-roles/users/{user_id}/sessions': (call) => {
      const user = userNamed(call);
      const own = call.world.store
        .list('/v2/assumed-roles')
        .filter(({ fields }) => fields['user_id'] === user.id)
        .map((each) => showSession(call, each));
      const { items, meta } = page(own, call.query, (each) => String(each['session_token']));
      return ok({ sessions: items, assumed_role_sessions: items, meta });
    },
    ...organizationMemberRoutes(),
  }),
];

function organizationMemberRoutes(): Record<string, (call: Call) => ApiResponse> {
  const organization = '/v2/organizations/{organization_id}';
  const suspended = (call: Call): string => `/v2/organizations/${target(call).id}/suspended-users`;
  return {
    [`GET ${organization}/suspended-users`]: (call) =>
      ok(
        listBody(
          'users',
          call.world.store.list(suspended(call)).map(({ fields }) => ({ ...fields })),
          call.query,
        ),
      ),
    [`PUT ${organization}/user/{user_id}/suspend`]: (call) => {
      const { id, fields } = userNamed(call);
      const { name = '', first_name = '', last_name = '', email = '', date_created = '' } = fields;
      const user = { id, name, first_name, last_name, email, date_created };
      call.world.store.add(suspended(call), id, { ...user, date_suspended: call.world.clock.isoNow() });
      return noContent;
    },
    [`PUT ${organization}/user/{user_id}/unsuspend`]: (call) => {
      call.world.store.remove(suspended(call), userNamed(call).id);
      return noContent;
    },
    [`DELETE ${organization}/user/{user_id}`]: (call) => {
      call.world.store.remove(suspended(call), userNamed(call).id);
      return noContent;
    },
  };
}

const userNamed = (call: Call): Entity =>
  named(call, '/v2/users', param(call, 'user_id'), () => new ApiError(404, 'User not found'));

const trusts = (call: Call, field: string, id: string): JsonObject[] =>
  call.world.store
    .list('/v2/role-trusts')
    .filter(({ fields }) => fields[field] === id)
    .map(({ fields }) => ({ ...fields }));

/** The roles or policies that have `id` among their users or groups. */
const having = (call: Call, kind: string, side: string, id: string): JsonObject[] =>
  call.world.store
    .list(`/v2/${kind}`)
    .filter((thing) => call.world.store.has(`/v2/${kind}/${thing.id}/${side}`, id))
    .map(({ fields }) => ({ ...fields }));

const groupIdsOf = (call: Call, userId: string): string[] =>
  call.world.store
    .list('/v2/groups')
    .filter((group) => call.world.store.has(`/v2/groups/${group.id}/members`, userId))
    .map(({ id }) => id);

function groupsOf(call: Call, userId: string): ApiResponse {
  const ids = groupIdsOf(call, userId);
  const groups = call.world.store.list('/v2/groups').filter(({ id }) => ids.includes(id));
  return ok(
    listBody(
      'groups',
      groups.map(({ fields }) => ({ ...fields })),
      call.query,
    ),
  );
}

/**
 * The roles or policies of a user or group: all of them, the direct ones, and those through groups or roles. For a
 * group also the relationships, which the documentation has in their place.
 */
function rights(call: Call, kind: 'roles' | 'policies', side: 'groups' | 'users', id: string): ApiResponse {
  const held = having(call, kind, side, id);
  const direct =
    kind === 'roles' && side === 'groups' ? held.map((each) => asGroupRole(call, each, id)) : held;
  const inherited =
    side === 'users' ? groupIdsOf(call, id).flatMap((group) => having(call, kind, 'groups', group)) : [];
  const { items: all, meta } = page([...direct, ...inherited], call.query, idOf);
  const other = kind === 'policies' && side === 'groups' ? 'from_roles' : 'inherited';
  const rightsByWay = { all, direct, [other]: inherited };
  if (side === 'users') return ok({ [kind]: rightsByWay, meta });
  const relationships = kind === 'roles' ? 'role_group_relationships' : 'policy_group_relationships';
  const entries = all.flatMap((each) => {
    const entry = call.world.store.get(`/v2/${kind}/${idOf(each)}/groups`, id);
    return entry === undefined ? [] : [{ ...entry.fields }];
  });
  return ok({ [kind]: rightsByWay, [relationships]: entries, meta });
}

/** A role as a group shows it: its name is in another member, and it says since when the group has the role. */
function asGroupRole(call: Call, role: JsonObject, groupId: string): JsonObject {
  const entry = call.world.store.get(`/v2/roles/${idOf(role)}/groups`, groupId);
  return {
    ...role,
    display_name: role['name'] ?? '',
    date_assigned: entry?.fields['date_assigned'] ?? '',
  };
}

const idOf = (each: JsonObject): string => String(each['id']);
