import { findPlan } from '../catalogue/plans.ts';
import type { Resource } from '../engine/api.ts';
import type { Call } from '../engine/call.ts';
import { iso } from '../engine/clock.ts';
import { type Collection, oneResponse } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import type { World } from '../engine/world.ts';
import { boot, freshInstance, ipv4Entry } from './instance-create.ts';
import { instanceDetailRoutes } from './instance-details.ts';
import { instanceLifecycleRoutes, refuseLocked } from './instance-lifecycle.ts';
import { networkKinds, networkRoutes, networkSummaries } from './network-attach.ts';

/** The collection of instances. */
export const instanceRow: Collection = {
  list: '/v2/instances',
  item: '/v2/instances/{instance_id}',
  many: 'instances',
  one: 'instance',
  missing: ({ method }) =>
    method === 'GET' || method === 'PATCH' ? 'instance not found' : 'Invalid instance-id.',
  accepts:
    'region! plan! os_id:integer ipxe_chain_url iso_id script_id snapshot_id enable_ipv6:boolean disable_public_ipv4:boolean attach_private_network:strings attach_vpc:strings attach_vpc2:strings label sshkey_id:strings backups app_id:integer image_id user_data ddos_protection:boolean activation_email:boolean hostname tag firewall_group_id reserved_ipv4 enable_private_network:boolean enable_vpc:boolean enable_vpc2:boolean tags:strings user_scheme=root app_variables:object vpc_only:boolean block_devices:objects',
  create: '/v2/instances 202',
  hide: 'default_password ipxe_chain_url iso_id script_id enable_ipv6 disable_public_ipv4 attach_private_network attach_vpc attach_vpc2 sshkey_id backups user_data ddos_protection activation_email reserved_ipv4 enable_private_network enable_vpc enable_vpc2 app_variables block_devices vpcs vpc2 private_networks iso iso_state backup_schedule',
  showOnce: 'default_password',
  filters: ['label', 'tag', 'main_ip', 'region', 'firewall_group_id', 'hostname'],
  initial: freshInstance,
  created: boot,
  view: (call, machine) => ({
    ...(call.method === 'GET' ? { vpcs: vpcsShown(call, machine) } : {}),
    ...(call.query.get('show_pending_charges') === 'true' ? { pending_charges: 0.01 } : {}),
  }),
  removing: (call, machine) => {
    refuseLocked(machine, 'destroy server: Unable to remove VM');
    release(call.world, machine.id);
  },
};

/** The VPCs of both versions that a machine shows. */
function vpcsShown(call: Call, machine: Entity): JsonObject[] {
  return networkKinds
    .slice(0, 2)
    .flatMap((kind, at) =>
      networkSummaries(call, machine, kind).map((network) => ({ ...network, version: at + 1 })),
    );
}

/** Detaches everything from a machine that is deleted. */
function release(world: World, id: string): void {
  for (const block of world.store.all('/v2/blocks')) {
    if (block.fields['attached_to_instance'] !== id) continue;
    Object.assign(block.fields, {
      attached_to_instance: '',
      attached_to_instance_ip: '',
      attached_to_instance_label: '',
    });
  }
  for (const address of world.store.all('/v2/reserved-ips')) {
    if (address.fields['instance_id'] === id) address.fields['instance_id'] = '';
  }
}

/** Adds two examples, so that lists are not empty: one runs, one is halted. */
const EXAMPLES: [id: string, label: string, region: string, plan: string, powerStatus: string, ip: string][] =
  [
    [
      'cb676a46-66fd-4dfb-b839-443f2e6c0b60',
      'Example Instance',
      'ewr',
      'vc2-1c-2gb',
      'running',
      '192.0.2.123',
    ],
    ['4f0f12e5-1f84-404f-aa84-85f431ea5ec2', 'Example Halted', 'ams', 'vc2-2c-4gb', 'stopped', '192.0.2.124'],
  ];

function seedExamples(world: World): void {
  for (const [id, label, region, planId, powerStatus, ip] of EXAMPLES) {
    const fields = exampleFields(world, { label, region, planId, powerStatus, ip });
    world.store.add('/v2/instances', id, { id, ...fields });
    world.store.add(`/v2/instances/${id}/ipv4`, ip, ipv4Entry(ip, 'main_ip'));
  }
}

function exampleFields(
  world: World,
  example: { label: string; region: string; planId: string; powerStatus: string; ip: string },
): JsonObject {
  const plan = findPlan(example.planId) ?? {};
  return {
    date_created: iso(world.clock.nowMs() - EXAMPLE_AGE_MS),
    os: 'Debian 12 x64 (bookworm)',
    ram: plan['ram'] ?? 0,
    disk: plan['disk'] ?? 0,
    main_ip: example.ip,
    vcpu_count: plan['vcpu_count'] ?? 0,
    region: example.region,
    plan: example.planId,
    status: 'active',
    allowed_bandwidth: 1,
    netmask_v4: '255.255.254.0',
    gateway_v4: example.ip.replace(/\.\d+$/, '.1'),
    power_status: example.powerStatus,
    server_status: 'ok',
    v6_network: '',
    v6_main_ip: '',
    v6_network_size: 0,
    label: example.label,
    internal_ip: '',
    kvm: `https://my.vultr.com/subs/vps/novnc/api.php?data=${world.random.hex(32)}`,
    hostname: example.label.toLowerCase().replace(' ', '-'),
    tag: 'example',
    tags: ['example'],
    os_id: 2136,
    app_id: 0,
    image_id: '',
    snapshot_id: '',
    firewall_group_id: '',
    features: [],
    user_scheme: 'root',
    vpc_only: false,
    iso_state: 'ready',
    iso: '',
    user_data: '',
    backup_schedule: null,
  };
}

const EXAMPLE_AGE_MS = 30 * 24 * 3600 * 1000;

/** Instances and everything below them. */
export const instances: Resource = {
  collections: [instanceRow],
  routes: [
    ...instanceLifecycleRoutes((call, machine) => oneResponse(instanceRow, call, machine, 202)),
    ...instanceDetailRoutes,
    ...networkKinds.flatMap((kind) => networkRoutes('/v2/instances/{instance_id}', kind)),
  ],
  seed: seedExamples,
};
