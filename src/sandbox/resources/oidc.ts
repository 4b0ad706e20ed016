import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Answer, type Call, ok, param, routes } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type JsonObject } from '../engine/json.ts';

const TOKENS = '/v2/oidc/issuer/token';
const TOKEN_LIFETIME_S = 3600;
const PROVIDER_HOST = 'https://api.vultr.com/v2/oidc';

const issuer: Collection = {
  list: '/v2/oidc/issuer',
  item: '/v2/oidc/issuer/{oidc_issuer_id}',
  many: 'issuers',
  one: 'issuer',
  missing: 'Issuer Not Found',
  accepts: 'issuer:object!',
  hide: 'issuer',
  meta: false,
  initial: (_call, given) => {
    const described = isObject(given['issuer']) ? given['issuer'] : {};
    if (!described['source']) throw badRequest();
    return { ...described };
  },
};

const provider: Collection = {
  list: '/v2/oidc/provider',
  item: '/v2/oidc/provider/{oidc_provider_id}',
  many: 'providers',
  one: 'provider',
  missing: 'Provider Not Found',
  accepts: 'name!',
  meta: false,
  hide: 'client_secret',
  showOnce: 'client_secret',
  initial: ({ world }) => ({ client_id: world.random.uuid(), client_secret: world.random.hex(40) }),
};

/** OpenID Connect: issuers that Vultr trusts, providers that it plays, and their tokens. */
export const oidc: Resource = {
  collections: [issuer, provider],
  routes: routes({
    [`POST ${TOKENS}`]: issueToken,
    [`GET ${TOKENS}/{oidc_token_id}`]: (call) => {
      const token = named(
        call,
        TOKENS,
        param(call, 'oidc_token_id'),
        () => new ApiError(404, 'Token Not Found'),
      );
      return ok({ token: { ...token.fields } });
    },
    'GET /v2/oidc/authorize': authorize,
    'GET /v2/oidc/{oidc_provider_id}/.well-known/openid-configuration': (call) => {
      const refusal = () => new ApiError(404, 'Provider Not Found');
      return ok(discovery(named(call, provider.list, param(call, 'oidc_provider_id'), refusal).id));
    },
  }),
};

const TOKEN_FIELDS = parseFields('grant_type! client_id! client_secret! code redirect_uri refresh_token');

function issueToken(call: Call): Answer {
  const given = readFields(TOKEN_FIELDS, call.body);
  const client = call.world.store
    .all(provider.list)
    .find(({ fields }) => fields['client_id'] === given['client_id']);
  if (client === undefined || client.fields['client_secret'] !== given['client_secret']) {
    throw new ApiError(401, 'Invalid client credentials.');
  }
  const { random, store } = call.world;
  const id = random.uuid();
  const fields: JsonObject = {
    id,
    access_token: random.hex(64),
    id_token: random.hex(64),
    refresh_token: random.hex(64),
    token_type: 'Bearer',
    expires_in: TOKEN_LIFETIME_S,
    scope: 'openid',
  };
  store.add(TOKENS, id, fields);
  return ok({ token: fields });
}

/** Redirects to the client with a code (RFC 6749, section 4.1.2). */
function authorize({ query, world }: Call): Answer {
  const redirect = URL.parse(query.get('redirect_uri') ?? '');
  if (!query.get('client_id') || !query.get('response_type') || redirect === null) throw badRequest();
  redirect.searchParams.set('code', world.random.hex(32));
  const state = query.get('state');
  if (state !== null) redirect.searchParams.set('state', state);
  return { status: 302, location: redirect.href };
}

/** The discovery document (OpenID Connect Discovery 1.0, section 3). */
function discovery(id: string): JsonObject {
  const base = `${PROVIDER_HOST}/${id}`;
  return {
    issuer: base,
    authorization_endpoint: `${PROVIDER_HOST}/authorize`,
    token_endpoint: `${PROVIDER_HOST}/issuer/token`,
    jwks_uri: `${base}/jwks`,
    userinfo_endpoint: `${base}/userinfo`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'email', 'profile'],
    claims_supported: ['sub', 'iss', 'email', 'name'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['client_secret_post'],
  };
}
