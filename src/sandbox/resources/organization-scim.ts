import { ApiError } from '../engine/api-error.ts';
import { type Answer, type Call, ok, type Route, routes, target } from '../engine/call.ts';
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

/** Switching the provisioning of users on and off, and its token. */
export const organizationScimRoutes: Route[] = routes({
  [`GET ${SCIM}`]: (call) => show(target(call)),
  [`POST ${SCIM}/enable`]: (call) => change(call, { scim_enabled: true }),
  // The token ends with it: after switching on again a new one is needed.
  [`POST ${SCIM}/disable`]: (call) => change(call, { scim_enabled: false, scim_token: '' }),
  [`POST ${SCIM}/token`]: (call) => {
    change(call, { scim_token: call.world.random.hex(48) });
    const settings = settingsOf(target(call));
    return ok({ scim: { ...settings } });
  },
});

/** The organization whose SCIM token the request carries as its key; refuses any other key. */
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

function change(call: Call, changes: JsonObject): Answer {
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

/** The token is left out: only the answer that makes it shows it. */
function show(organization: Entity): Answer {
  const { scim_token: _token, ...shown } = settingsOf(organization);
  return ok({ scim: shown });
}
