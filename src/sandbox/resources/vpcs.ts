import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, param, routes, target } from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import { spaced } from '../engine/clock.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import { regionOf } from './catalogue.ts';
import {
  attachedMachines,
  attachNetwork,
  detachNetwork,
  type NetworkKind,
  networksOf,
  privateNetworkKind,
  vpc2Kind,
  vpcKind,
} from './network-attach.ts';

/** Refuses to delete a network with machines in it. Tools match the beginning of the text. */
const refuseAttached =
  (kind: NetworkKind, text: string): NonNullable<Collection['removing']> =>
  (call, { id }) => {
    const addresses = attachedMachines(call, kind, id).map(({ fields }) => fields['main_ip']);
    if (addresses.length > 0) throw badRequest(`${text} ${addresses.join(', ')}`);
  };

const subnetted = (call: Call, given: JsonObject): JsonObject => ({
  region: regionOf(given)['id'] ?? '',
  v4_subnet: given['v4_subnet'] || `10.${call.world.random.integer(1, 250)}.96.0`,
});

const vpc: Collection = {
  list: '/v2/vpcs',
  item: '/v2/vpcs/{vpc_id}',
  many: 'vpcs',
  one: 'vpc',
  missing: vpcKind.missing,
  accepts: 'region! description v4_subnet v4_subnet_mask:integer=20',
  update: 'PUT 204',
  changes: 'description!',
  initial: subnetted,
  removing: refuseAttached(vpcKind, 'VPC is attached to'),
};

const privateNetwork: Collection = {
  ...vpc,
  list: '/v2/private-networks',
  item: '/v2/private-networks/{network_id}',
  many: 'networks',
  one: 'network',
  missing: privateNetworkKind.missing,
  removing: refuseAttached(privateNetworkKind, 'Private network is attached to'),
};

const vpc2: Collection = {
  list: '/v2/vpc2',
  item: '/v2/vpc2/{vpc_id}',
  many: 'vpcs',
  one: 'vpc',
  missing: vpc2Kind.missing,
  accepts: 'region! description ip_type=v4 ip_block prefix_length:integer=24',
  update: 'PUT 204',
  changes: 'description!',
  hide: 'ip_type',
  initial: (call, given) => ({
    region: regionOf(given)['id'] ?? '',
    ip_block: given['ip_block'] || `10.${call.world.random.integer(1, 250)}.112.0`,
  }),
  removing: refuseAttached(vpc2Kind, 'servers are attached to this VPC 2.0 network:'),
};

const NAT = '/v2/vpcs/{vpc_id}/nat-gateway';
const NAT_ITEM = `${NAT}/{nat_gateway_id}`;

const natGateway: Collection = {
  list: NAT,
  item: NAT_ITEM,
  many: 'nat_gateways',
  one: 'nat_gateway',
  missing: 'Invalid NAT gateway ID',
  accepts: 'label tag',
  update: 'PUT 202',
  initial: (call) => ({
    date_created: spaced(call.world.clock.nowMs()),
    vpc_id: param(call, 'vpc_id'),
    status: 'pending',
    public_ips: [],
    public_ips_v6: [],
    private_ips: [],
    billing: { charges: 0, monthly: 10 },
  }),
  becomes: ({ random }) => ({ status: 'active', public_ips: [random.ipv4()], private_ips: ['10.1.96.2'] }),
};

const natFirewallRule: Collection = {
  list: `${NAT_ITEM}/global/firewall-rules`,
  item: `${NAT_ITEM}/global/firewall-rules/{firewall_rule_id}`,
  many: 'firewall_rules',
  one: 'firewall_rule',
  missing: 'Invalid firewall rule ID',
  dated: null,
  accepts: 'protocol! port! subnet! subnet_size:integer! notes',
  update: 'PUT 202',
  changes: 'notes',
  initial: () => ({ action: 'accept' }),
};

const natPortForwardingRule: Collection = {
  list: `${NAT_ITEM}/global/port-forwarding-rules`,
  item: `${NAT_ITEM}/global/port-forwarding-rules/{port_forwarding_rule_id}`,
  many: 'port_forwarding_rules',
  one: 'port_forwarding_rule',
  missing: 'Invalid port forwarding rule ID',
  dated: 'created_at',
  accepts:
    'name! description internal_ip! protocol! external_port:integer! internal_port:integer! enabled:boolean!',
  update: 'PUT 202',
  initial: ({ world }) => ({ updated_at: world.clock.isoNow() }),
};

/** VPCs with NAT gateways, VPC 2.0 and private networks. */
export const vpcs: Resource = {
  collections: [vpc, privateNetwork, vpc2, natGateway, natFirewallRule, natPortForwardingRule],
  routes: routes({
    'GET /v2/vpcs/{vpc_id}/attachments': (call) =>
      ok(listBody('attachments', attachments(call, vpcKind), call.query)),
    'GET /v2/vpc2/{vpc_id}/nodes': (call) => ok(listBody('nodes', attachments(call, vpc2Kind), call.query)),
    'POST /v2/vpc2/{vpc_id}/nodes/attach': (call) => changeNodes(call, attachNetwork),
    'POST /v2/vpc2/{vpc_id}/nodes/detach': (call) => changeNodes(call, detachNetwork),
  }),
};

function attachments(call: Call, kind: NetworkKind): JsonObject[] {
  const { id } = target(call);
  return attachedMachines(call, kind, id).flatMap((machine) =>
    networksOf(machine, kind)
      .filter((each) => each['id'] === id)
      .map(({ date_added: added = '', ...each }) => ({
        ...each,
        id: machine.id,
        ip: { v4: each['ip_address'] ?? '' },
        date_added: added,
        // This names the subscription that an adapter of Vultr's own belongs to. A machine does not have one.
        linked_subscription: { type: '', id: '' },
        description: machine.fields['label'] ?? '',
        type: machine.fields['mac_address'] === undefined ? 'vps' : 'baremetal',
        node_status: 'active',
      })),
  );
}

function changeNodes(call: Call, apply: typeof attachNetwork): ApiResponse {
  const ids = textsOf(call.body['nodes']);
  if (ids.length === 0) throw badRequest();
  const machines = ids.map((id) =>
    named(call, '/v2/instances', id, () => badRequest('Invalid instance-id.')),
  );
  for (const machine of machines) apply(call, machine, vpc2Kind, target(call).id);
  return { status: 202 };
}
