import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, param, routes } from '../engine/call.ts';
import { textsOf } from '../engine/checks.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { organizationOfToken } from './organization-scim.ts';
import { scimList } from './scim-list.ts';
import { applyPatch } from './scim-patch.ts';

const USERS = '/scim/v2/Users';
const GROUPS = '/scim/v2/Groups';
const SCHEMAS = 'urn:ietf:params:scim:schemas:core:2.0:';
const USER_FIELDS = parseFields('userName! name:object displayName active:boolean=true phoneNumbers:objects');
const GROUP_FIELDS = parseFields('displayName! externalId members:objects');

/** A kind of SCIM resource; each organization has its own. */
interface Kind {
  name: 'User' | 'Group';
  path: string;
  parameter: string;
  missing: string;
  /** The attribute that must be unique. */
  unique: string;
  fields: ReturnType<typeof parseFields>;
}

const USER: Kind = {
  name: 'User',
  path: USERS,
  parameter: 'scim_user_id',
  missing: 'User not found',
  unique: 'userName',
  fields: USER_FIELDS,
};
const GROUP: Kind = {
  name: 'Group',
  path: GROUPS,
  parameter: 'scim_group_id',
  missing: 'Group not found',
  unique: 'displayName',
  fields: GROUP_FIELDS,
};

/** Provisioning of users and groups (RFC 7644), with the SCIM token of an organization as the key. */
export const scim: Resource = {
  routes: routes(
    {
      ...kindTable(USER),
      ...kindTable(GROUP),
      [`PUT ${GROUPS}/{scim_group_id}`]: (call) => {
        const store = storeOf(GROUP, call);
        const group = wanted(GROUP, call, store);
        return save(GROUP, call, store, group, readFields(GROUP_FIELDS, call.body));
      },
    },
    false,
    'scim',
  ),
};

function kindTable(kind: Kind): Record<string, (call: Call) => ApiResponse> {
  const item = `${kind.path}/{${kind.parameter}}`;
  return {
    [`GET ${kind.path}`]: (call) => {
      const all = call.world.store.list(storeOf(kind, call));
      const shown = all.map((entity) => show(kind, call, entity));
      return { status: 200, body: scimList(shown, call.query) };
    },
    [`POST ${kind.path}`]: (call) => create(kind, call),
    [`GET ${item}`]: (call) => responseOf(kind, call, wanted(kind, call, storeOf(kind, call)), 200),
    [`PATCH ${item}`]: (call) => {
      const store = storeOf(kind, call);
      const entity = wanted(kind, call, store);
      const patched = applyPatch(entity.fields, call.body);
      return save(kind, call, store, entity, readFields(kind.fields, patched));
    },
    [`DELETE ${item}`]: (call) => {
      const store = storeOf(kind, call);
      call.world.store.remove(store, wanted(kind, call, store).id);
      return noContent;
    },
  };
}

/** Where the organization of the request's token keeps its users or groups. */
const storeOf = (kind: Kind, call: Call): string =>
  `/v2/organizations/${organizationOfToken(call).id}/scim/${kind.name}s`;

function wanted(kind: Kind, call: Call, store: string): Entity {
  const entity = call.world.store.get(store, param(call, kind.parameter));
  if (entity === undefined) throw new ApiError(404, kind.missing);
  return entity;
}

function create(kind: Kind, call: Call): ApiResponse {
  const store = storeOf(kind, call);
  const fields = readFields(kind.fields, call.body);
  checkUnique(kind, call, store, fields);
  const { world } = call;
  const now = world.clock.isoNow();
  const id = world.random.uuid();
  if (kind === GROUP) fields['members'] = membersIn(call, fields);
  const entity = world.store.add(store, id, { ...fields, date_created: now, date_updated: now });
  return responseOf(kind, call, entity, 201);
}

function save(kind: Kind, call: Call, store: string, entity: Entity, fields: JsonObject): ApiResponse {
  checkUnique(kind, call, store, fields, entity.id);
  if (kind === GROUP) fields['members'] = membersIn(call, fields);
  Object.assign(entity.fields, fields, { date_updated: call.world.clock.isoNow() });
  return responseOf(kind, call, entity, 200);
}

function checkUnique(kind: Kind, call: Call, store: string, fields: JsonObject, ownId = ''): void {
  const value = String(fields[kind.unique]).toLowerCase();
  const isTaken = call.world.store
    .all(store)
    .some((other) => other.id !== ownId && String(other.fields[kind.unique]).toLowerCase() === value);
  if (isTaken) throw new ApiError(409, `${kind.name} already exists.`);
}

/** The ids of a group's members in a body. Throws an ApiError 400 for a user that does not exist. */
function membersIn(call: Call, { members }: JsonObject): string[] {
  const ids = (Array.isArray(members) ? members : []).map((each) => (isObject(each) ? each['value'] : each));
  const users = storeOf(USER, call);
  return [...new Set(ids)].map((id) => {
    if (typeof id !== 'string' || !call.world.store.has(users, id)) throw badRequest('Invalid members.');
    return id;
  });
}

const responseOf = (kind: Kind, call: Call, entity: Entity, status: number): ApiResponse => ({
  status,
  body: show(kind, call, entity),
});

function show(kind: Kind, call: Call, { id, fields }: Entity): JsonObject {
  const { date_created: created = '', date_updated: lastModified = '', ...rest } = fields;
  const meta = { resourceType: kind.name, created, lastModified };
  const common = { id, schemas: [SCHEMAS + kind.name], ...rest };
  return kind === USER
    ? { ...common, meta, date_created: created, date_updated: lastModified }
    : {
        ...common,
        members: membersOf(call, fields['members']),
        meta: { ...meta, location: `${GROUPS}/${id}` },
      };
}

/** The members that a group shows. Users who have been deleted in the meantime are left out. */
function membersOf(call: Call, ids: Json | undefined): JsonObject[] {
  const users = storeOf(USER, call);
  return textsOf(ids).flatMap((id) => {
    const user = call.world.store.get(users, id);
    const display = user?.fields['displayName'] || user?.fields['userName'] || '';
    return user === undefined ? [] : [{ value: id, display, $ref: `${USERS}/${id}` }];
  });
}
