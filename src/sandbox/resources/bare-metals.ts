import { applications } from '../catalogue/applications.ts';
import { findMetalPlan } from '../catalogue/metal-plans.ts';
import { operatingSystems } from '../catalogue/operating-systems.ts';
import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, ok, routes, target } from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import { type Collection, oneResponse } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { planInRegion } from './catalogue.ts';
import { enableIpv6, ipv4Entry, sourceOf } from './instance-create.ts';
import { machineDetailRoutes } from './instance-details.ts';
import { type NetworkKind, networkRoutes, networkSummaries, vpc2Kind, vpcKind } from './network-attach.ts';
import { attachWanted } from './network-wanted.ts';
import { checkUserData } from './user-data.ts';

const METAL = '/v2/bare-metals/{baremetal_id}';
const MISSING = 'Invalid bare metal instance.';
/** Bare metal has no private networks of the oldest kind. */
const METAL_NETWORKS = [vpcKind, vpc2Kind];
const SOURCES = ['os_id', 'snapshot_id', 'app_id', 'image_id'];

/** The collection of bare metal machines. */
export const bareMetal: Collection = {
  list: '/v2/bare-metals',
  item: METAL,
  many: 'bare_metals',
  one: 'bare_metal',
  missing: MISSING,
  accepts:
    'region! plan! script_id enable_ipv6:boolean sshkey_id:strings user_data label activation_email:boolean hostname tag reserved_ipv4 os_id:integer snapshot_id app_id:integer image_id ipxe_chain_url persistent_pxe:boolean attach_vpc2:strings detach_vpc2:strings enable_vpc2:boolean attach_vpc:strings enable_vpc:boolean tags:strings user_scheme=root mdisk_mode app_variables:object',
  create: '/v2/bare-metals 202',
  update: 'PATCH 202',
  changes:
    'user_data label tag os_id:integer app_id:integer image_id enable_ipv6:boolean tags:strings user_scheme mdisk_mode ipxe_chain_url',
  hide: 'default_password script_id enable_ipv6 sshkey_id user_data activation_email hostname reserved_ipv4 ipxe_chain_url persistent_pxe attach_vpc2 detach_vpc2 enable_vpc2 attach_vpc enable_vpc app_variables iso_id vpcs vpc2',
  showOnce: 'default_password',
  initial: freshMetal,
  becomes: () => ({ status: 'active' }),
  created: (call, metal) => {
    metal.readableAtMs = call.world.clock.nowMs() + call.world.lag.readMs;
    const ip = call.world.random.ipv4();
    const entry = ipv4Entry(ip, 'main_ip');
    call.world.store.schedule(metal, call.world.lag.provisionMs / 2, {
      main_ip: ip,
      netmask_v4: '255.255.254.0',
      gateway_v4: entry['gateway'] ?? '',
    });
    call.world.store.add(`/v2/bare-metals/${metal.id}/ipv4`, ip, entry);
    if (metal.fields['enable_ipv6'] === true) addIpv6(call, metal);
    attachWanted(call, metal, metal.fields);
  },
  view: (call, metal) => ({ vpcs: networkSummaries(call, metal, vpcKind) }),
  changing: (call, metal, given) => {
    const { fields } = metal;
    checkUserData(given);
    if (given['enable_ipv6'] === true && fields['enable_ipv6'] !== true) addIpv6(call, metal);
    if (SOURCES.some((name) => given[name] !== undefined)) Object.assign(fields, sourceOf(call, given));
  },
  removing: (_call, { fields }) => {
    if (fields['status'] === 'active') return;
    throw new ApiError(500, 'Unable to destroy server: Server is currently locked');
  },
};

