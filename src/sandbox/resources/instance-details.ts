import { isIPv4, isIPv6 } from 'node:net';
import { applications } from '../catalogue/applications.ts';
import { operatingSystems } from '../catalogue/operating-systems.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, ok, param, routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { spaced } from '../engine/clock.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import { backupScheduleRoutes } from './backup-schedule.ts';
import { defaultReverse, ipv4Entry } from './instance-create.ts';
import { refuseLocked, upgradesOf } from './instance-lifecycle.ts';

const DAY_MS = 24 * 3600 * 1000;
const REVERSE_FIELDS = parseFields('ip! reverse!');

/** Addresses, reverse names, traffic and user data, which instances and bare metal have alike. */
export const machineDetailRoutes = (machinePath: string) =>
  routes({
    [`GET ${machinePath}/bandwidth`]: (call) => ok({ bandwidth: bandwidth(call) }),
    [`GET ${machinePath}/user-data`]: (call) =>
      ok({ user_data: { data: target(call).fields['user_data'] ?? '' } }),
    [`GET ${machinePath}/ipv4`]: (call) => listAddresses(call, 'ipv4', 'ipv4s'),
    [`GET ${machinePath}/ipv6`]: (call) => listAddresses(call, 'ipv6', 'ipv6s'),
    [`POST ${machinePath}/ipv4/reverse`]: (call) => {
      const { ip, reverse } = readFields(REVERSE_FIELDS, call.body);
      addressOf(call, ip).fields['reverse'] = reverse ?? '';
      return noContent;
    },
    [`POST ${machinePath}/ipv4/reverse/default`]: (call) => {
      const { ip } = readFields(parseFields('ip!'), call.body);
      addressOf(call, ip).fields['reverse'] = defaultReverse(String(ip));
      return noContent;
    },
    [`POST ${machinePath}/ipv6/reverse`]: (call) => {
      const { ip, reverse } = readFields(REVERSE_FIELDS, call.body);
      if (!isIPv6(String(ip))) throw badRequest('Invalid IPv6 address.');
      call.world.store.add(below(call, 'ipv6/reverse'), String(ip), {
        ip: String(ip),
        reverse: reverse ?? '',
      });
      return noContent;
    },
    [`DELETE ${machinePath}/ipv6/reverse/{ipv6}`]: (call) => {
      const ip = param(call, 'ipv6');
      named(call, below(call, 'ipv6/reverse'), ip, () => new ApiError(404, 'Invalid IPv6 address.'));
      call.world.store.remove(below(call, 'ipv6/reverse'), ip);
      return noContent;
    },
  });

/** The same for instances, with the details that only instances have. */
export const instanceDetailRoutes = [
  ...machineDetailRoutes('/v2/instances/{instance_id}'),
  ...backupScheduleRoutes,
  ...routes({
    'GET /v2/instances/{instance_id}/neighbors': (call) => ok({ neighbors: neighbors(call) }),
    'GET /v2/instances/{instance_id}/upgrades': (call) => ok({ upgrades: upgrades(call) }),
    'POST /v2/instances/{instance_id}/ipv4': (call) => {
      const ip = call.world.random.ipv4();
      const address = ipv4Entry(ip, 'secondary_ip');
      call.world.store.add(below(call, 'ipv4'), ip, address);
      return { status: 202, body: { ipv4: { ...address } } };
    },
    'DELETE /v2/instances/{instance_id}/ipv4/{ipv4}': (call) => {
      const address = addressOf(call, param(call, 'ipv4'));
      if (address.fields['type'] === 'main_ip') throw badRequest('Unable to remove the main IP address.');
      call.world.store.remove(below(call, 'ipv4'), address.id);
      return noContent;
    },
    'GET /v2/instances/{instance_id}/ipv6/reverse': (call) =>
      ok({
        reverse_ipv6s: call.world.store
          .list(below(call, 'ipv6/reverse'))
          .map(({ fields }) => ({ ...fields })),
      }),
    'GET /v2/instances/{instance_id}/iso': (call) => {
      const { fields } = target(call);
      return ok({ iso_status: { state: fields['iso_state'] ?? 'ready', iso_id: fields['iso'] ?? '' } });
    },
    'POST /v2/instances/{instance_id}/iso/attach': (call) => {
      const iso = named(call, '/v2/iso', call.body['iso_id'], () => badRequest('Invalid iso'));
      return mount(call, iso.id, 'ismounting', { iso: iso.id, iso_state: 'isomounted' });
    },
    'POST /v2/instances/{instance_id}/iso/detach': (call) => {
      const mounted = String(target(call).fields['iso'] ?? '');
      if (mounted === '') throw badRequest('No ISO is attached to this server.');
      return mount(call, mounted, 'isounmounting', { iso: '', iso_state: 'ready' });
    },
  }),
];

