import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, owner, routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { type Collection, createEntity, oneResponse } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { regionOf } from './catalogue.ts';

const reservedIp: Collection = {
  list: '/v2/reserved-ips',
  item: '/v2/reserved-ips/{reserved_ip}',
  many: 'reserved_ips',
  one: 'reserved_ip',
  missing: 'Invalid reserved-ip ID.',
  dated: null,
  accepts: 'region! ip_type! label',
  update: 'PATCH 200',
  changes: 'label!',
  initial: ({ world }, given) => {
    const type = given['ip_type'];
    if (type !== 'v4' && type !== 'v6') throw badRequest('Invalid ip_type. Must be v4 or v6.');
    const subnet =
      type === 'v4' ? world.random.ipv4() : `2001:19f0:${world.random.hex(4)}:${world.random.hex(4)}::`;
    return {
      region: regionOf(given)['id'] ?? '',
      subnet: given['subnet'] ?? subnet,
      subnet_size: type === 'v4' ? 32 : 64,
      instance_id: given['instance_id'] ?? '',
    };
  },
  removing: (_call, { fields }) => {
    if (fields['instance_id'] !== '')
      throw badRequest('Reserved IP is attached to a server. Detach it first.');
  },
};

const MAX_RULES = 50;
const PROTOCOLS = ['ICMP', 'TCP', 'UDP', 'GRE', 'ESP', 'AH'];

const firewallGroup: Collection = {
  list: '/v2/firewalls',
  item: '/v2/firewalls/{firewall_group_id}',
  many: 'firewall_groups',
  one: 'firewall_group',
  missing: 'Firewall group ID not found',
  accepts: 'description',
  update: 'PUT 204',
  changes: 'description!',
  initial: ({ world }) => ({ date_modified: world.clock.isoNow(), max_rule_count: MAX_RULES }),
  view: ({ world }, { id }) => ({
    instance_count: world.store
      .all('/v2/instances')
      .filter(({ fields }) => fields['firewall_group_id'] === id).length,
    rule_count: world.store.count(`/v2/firewalls/${id}/rules`),
  }),
  removing: ({ world }, { id }) => {
    for (const { fields } of world.store.all('/v2/instances')) {
      if (fields['firewall_group_id'] === id) fields['firewall_group_id'] = '';
    }
  },
};

const firewallRule: Collection = {
  list: '/v2/firewalls/{firewall_group_id}/rules',
  item: '/v2/firewalls/{firewall_group_id}/rules/{firewall_rule_id}',
  many: 'firewall_rules',
  one: 'firewall_rule',
  missing: 'Firewall rule ID not found.',
  dated: null,
  accepts: 'ip_type! protocol! subnet! subnet_size:integer! port source notes',
  id: (call) => {
    const { fields } = owner(call);
    fields['last_rule'] = Number(fields['last_rule'] ?? 0) + 1;
    return fields['last_rule'];
  },
  initial: (call, given) => {
    if (!['v4', 'v6'].includes(String(given['ip_type'])))
      throw badRequest('Invalid ip_type. Must be v4 or v6.');
    const protocol = String(given['protocol']).toUpperCase();
    if (!PROTOCOLS.includes(protocol)) throw badRequest('Invalid protocol.');
    if (call.world.store.count(`/v2/firewalls/${owner(call).id}/rules`) >= MAX_RULES) {
      throw badRequest(`Firewall group can not have more than ${MAX_RULES} rules.`);
    }
    return { action: 'accept', type: given['ip_type'] ?? '', protocol: protocol.toLowerCase() };
  },
};

/** Reserved IPs and firewalls. */
export const addresses: Resource = {
  collections: [reservedIp, { ...firewallGroup, hide: 'last_rule' }, firewallRule],
  routes: routes({
    'POST /v2/reserved-ips/{reserved_ip}/attach': attach,
    'POST /v2/reserved-ips/{reserved_ip}/detach': (call) => {
      const address = target(call);
      if (address.fields['instance_id'] === '') throw badRequest('Reserved IP is not attached to a server');
      call.world.store.schedule(address, call.world.lag.powerMs, { instance_id: '' });
      return noContent;
    },
    'POST /v2/reserved-ips/convert': convert,
  }),
};

function attach(call: Call): ApiResponse {
  const { fields } = target(call);
  const machine = named(call, '/v2/instances', call.body['instance_id'], () =>
    badRequest('Invalid instance-id.'),
  );
  if (fields['instance_id'] !== '')
    throw badRequest('Floating IPv4 address is already attached to another server');
  if (fields['region'] !== machine.fields['region']) throw badRequest('Server is not in the same region');
  fields['instance_id'] = machine.id;
  return noContent;
}

/** Turns an address of a machine into a reserved IP. */
function convert(call: Call): ApiResponse {
  const { ip_address: ip = '', label = '' } = readFields(parseFields('ip_address! label'), call.body);
  const { store } = call.world;
  const machine = store
    .all('/v2/instances')
    .find(({ id }) => store.get(`/v2/instances/${id}/ipv4`, String(ip)));
  if (machine === undefined) throw badRequest('Invalid IP address.');
  const taken = store.all('/v2/reserved-ips').some(({ fields }) => fields['subnet'] === ip);
  if (taken) throw badRequest('IP address is already reserved.');
  const region = machine.fields['region'] ?? '';
  const given = { region, ip_type: 'v4', label, subnet: ip, instance_id: machine.id };
  return oneResponse(reservedIp, call, createEntity(reservedIp, call, given), 201);
}
