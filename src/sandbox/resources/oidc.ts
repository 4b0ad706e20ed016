import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, param, routes, target } from '../engine/call.ts';
import { isBase64, named } from '../engine/checks.ts';
import { iso } from '../engine/clock.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type JsonObject } from '../engine/json.ts';
import { OWNER_ID } from './users.ts';

const TOKENS = '/v2/oidc/issuer/token';
const TOKEN_LIFETIME_S = 3600;
const KEYS_LIVE_MS = 24 * 3600 * 1000;
const PROVIDER_HOST = 'https://api.vultr.com/v2/oidc';

const issuer: Collection = {
  list: '/v2/oidc/issuer',
  item: '/v2/oidc/issuer/{oidc_issuer_id}',
  many: 'issuers',
  one: 'issuer',
  missing: 'Issuer Not Found',
  // In the documentation the body itself describes the issuer. The Go client sends the description inside `issuer`.
  accepts: 'issuer:object source uri source_id',
  update: 'PATCH 202',
  changes: 'source uri',
  hide: 'issuer',
  initial: ({ world }, given) => {
    const described = { ...given, ...(isObject(given['issuer']) ? given['issuer'] : {}) };
    if (!described['source']) throw badRequest();
    return { ...NO_KEY, ...described, ...fetchedAt(world.clock.nowMs()) };
  },
  changing: ({ world }, { fields }) => {
    Object.assign(fields, fetchedAt(world.clock.nowMs()));
  },
};

/** The members of an issuer that come from its key, as they are when the caller does not give a key. */
const NO_KEY: JsonObject = { kid: '', kty: '', n: '', e: '', alg: '', use: '' };

const fetchedAt = (nowMs: number): JsonObject => ({
  jwks_fetched_at: iso(nowMs),
  jwks_expires_at: iso(nowMs + KEYS_LIVE_MS),
});

const provider: Collection = {
  list: '/v2/oidc/provider',
  item: '/v2/oidc/provider/{oidc_provider_id}',
  many: 'providers',
  one: 'provider',
  missing: 'Provider Not Found',
  accepts: 'name! issuer_id private_key_b64',
  hide: 'client_secret private_key_b64',
  showOnce: 'client_secret',
  initial: (call, given) => {
    const { issuer_id: issuerId, private_key_b64: privateKey = '' } = given;
    if (issuerId) named(call, issuer.list, issuerId, () => new ApiError(404, 'Issuer Not Found'));
    if (!isBase64(String(privateKey))) throw badRequest('Invalid private_key_b64.');
    const { random } = call.world;
    return { client_id: random.uuid(), client_secret: random.hex(40) };
  },
};

/** OpenID Connect: the issuers that Vultr trusts, the providers that it operates, and their tokens. */
export const oidc: Resource = {
  collections: [issuer, provider],
  routes: [
    ...routes({
      [`POST ${TOKENS}`]: issueToken,
      [`GET ${TOKENS}/{oidc_token_id}`]: (call) => {
        const refusal = () => new ApiError(404, 'Token Not Found');
        return ok({ token: { ...named(call, TOKENS, param(call, 'oidc_token_id'), refusal).fields } });
      },
      'GET /v2/oidc/authorize': authorize,
      'GET /v2/oidc/{oidc_provider_id}/.well-known/openid-configuration': (call) => {
        const refusal = () => new ApiError(404, 'Provider Not Found');
        return ok(discovery(named(call, provider.list, param(call, 'oidc_provider_id'), refusal).id));
      },
      'GET /v2/oidc/token': ({ world }) => ok(tokenInfo(world.clock.nowMs())),
      'GET /v2/oidc/userinfo': (call) => ok(userInfo(call)),
    }),
    // The clients of a provider need these before they have a key.
    ...routes(
      {
        'GET /v2/oidc/jwks': () => ok({ keys: [OWN_KEY] }),
        [`GET ${issuer.item}/jwks`]: (call) => ok({ keys: keysOf(target(call).fields) }),
        [`GET ${provider.item}/.well-known/openid-configuration`]: (call) => ok(discovery(target(call).id)),
        [`POST ${provider.item}/token`]: exchangeToken,
      },
      false,
    ),
  ],
};

/** The key that Vultr signs with. The modulus is made up. */
const OWN_KEY: JsonObject = {
  kty: 'RSA',
  use: 'sig',
  alg: 'RS256',
  kid: 'sandbox-1',
  n: Buffer.from('The sandbox signs nothing, so any number will do here.').toString('base64url'),
  e: 'AQAB',
};

/** The key of an issuer, if it has one. */
function keysOf({ kty = '', use = '', alg = '', kid = '', n = '', e = '' }: JsonObject): JsonObject[] {
  return n === '' ? [] : [{ kty, use, alg, kid, n, e }];
}

const EXCHANGE_FIELDS = parseFields('grant_type! subject_token! subject_token_type');

/** Exchanges a token of an issuer for one of the provider (RFC 8693). A token that begins with `invalid` is refused. */
function exchangeToken(call: Call): ApiResponse {
  const { subject_token: subjectToken } = readFields(EXCHANGE_FIELDS, call.body);
  if (String(subjectToken).startsWith('invalid')) throw new ApiError(401, 'Invalid subject token.');
  return ok({
    access_token: call.world.random.hex(64),
    token_type: 'Bearer',
    expires_in: TOKEN_LIFETIME_S,
  });
}

function tokenInfo(nowMs: number): JsonObject {
  const issuedAt = Math.floor(nowMs / 1000);
  return { active: true, sub: OWNER_ID, scope: 'openid', iat: issuedAt, exp: issuedAt + TOKEN_LIFETIME_S };
}

function userInfo(call: Call): JsonObject {
  const owner = call.world.store.get('/v2/users', OWNER_ID)?.fields;
  return { sub: OWNER_ID, name: owner?.['name'] ?? '', email: owner?.['email'] ?? '' };
}

const TOKEN_FIELDS = parseFields('grant_type! client_id! client_secret! code redirect_uri refresh_token');

function issueToken(call: Call): ApiResponse {
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
    // A string, unlike that of a provider's token.
    expires_in: String(TOKEN_LIFETIME_S),
    scope: 'openid',
  };
  store.add(TOKENS, id, fields);
  return ok({ token: fields });
}

/** Redirects to the client with a code (RFC 6749, section 4.1.2). */
function authorize({ query, world }: Call): ApiResponse {
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