/** Where things that belong to the machine in the path are stored. */
const below = (call: Call, segment: string): string =>
  `${call.params['instance_id'] === undefined ? '/v2/bare-metals' : '/v2/instances'}/${target(call).id}/${segment}`;

const addressOf = (call: Call, ip: unknown) => {
  if (!isIPv4(String(ip))) throw badRequest('Invalid IP address.');
  return named(call, below(call, 'ipv4'), String(ip), () => new ApiError(404, 'Invalid IP address.'));
};

function listAddresses(call: Call, segment: string, key: string): ApiResponse {
  const withMac = call.query.get('public_network') === 'true' ? { mac_address: 98_000_000_000_000 } : {};
  const addresses = call.world.store
    .list(below(call, segment))
    .map(({ fields }) => ({ ...fields, ...withMac }));
  return ok(listBody(key, addresses, call.query, 'ip'));
}

function bandwidth(call: Call): JsonObject {
  const days = Number(call.query.get('date_range') ?? 30);
  if (!Number.isSafeInteger(days) || days < 1 || days > 180) {
    throw badRequest('Invalid date_range. Must be between 1 and 180.');
  }
  const nowMs = call.world.clock.nowMs();
  const createdMs = Date.parse(String(target(call).fields['date_created']));
  const shown = Math.min(days, Math.floor((nowMs - createdMs) / DAY_MS) + 1);
  return Object.fromEntries(
    Array.from({ length: shown }, (_, age) => [
      spaced(nowMs - age * DAY_MS).slice(0, 10),
      { incoming_bytes: 81_914_556 + age * 1_234_567, outgoing_bytes: 40_612_331 + age * 765_432 },
    ]),
  );
}

function neighbors(call: Call): string[] {
  const { fields, id } = target(call);
  const others = call.world.store.list('/v2/instances').filter((other) => other.id !== id);
  return others
    .filter((other) => other.fields['region'] === fields['region'])
    .map((other) => other.id)
    .slice(0, 10);
}

function upgrades(call: Call): JsonObject {
  const type = call.query.get('type') || 'all';
  if (!['all', 'os', 'applications', 'plans'].includes(type)) throw badRequest('Invalid type.');
  const wants = (name: string): boolean => type === 'all' || type === name;
  return {
    ...(wants('os') ? { os: [...operatingSystems] } : {}),
    ...(wants('applications') ? { applications: [...applications] } : {}),
    ...(wants('plans') ? { plans: upgradesOf(target(call)).map((plan) => plan['id'] ?? '') } : {}),
  };
}

function mount(call: Call, isoId: string, word: string, after: JsonObject): ApiResponse {
  const machine = target(call);
  refuseLocked(machine, 'change ISO');
  const { store, lag } = call.world;
  Object.assign(machine.fields, { iso_state: 'isomounting', server_status: 'isomounting' });
  store.schedule(machine, lag.provisionMs, { ...after, server_status: 'ok' });
  return { status: 202, body: { iso_status: { status: word, state: 'isomounting', iso_id: isoId } } };
}
