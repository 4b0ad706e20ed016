import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, routes } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { iso } from '../engine/clock.ts';
import { type Collection, createEntity } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { OWNER_ID } from './users.ts';

const DEFAULT_DURATION_S = 3600;

const session: Collection = {
  list: '/v2/assumed-roles',
  item: '/v2/assumed-roles/{session_token}',
  many: 'sessions',
  one: 'assumed_role_session',
  both: 'all',
  missing: 'Assumed Role Not Found',
  idField: 'session_token',
  dated: 'assumed_at',
  accepts: `user_id role_id! session_name duration:integer=${DEFAULT_DURATION_S} context:object`,
  create: '/v2/assumed-roles/assume 201',
  omit: 'list',
  hide: 'context duration',
  id: ({ world }) => world.random.hex(64),
  initial: (call, given) => {
    const userId = given['user_id'] || OWNER_ID;
    named(call, '/v2/users', userId, () => new ApiError(404, 'User not found'));
    const role = named(call, '/v2/roles', given['role_id'], () => new ApiError(404, 'Role not found'));
    const durationS = Number(given['duration']);
    checkDuration(role, durationS);
    const { random, clock } = call.world;
    return {
      id: random.uuid(),
      user_id: userId,
      oidc_issuer_id: '',
      auth_method: 'api_key',
      conditions_met: conditionsOf(call, role, userId),
      source_ip: call.remoteAddress,
      expires_at: iso(clock.nowMs() + durationS * 1000),
      s3_credentials: {},
    };
  },
  view: remainingDuration,
};

/** The names of the conditions under which the user is trusted with the role. */
function conditionsOf({ world }: Call, role: Entity, userId: Json): string[] {
  const trust = world.store
    .list('/v2/role-trusts')
    .find(({ fields }) => fields['role_id'] === role.id && fields['trusted_user_id'] === userId);
  return Object.keys(trust?.fields['conditions'] ?? {});
}

/** A session as lists show it. */
export function showSession(call: Call, entity: Entity): JsonObject {
  const { context: _context, duration: _duration, ...shown } = entity.fields;
  return { ...shown, ...remainingDuration(call, entity) };
}

/** Assumed roles, by Vultr's own operation and by the one that AWS clients use. */
export const roleSessions: Resource = {
  collections: [session],
  routes: routes({ 'POST /v2/assumed-roles/compatibility/aws/sts': assumeRole }, true, 'form'),
};

function remainingDuration({ world }: Call, { fields }: Entity): JsonObject {
  const leftMs = Date.parse(String(fields['expires_at'])) - world.clock.nowMs();
  return { remaining_duration: Math.max(0, Math.ceil(leftMs / 1000)) };
}

function checkDuration({ fields }: Entity, durationS: number): void {
  if (durationS >= 1 && durationS <= Number(fields['max_session_duration'])) return;
  throw badRequest('Invalid duration: it must not exceed the max_session_duration of the role.');
}

const FORM_FIELDS = parseFields(
  `Action! RoleArn! RoleSessionName! DurationSeconds:integer=${DEFAULT_DURATION_S}`,
);

/** AssumeRole of the AWS Security Token Service, which takes a form and responds with XML. */
function assumeRole(call: Call): ApiResponse {
  const given = readFields(FORM_FIELDS, call.body);
  if (given['Action'] !== 'AssumeRole') throw badRequest('Invalid Action. Must be AssumeRole.');
  const arn = String(given['RoleArn']);
  const [, organizationId = '', roleId] = /^arn:vultr:iam::([^:/]*):role\/([^/]+)$/.exec(arn) ?? [];
  named(call, '/v2/roles', roleId, () => badRequest('Invalid RoleArn.'));
  const entity = createEntity(session, call, {
    user_id: OWNER_ID,
    role_id: String(roleId),
    session_name: given['RoleSessionName'] ?? '',
    duration: given['DurationSeconds'] ?? 0,
  });
  const body = stsResponse(call, entity, `arn:vultr:sts::${organizationId}:assumed-role/${roleId}`);
  return { status: 200, body, contentType: 'text/xml' };
}

function stsResponse({ world: { random } }: Call, { id, fields }: Entity, roleArn: string): string {
  const name = String(fields['session_name']);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">',
    '  <AssumeRoleResult>',
    '    <Credentials>',
    element('AccessKeyId', random.hex(20).toUpperCase()),
    element('SecretAccessKey', random.hex(40)),
    element('SessionToken', id),
    element('Expiration', String(fields['expires_at'])),
    '    </Credentials>',
    '    <AssumedRoleUser>',
    element('AssumedRoleId', `${String(fields['role_id'])}:${name}`),
    element('Arn', `${roleArn}/${name}`),
    '    </AssumedRoleUser>',
    '  </AssumeRoleResult>',
    '  <ResponseMetadata>',
    element('RequestId', random.uuid()),
    '  </ResponseMetadata>',
    '</AssumeRoleResponse>',
    '',
  ].join('\n');
}

const ESCAPES: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };

const element = (name: string, text: string): string =>
  `      <${name}>${text.replace(/[<>&]/g, (character) => ESCAPES[character] ?? '')}</${name}>`;
