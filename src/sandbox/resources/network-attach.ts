import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, type Route, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import type { Random } from '../engine/random.ts';
import type { Entity } from '../engine/store.ts';

/** A kind of private network that machines can be attached to. */
export interface NetworkKind {
  /** Where the networks are stored. */
  collection: string;
  /** The member of a machine that lists its networks. */
  field: string;
  /** The member of create and update bodies with ids to attach. */
  attachField: string;
  /** The member that asks for the network of the region, whichever it is. */
  enableField: string;
  /** Last segment of the machine's own routes. */
  segment: string;
  /** Key of the machine's list, and of the id in an attach body. */
  many: string;
  idField: string;
  /** Vultr's text for a network that does not exist. */
  missing: string;
  /** Status of attach and detach of an instance. */
  status: number;
}

/** VPC, VPC 2.0 (deprecated) and private networks (deprecated). */
export const networkKinds: readonly NetworkKind[] = [
  {
    collection: '/v2/vpcs',
    field: 'vpcs',
    attachField: 'attach_vpc',
    enableField: 'enable_vpc',
    segment: 'vpcs',
    many: 'vpcs',
    idField: 'vpc_id',
    missing: 'VPC not found.',
    status: 204,
  },
  {
    collection: '/v2/vpc2',
    field: 'vpc2',
    attachField: 'attach_vpc2',
    enableField: 'enable_vpc2',
    segment: 'vpc2',
    many: 'vpcs',
    idField: 'vpc_id',
    missing: 'Invalid VPC 2.0 ID',
    status: 202,
  },
  {
    collection: '/v2/private-networks',
    field: 'private_networks',
    attachField: 'attach_private_network',
    enableField: 'enable_private_network',
    segment: 'private-networks',
    many: 'private_networks',
    idField: 'network_id',
    missing: 'Invalid private network ID',
    status: 204,
  },
];

const kindOf = (collection: string): NetworkKind => {
  const kind = networkKinds.find((candidate) => candidate.collection === collection);
  if (kind === undefined) throw new Error(`no kind of network is stored at ${collection}`);
  return kind;
};
export const vpcKind = kindOf('/v2/vpcs');
export const vpc2Kind = kindOf('/v2/vpc2');
export const privateNetworkKind = kindOf('/v2/private-networks');

/** The networks of a machine. */
export const networksOf = (machine: Entity, kind: NetworkKind): JsonObject[] => {
  const networks = machine.fields[kind.field];
  return Array.isArray(networks) ? networks.filter(isObject) : [];
};

/**
 * Attaches the machine. Throws an ApiError for a network that does not exist, is in another region or is attached
 * already.
 */
export function attachNetwork(call: Call, machine: Entity, kind: NetworkKind, id: Json | undefined): void {
  const network = named(call, kind.collection, id, () => new ApiError(404, kind.missing));
  if (network.fields['region'] !== machine.fields['region']) throw badRequest(kind.missing);
  const attached = networksOf(machine, kind);
  if (attached.some((each) => each['id'] === network.id))
    throw badRequest('VPC is already attached to this server');
  // Only bare metal has a hardware address of its own, and it can be in one network only.
  if (attached.length > 0 && machine.fields['mac_address'] !== undefined) {
    throw badRequest('Server is already attached to another VPC');
  }
  const { random, clock } = call.world;
  const subnet = String(network.fields['v4_subnet'] ?? network.fields['ip_block'] ?? '10.1.96.0');
  const ipAddress = call.body['ip_address'] ?? subnet.replace(/\d+$/, String(random.integer(3, 250)));
  machine.fields[kind.field] = [
    ...attached,
    {
      id: network.id,
      ip_address: ipAddress,
      date_added: clock.isoNow(),
      mac_address: kind.field === 'vpcs' ? macText(random) : random.integer(90e12, 99e12),
    },
  ];
  if (kind.field === 'vpcs') machine.fields['internal_ip'] = ipAddress;
}

/** A hardware address as VPCs show it. The older kinds of network show a number. */
const macText = (random: Random): string =>
  `5a:02:00:${[random.hex(2), random.hex(2), random.hex(2)].join(':')}`;

/** The networks of a machine as the machine itself shows them, without its address in each. */
export function networkSummaries(call: Call, machine: Entity, kind: NetworkKind): JsonObject[] {
  return networksOf(machine, kind).map(({ id = '' }) => ({
    id,
    subnet: subnetOf(call.world.store.get(kind.collection, String(id))),
  }));
}

/** The first address of a network; `""` when the network does not exist any more. */
export const subnetOf = (network: Entity | undefined): Json =>
  network?.fields['v4_subnet'] ?? network?.fields['ip_block'] ?? '';

/** Detaches the machine. Throws an ApiError when it is not attached. */
export function detachNetwork(_call: Call, machine: Entity, kind: NetworkKind, id: Json | undefined): void {
  const attached = networksOf(machine, kind);
  if (!attached.some((each) => each['id'] === id)) throw new ApiError(404, kind.missing);
  machine.fields[kind.field] = attached.filter((each) => each['id'] !== id);
  if (kind.field === 'vpcs') machine.fields['internal_ip'] = '';
}

/** Every machine, virtual or bare metal, that is attached to the network. */
export function attachedMachines(call: Call, kind: NetworkKind, id: string): Entity[] {
  const { store } = call.world;
  return [...store.all('/v2/instances'), ...store.all('/v2/bare-metals')].filter((machine) =>
    networksOf(machine, kind).some((each) => each['id'] === id),
  );
}

/** `GET`, `attach` and `detach` below a machine's path. */
export function networkRoutes(machinePath: string, kind: NetworkKind, status = kind.status): Route[] {
  const template = `${machinePath}/${kind.segment}`;
  const change =
    (apply: typeof attachNetwork) =>
    (call: Call): ApiResponse => {
      apply(call, target(call), kind, call.body[kind.idField]);
      return { status };
    };
  return [
    {
      method: 'GET',
      template,
      auth: true,
      handle: (call) => ({ status: 200, body: listNetworks(call, kind) }),
    },
    { method: 'POST', template: `${template}/attach`, auth: true, handle: change(attachNetwork) },
    { method: 'POST', template: `${template}/detach`, auth: true, handle: change(detachNetwork) },
  ];
}

function listNetworks(call: Call, kind: NetworkKind): Json {
  const shown = networksOf(target(call), kind).map(({ date_added: _added, ...each }) => each);
  return listBody(kind.many, shown, call.query);
}
