import { isIPv6 } from 'node:net';
import { findApplication, findImage } from '../catalogue/applications.ts';
import { findOs, OS_ID } from '../catalogue/operating-systems.ts';
import { findPlan } from '../catalogue/plans.ts';
import { type ApiError, badRequest } from '../engine/api-error.ts';
import type { Call } from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { DEFAULT_SCHEDULE } from './backup-schedule.ts';
import { planInRegion, WINDOWS_MIN_MEMORY_MB } from './catalogue.ts';
import { networkKinds } from './network-attach.ts';
import { attachWanted } from './network-wanted.ts';
import { checkUserData } from './user-data.ts';

/** The beginning of Vultr's text for a machine that cannot be added. */
const addFailed = (text: string): ApiError => badRequest(`Server add failed: ${text}`);

/** The sources of a machine. Exactly one of these fields must be given. */
const SOURCES = ['os_id', 'iso_id', 'snapshot_id', 'app_id', 'image_id'] as const;

/**
 * Checks the body of a create as Vultr does and returns the fields of the fresh machine: pending, running, without an
 * address. Throws an ApiError 400 with Vultr's text for the first thing that is wrong.
 */
export function freshInstance(call: Call, given: JsonObject): JsonObject {
  const { world } = call;
  const { plan, region } = planInRegion(given);
  const source = sourceOf(call, given);
  checkMemory(source, plan);
  checkReferences(call, given);
  if (world.store.count('/v2/instances') >= world.maxInstances) {
    throw addFailed(`this sandbox keeps at most ${world.maxInstances} instances. Delete some.`);
  }
  const features = [
    ...(given['backups'] === 'enabled' ? ['auto_backups'] : []),
    ...(given['enable_ipv6'] === true ? ['ipv6'] : []),
    ...(given['ddos_protection'] === true ? ['ddos_protection'] : []),
  ];
  const tag = String(given['tag']);
  const tags = tag === '' ? textsOf(given['tags']) : [...new Set([tag, ...textsOf(given['tags'])])];
  return {
    ...source,
    ram: plan['ram'] ?? 0,
    disk: 0,
    main_ip: '0.0.0.0',
    vcpu_count: plan['vcpu_count'] ?? 0,
    region,
    plan: plan['id'] ?? '',
    status: 'pending',
    // The quota for the rest of the month, which is small for a new machine.
    allowed_bandwidth: Math.max(1, Math.round(Number(plan['bandwidth']) / 1024)),
    netmask_v4: '',
    gateway_v4: '0.0.0.0',
    power_status: 'running',
    server_status: 'none',
    v6_network: '',
    v6_main_ip: '',
    v6_network_size: 0,
    internal_ip: '',
    kvm: '',
    hostname: given['hostname'] || 'vultr.guest',
    tag: tags[0] ?? '',
    tags,
    features,
    default_password: world.random.password(),
    vpcs: [],
    vpc2: [],
    private_networks: [],
    iso: '',
    iso_state: 'ready',
    backup_schedule: given['backups'] === 'enabled' ? { ...DEFAULT_SCHEDULE } : null,
  };
}

/** Boots a new machine: it gets an address while still pending, then is active and installing, then ok. */
export function boot(call: Call, machine: Entity): void {
  const { store, lag, random, clock } = call.world;
  const { fields } = machine;
  call.world.instancesCreated++;
  machine.readableAtMs = clock.nowMs() + lag.readMs;
  machine.listedAtMs = clock.nowMs() + lag.listMs;
  const addressAfterMs = lag.bootMs / 5;
  const availableAtMs = clock.nowMs() + addressAfterMs;
  const path = `/v2/instances/${machine.id}`;
  if (fields['disable_public_ipv4'] !== true && fields['vpc_only'] !== true) {
    const reserved = store.get('/v2/reserved-ips', String(fields['reserved_ipv4']));
    const ip = String(reserved?.fields['subnet'] ?? random.ipv4());
    if (reserved !== undefined) reserved.fields['instance_id'] = machine.id;
    const address = ipv4Entry(ip, 'main_ip');
    const shown = { main_ip: ip, netmask_v4: '255.255.254.0', gateway_v4: address['gateway'] ?? '' };
    store.schedule(machine, addressAfterMs, shown);
    store.add(`${path}/ipv4`, ip, address, { readableAtMs: availableAtMs, listedAtMs: availableAtMs });
  }
  if (fields['enable_ipv6'] === true) enableIpv6(call, '/v2/instances', machine, addressAfterMs);
  const kvm = `https://my.vultr.com/subs/vps/novnc/api.php?data=${random.hex(32)}`;
  const disk = findPlan(fields['plan'])?.['disk'] ?? 0;
  store.schedule(machine, lag.bootMs / 2, {
    status: 'active',
    server_status: 'installingbooting',
    kvm,
    disk,
  });
  store.schedule(machine, lag.bootMs, { server_status: 'ok' });
  attachWanted(call, machine, fields);
}

