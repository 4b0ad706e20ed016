import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Call, noContent, ok, routes, target } from '../engine/call.ts';
import { textsOf } from '../engine/checks.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import type { World } from '../engine/world.ts';
import { ACLS, apiKeyRow } from './account.ts';

const USER = '/v2/users/{user_id}';
const WHITELIST = `${USER}/ip-whitelist`;
const ENTRY_FIELDS = parseFields('subnet! subnet_size:integer!');

const checkAcls = (given: JsonObject): void => {
  const unknown = textsOf(given['acls']).filter((acl) => !ACLS.includes(acl));
  if (unknown.length > 0) throw badRequest(`Invalid ACL: ${unknown.join(', ')}`);
};

const user: Collection = {
  list: '/v2/users',
  item: USER,
  many: 'users',
  one: 'user',
  missing: 'Invalid user',
  accepts: 'email! name first_name last_name password! api_enabled:boolean acls:strings service_user:boolean',
  update: 'PATCH 204',
  hide: 'password api_key',
  // A user with access to the API gets a key, which only this response shows.
  showOnce: 'api_key',
  initial: (call, given) => {
    checkAcls(given);
    const taken = call.world.store.all('/v2/users').some(({ fields }) => fields['email'] === given['email']);
    if (taken) throw badRequest('Email address is already in use.');
    const name = given['name'] || [given['first_name'], given['last_name']].filter(Boolean).join(' ');
    return { name, api_key: given['api_enabled'] === true ? call.world.random.hex(36).toUpperCase() : '' };
  },
  changing: (_call, _entity, given) => checkAcls(given),
};

const userApiKey: Collection = {
  ...apiKeyRow,
  list: `${USER}/apikeys`,
  item: `${USER}/apikeys/{apikey_id}`,
  create: `${USER}/apikeys 202`,
  silent: true,
};

/** Users with their keys and address lists. */
export const users: Resource = {
  collections: [user, userApiKey],
  routes: routes({
    [`GET ${WHITELIST}`]: (call) => {
      const entries = call.world.store.list(whitelistOf(call)).map(({ fields }) => ({ ...fields }));
      return ok(listBody('ip_whitelist', entries, call.query, 'subnet'));
    },
    [`GET ${WHITELIST}/entry`]: (call) =>
      ok({ ip_whitelist_entry: { ...entryOf(call, Object.fromEntries(call.query)) } }),
    [`POST ${WHITELIST}`]: (call) => {
      const { subnet = '', subnet_size: size = 0 } = readFields(ENTRY_FIELDS, call.body);
      const { clock, store } = call.world;
      const dateAdded = `${new Date(clock.nowMs()).toISOString().slice(0, 19)}Z`;
      const ipType = String(subnet).includes(':') ? 'v6' : 'v4';
      const entry = { subnet, subnet_size: size, date_added: dateAdded, ip_type: ipType };
      store.add(whitelistOf(call), `${String(subnet)}/${String(size)}`, entry);
      return noContent;
    },
    [`DELETE ${WHITELIST}`]: (call) => {
      const { subnet = '', subnet_size: size = 0 } = entryOf(call, readFields(ENTRY_FIELDS, call.body));
      call.world.store.remove(whitelistOf(call), `${String(subnet)}/${String(size)}`);
      return noContent;
    },
  }),
  seed: seedOwner,
};

const whitelistOf = (call: Call): string => `/v2/users/${target(call).id}/ip-whitelist`;

function entryOf(call: Call, wanted: JsonObject): JsonObject {
  if (!wanted['subnet'] || wanted['subnet_size'] === undefined) throw badRequest();
  const id = `${String(wanted['subnet'])}/${String(wanted['subnet_size'])}`;
  const entry = call.world.store.get(whitelistOf(call), id);
  if (entry === undefined) throw new ApiError(404, 'IP whitelist entry not found');
  return entry.fields;
}

/** The user that every key belongs to: `/v2/users/me`. */
export const OWNER_ID = '7d2e6c1a-9b3f-4f5e-8a7d-0c1b2a3d4e5f';

function seedOwner({ store, clock }: World): void {
  store.add('/v2/users', OWNER_ID, {
    id: OWNER_ID,
    date_created: clock.isoNow(),
    email: 'owner@example.com',
    name: 'Sandbox Owner',
    first_name: 'Sandbox',
    last_name: 'Owner',
    api_enabled: true,
    acls: [...ACLS],
    service_user: false,
  });
}