/** Bare metal machines and everything below them. */
export const bareMetals: Resource = {
  collections: [bareMetal],
  routes: [
    ...machineDetailRoutes(METAL),
    ...METAL_NETWORKS.flatMap((kind) => networkRoutes(METAL, kind, 204)),
    ...(['start', 'halt', 'reboot'] as const).flatMap((verb) =>
      routes({
        [`POST ${METAL}/${verb}`]: (call) => power([target(call)], verb),
        [`POST /v2/bare-metals/${verb}`]: (call) => power(listed(call), verb),
      }),
    ),
    ...routes({
      [`POST ${METAL}/reinstall`]: (call) => {
        const metal = target(call);
        metal.fields['status'] = 'pending';
        call.world.store.schedule(metal, call.world.lag.provisionMs, { status: 'active' });
        return oneResponse(bareMetal, call, metal, 202);
      },
      [`GET ${METAL}/upgrades`]: () =>
        ok({ upgrades: { os: [...operatingSystems], applications: [...applications] } }),
      [`GET ${METAL}/vnc`]: (call) =>
        ok({ vnc: { url: `https://my.vultr.com/subs/baremetal/novnc/?id=${target(call).id}` } }),
    }),
  ],
};

function freshMetal(call: Call, given: JsonObject): JsonObject {
  const { plan, region } = planInRegion(given, findMetalPlan);
  checkUserData(given);
  for (const kind of METAL_NETWORKS) checkNetworks(call, kind, textsOf(given[kind.attachField]), region);
  const { random } = call.world;
  const serial = `VTR-${random.hex(12).toUpperCase()}`;
  const tag = String(given['tag']);
  const tags = textsOf(given['tags']);
  return {
    ...sourceOf(call, Object.fromEntries(SOURCES.map((name) => [name, given[name] ?? '']))),
    // Unlike those of an instance, these two are strings with units.
    ram: `${String(plan['ram'])} MB`,
    disk: `${String(plan['disk_count'])}x ${String(plan['disk'])}GB ${String(plan['disk_type'])}`,
    main_ip: '',
    cpu_count: plan['cpu_cores'] ?? 0,
    region,
    plan: plan['id'] ?? '',
    status: 'pending',
    netmask_v4: '',
    gateway_v4: '',
    v6_network: '',
    v6_main_ip: '',
    v6_network_size: 0,
    mac_address: random.integer(2_000_000_000_000, 2_800_000_000_000),
    tag,
    tags: tags.length > 0 || tag === '' ? tags : [tag],
    features: [
      ...(given['enable_ipv6'] === true ? ['ipv6'] : []),
      ...(given['persistent_pxe'] === true ? ['persistent_pxe'] : []),
    ],
    default_password: random.password(),
    // The release notes of the Go client have one spelling, its code the other.
    v_serial: serial,
    vserial: serial,
    power_status: 'running',
    vpcs: [],
    vpc2: [],
  };
}

function addIpv6(call: Call, metal: Entity): void {
  const features = textsOf(metal.fields['features']);
  metal.fields['features'] = [...new Set(['ipv6', ...features])];
  enableIpv6(call, bareMetal.list, metal, call.world.lag.provisionMs / 2);
}

/** Refuses more than one network of a kind, and one in another region. */
function checkNetworks(call: Call, kind: NetworkKind, ids: readonly string[], region: string): void {
  if (ids.length > 1) throw badRequest('Server is already attached to another VPC');
  for (const id of ids) {
    const network = named(call, kind.collection, id, () => badRequest(kind.missing));
    if (network.fields['region'] !== region) throw badRequest(kind.missing);
  }
}

function listed(call: Call): Entity[] {
  const ids = textsOf(call.body['baremetal_ids']);
  if (ids.length === 0) throw badRequest();
  return ids.map((id) => named(call, '/v2/bare-metals', id, () => new ApiError(404, MISSING)));
}

function power(machines: readonly Entity[], verb: 'start' | 'halt' | 'reboot'): ApiResponse {
  for (const machine of machines) machine.fields['power_status'] = verb === 'halt' ? 'stopped' : 'running';
  return noContent;
}