/** Gives a machine of that collection an IPv6 network after `afterMs`. */
export function enableIpv6(call: Call, collection: string, machine: Entity, afterMs: number): void {
  const { store, random, clock } = call.world;
  const prefix = `2001:19f0:${random.hex(4)}:${random.hex(4)}`;
  const network = `${prefix}::`;
  const ip = `${prefix}:5400:05ff:fe${random.hex(2)}:${random.hex(4)}`;
  if (!isIPv6(ip)) throw new Error(`not an IPv6 address: ${ip}`);
  const atMs = clock.nowMs() + afterMs;
  store.schedule(machine, afterMs, { v6_network: network, v6_main_ip: ip, v6_network_size: 64 });
  const address = { ip, network, network_size: 64, type: 'main_ip' };
  store.add(`${collection}/${machine.id}/ipv6`, ip, address, { readableAtMs: atMs, listedAtMs: atMs });
}

/** An address as `/ipv4` lists it. */
export function ipv4Entry(ip: string, type: 'main_ip' | 'secondary_ip'): JsonObject {
  const gateway = ip.replace(/\.\d+$/, '.1');
  return { ip, netmask: '255.255.254.0', gateway, type, reverse: defaultReverse(ip) };
}

/** The reverse name of an IPv4 address until somebody sets another. */
export const defaultReverse = (ip: string): string => `${ip}.vultrusercontent.com`;

/** The members that say what a machine runs. Throws Vultr's refusal of a source that does not exist. */
export function sourceOf(call: Call, given: JsonObject): JsonObject {
  const sources = SOURCES.filter(
    (name) => given[name] !== undefined && given[name] !== '' && given[name] !== 0,
  );
  if (sources.length > 1) throw badRequest(`Only one of ${sources.join(', ')} may be given.`);
  const none = { os_id: 0, app_id: 0, image_id: '', snapshot_id: '', iso_id: '' };
  const made = (osId: number, from: JsonObject): JsonObject => ({
    ...none,
    os_id: osId,
    os: findOs(osId)?.['name'] ?? '',
    ...from,
  });
  switch (sources[0]) {
    case 'iso_id': {
      const iso = named(call, '/v2/iso', given['iso_id'], () => badRequest('Invalid iso'));
      return made(OS_ID.custom, { iso_id: iso.id });
    }
    case 'snapshot_id': {
      const refusal = () => badRequest('Invalid snapshot ID');
      const snapshot = named(call, '/v2/snapshots', given['snapshot_id'], refusal);
      return made(OS_ID.snapshot, { snapshot_id: snapshot.id });
    }
    case 'app_id': {
      const application = findApplication(given['app_id']);
      if (application === undefined) throw badRequest('Cannot add instance. Invalid app_id');
      return made(OS_ID.application, { app_id: application['id'] ?? 0 });
    }
    case 'image_id': {
      const image = findImage(given['image_id']);
      if (image === undefined) throw badRequest('Cannot add instance. Invalid image_id');
      return made(OS_ID.application, { app_id: image['id'] ?? 0, image_id: image['image_id'] ?? '' });
    }
    default:
      return made(osIdOf(given), {});
  }
}

function osIdOf(given: JsonObject): number {
  const os = findOs(given['os_id']);
  if (os === undefined) throw badRequest('Cannot add instance. Invalid os_id');
  const needsAnotherField: number[] = [OS_ID.snapshot, OS_ID.backup, OS_ID.application];
  const id = Number(os['id']);
  if (needsAnotherField.includes(id)) throw badRequest('Cannot add instance. Specified os_id not available');
  return id;
}

function checkMemory(source: JsonObject, plan: JsonObject): void {
  const os = findOs(source['os_id']);
  if (os?.['family'] !== 'windows' || Number(plan['ram']) >= WINDOWS_MIN_MEMORY_MB) return;
  throw badRequest(`${String(os['name'])} requires a plan with at least ${WINDOWS_MIN_MEMORY_MB} MB memory`);
}

function checkReferences(call: Call, given: JsonObject): void {
  const optional = (collection: string, id: unknown, text: string): Entity | undefined => {
    if (id === undefined || id === '') return undefined;
    return named(call, collection, String(id), () => badRequest(text));
  };
  for (const id of textsOf(given['sshkey_id'])) optional('/v2/ssh-keys', id, 'Invalid ssh key.');
  optional('/v2/startup-scripts', given['script_id'], 'Invalid startup script ID');
  optional('/v2/firewalls', given['firewall_group_id'], 'Invalid firewall group ID');
  const reserved = optional('/v2/reserved-ips', given['reserved_ipv4'], 'Invalid reserved-ip ID.');
  if (reserved !== undefined && reserved.fields['instance_id'] !== '') {
    throw addFailed('Floating IPv4 address is already attached to another server');
  }
  for (const kind of networkKinds) {
    for (const id of textsOf(given[kind.attachField])) optional(kind.collection, id, kind.missing);
  }
  if (given['disable_public_ipv4'] === true && given['enable_ipv6'] !== true) {
    throw badRequest('disable_public_ipv4 requires enable_ipv6.');
  }
  if (given['vpc_only'] === true && textsOf(given['attach_vpc']).length === 0) {
    throw badRequest('vpc_only requires a VPC with a NAT gateway.');
  }
  if (!['', 'enabled', 'disabled'].includes(String(given['backups']))) throw badRequest('Invalid backups.');
  if (!['', 'root', 'limited'].includes(String(given['user_scheme'])))
    throw badRequest('Invalid user_scheme.');
  checkUserData(given);
}
