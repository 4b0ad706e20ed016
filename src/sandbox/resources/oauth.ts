import type { Resource } from '../engine/api.ts';
import { ok, routes, target } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import type { World } from '../engine/world.ts';
import { OWNER_ID } from './users.ts';

const CLIENTS = '/v2/oauth/clients';
const AUTHORIZATIONS = '/v2/oauth/authorizations';
const DAY_MS = 24 * 3600 * 1000;
const ACTIVE_ID = '5a1c7e0b-3d2f-4b6a-9c8d-7e6f5a4b3c2d';
const DRAFT_ID = '6b2d8f1c-4e3a-4c7b-8d9e-8f7a6b5c4d3e';
const PROVIDER_ID = '7c3e9a2d-5f4b-4d8c-9eaf-9a8b7c6d5e4f';

/** Applications that may act for users who agree. The known operations only list them, so there are two examples. */
const client: Collection = {
  list: CLIENTS,
  item: `${CLIENTS}/{oauth_client_id}`,
  many: 'oauth_clients',
  one: null,
  missing: 'OAuth client not found',
  meta: false,
  omit: 'get',
  filters: ['review_status'],
};

/** OAuth applications and who authorized them. */
export const oauth: Resource = {
  collections: [client],
  routes: routes({
    [`GET ${AUTHORIZATIONS}`]: ({ world }) => {
      const own = world.store.list(AUTHORIZATIONS).filter(({ fields }) => fields['user_id'] === OWNER_ID);
      const shown = own.map(({ fields: { id = '', client_id = '', scopes = [] } }) => ({
        id,
        client_id,
        scopes,
      }));
      return ok({ authorizations: shown });
    },
    [`GET ${CLIENTS}/{oauth_client_id}/authorizations`]: (call) => {
      const { id } = target(call);
      const given = call.world.store.list(AUTHORIZATIONS).filter(({ fields }) => fields['client_id'] === id);
      return ok({ authorizations: given.map(({ fields }) => forClient(fields)) });
    },
  }),
  seed: seedExamples,
};

function forClient({ id: _id, client_id: _client, scopes, ...shown }: JsonObject): JsonObject {
  return { ...shown, scope_count: Array.isArray(scopes) ? scopes.length : 0 };
}

function seedExamples({ store, clock }: World): void {
  const now = clock.isoNow();
  const common = { oidc_provider_id: PROVIDER_ID, logo: '', date_created: now };
  for (const [id, name, status] of [
    [ACTIVE_ID, 'Example dashboard', 'Active'],
    [DRAFT_ID, 'Example draft', 'Draft'],
  ] as const) {
    const urls = { callback_urls: ['https://client.example.com/callback'] };
    store.add(CLIENTS, id, { id, name, review_status: status, ...urls, ...common });
  }
  const revokedAt = new Date(clock.nowMs() - DAY_MS).toISOString().replace(/\.\d+Z$/, '+00:00');
  const authorization = { client_id: ACTIVE_ID, scopes: ['instances:read'], date_authorized: now };
  const own = { user_id: OWNER_ID, email: 'owner@example.com', is_revoked: false };
  store.add(AUTHORIZATIONS, '1', { id: '1', ...authorization, ...own });
  const other = { user_id: DRAFT_ID, email: 'former@example.com', is_revoked: true, date_revoked: revokedAt };
  store.add(AUTHORIZATIONS, '2', { id: '2', ...authorization, ...other });
}
