import { ApiError } from '../engine/api-error.ts';
import { type Answer, type Call, noContent, ok, param, type Route, routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import { listAnswer, page } from '../engine/paging.ts';
import type { Entity } from '../engine/store.ts';
import { type Link, linkRoutes } from './links.ts';
import { OWNER_ID } from './users.ts';

const roleFacts = (call: Call, role: Entity): JsonObject => ({
  role_id: role.id,
  role_name: role.fields['name'] ?? '',
  role_description: role.fields['description'] ?? '',
  role_type: role.fields['role_type'] ?? '',
  date_assigned: call.world.clock.isoNow(),
});
const toGroup = { parameter: 'group_id', collection: '/v2/groups', missing: 'Group not found' };
const toUser = { parameter: 'user_id', collection: '/v2/users', missing: 'User not found' };

const LINKS: Link[] = [
  {
    ...toGroup,
    path: '/v2/roles/{role_id}/groups',
    many: 'assignments',
    entry: (call, role, { id, fields }) => ({
      group_id: id,
      group_name: fields['display_name'] ?? '',
      ...roleFacts(call, role),
    }),
    answers: true,
  },
  {
    ...toUser,
    path: '/v2/roles/{role_id}/users',
    many: 'assignments',
    entry: (call, role, { id }) => ({ user_id: id, ...roleFacts(call, role) }),
    answers: true,
  },
  {
    path: '/v2/roles/{role_id}/policies',
    parameter: 'policy_id',
    collection: '/v2/policies',
    missing: 'Policy not found',
    many: 'policies',
    entry: (call, role, { id, fields }) => ({
      policy_id: id,
      policy_name: fields['name'] ?? '',
      ...roleFacts(call, role),
      assigned_by: OWNER_ID,
    }),
    answers: true,
  },
  {
    ...toGroup,
    path: '/v2/policies/{policy_id}/groups',
    many: 'groups',
    entry: (_call, _policy, { id, fields }) => ({ id, display_name: fields['display_name'] ?? '' }),
    answers: false,
  },
  {
    ...toUser,
    path: '/v2/policies/{policy_id}/users',
    many: 'users',
    entry: (_call, _policy, { id, fields }) => ({
      id,
      name: fields['name'] ?? '',
      email: fields['email'] ?? '',
    }),
    answers: false,
  },
];

/** Who has which role, policy and group, seen from every side. */
export const relationRoutes: Route[] = [
  ...LINKS.flatMap((link) => linkRoutes(link)),
  ...routes({
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
      return ok(listAnswer('role_trusts', trusts(call, 'role_id', role.id), call.query));
    },
    'GET /v2/role-trusts/assumable/{user_id}': (call) => {
      const user = userNamed(call);
      return ok(listAnswer('assumable_roles', trusts(call, 'trusted_user_id', user.id), call.query));
    },
    'GET /v2/assumed-roles/users/{user_id}/sessions': (call) => {
      const user = userNamed(call);
      const all = call.world.store.list('/v2/assumed-roles').map(({ fields }) => ({ ...fields }));
      const sessions = all.filter((session: JsonObject) => session['user_id'] === user.id);
      return ok(listAnswer('sessions', sessions, call.query, 'session_token'));
    },
    ...organizationMemberRoutes(),
  }),
];

function organizationMemberRoutes(): Record<string, (call: Call) => Answer> {
  const organization = '/v2/organizations/{organization_id}';
  const suspended = (call: Call): string => `/v2/organizations/${target(call).id}/suspended-users`;
  return {
    [`GET ${organization}/suspended-users`]: (call) =>
      ok(
        listAnswer(
          'users',
          call.world.store.list(suspended(call)).map(({ fields }) => ({ ...fields })),
          call.query,
        ),
      ),
    [`PUT ${organization}/user/{user_id}/suspend`]: (call) => {
      const { id, fields } = userNamed(call);
      call.world.store.add(suspended(call), id, {
        id,
        name: fields['name'] ?? '',
        email: fields['email'] ?? '',
      });
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

/** The things of `kind` that list `id` among their users or groups. */
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

function groupsOf(call: Call, userId: string): Answer {
  const ids = groupIdsOf(call, userId);
  const groups = call.world.store.list('/v2/groups').filter(({ id }) => ids.includes(id));
  return ok(
    listAnswer(
      'groups',
      groups.map(({ fields }) => ({ ...fields })),
      call.query,
    ),
  );
}

/** Roles or policies of a user or group: an object of three arrays, direct and through groups or roles. */
function rights(call: Call, kind: 'roles' | 'policies', side: 'groups' | 'users', id: string): Answer {
  const direct = having(call, kind, side, id);
  const inherited =
    side === 'users' ? groupIdsOf(call, id).flatMap((group) => having(call, kind, 'groups', group)) : [];
  const { items: all, meta } = page([...direct, ...inherited], call.query, (each) => String(each['id']));
  const other = kind === 'policies' && side === 'groups' ? 'from_roles' : 'inherited';
  const body: Json = { [kind]: { all, direct, [other]: inherited }, meta };
  return ok(body);
}
