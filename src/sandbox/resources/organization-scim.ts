import { ApiError } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, type Route, routes, target } from '../engine/call.ts';
import { isObject, type JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';

/** The hidden field of an organization that holds its SCIM settings. */
export const SCIM_FIELD = 'scim';

const SCIM = '/v2/organizations/{organization_id}/scim';
const SWITCHED_OFF: JsonObject = {
  scim_enabled: false,
  auth_method: 'bearer_token',
  date_added: '',
  date_updated: '',
};

/** The routes that enable and disable the provisioning of users, and create its token. */
export const organizationScimRoutes: Route[] = routes({
  [`GET ${SCIM}`]: (call) => show(target(call)),
  [`POST ${SCIM}/enable`]: (call) => change(call, { scim_enabled: true }),
  // The token becomes invalid, too: a new one is needed after enabling it again.
  [`POST ${SCIM}/disable`]: (call) => change(call, { scim_enabled: false, scim_token: '' }),
  [`POST ${SCIM}/token`]: (call) => {
    change(call, { scim_token: call.world.random.hex(48) });
    const settings = settingsOf(target(call));
    return ok({ scim: { ...settings } });
  },
});

/** The organization whose SCIM token is the key of the request. Refuses any other key. */
export function organizationOfToken({ world, key = '' }: Call): Entity {
  const organization = world.store.list('/v2/organizations').find((each) => {
    const { scim_enabled: isEnabled, scim_token: token } = settingsOf(each);
    return isEnabled === true && key !== '' && token === key;
  });
  if (organization === undefined) throw new ApiError(401, 'Invalid API token.');
  return organization;
}

function settingsOf({ fields }: Entity): JsonObject {
  const settings = fields[SCIM_FIELD];
  return isObject(settings) ? settings : SWITCHED_OFF;
}

function change(call: Call, changes: JsonObject): ApiResponse {
  const organization = target(call);
  const now = call.world.clock.isoNow();
  const settings = settingsOf(organization);
  organization.fields[SCIM_FIELD] = {
    ...settings,
    date_added: settings['date_added'] || now,
    date_updated: now,
    ...changes,
  };
  return show(organization);
}

/** The token is left out: only the response to its creation shows it. */
function show(organization: Entity): ApiResponse {
  const { scim_token: _token, ...shown } = settingsOf(organization);
  return ok({ scim: shown });
}
