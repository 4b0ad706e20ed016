import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Call, noContent, routes, target } from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import type { Collection } from '../engine/collection.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import type { Random } from '../engine/random.ts';
import type { Entity } from '../engine/store.ts';
import type { World } from '../engine/world.ts';
import { regionOf } from './catalogue.ts';
import { reverseDnsRoutes } from './load-balancer-reverse-dns.ts';

const BALANCER = '/v2/load-balancers/{load_balancer_id}';

const MAX_NODES = 99;

const DEFAULT_HEALTH_CHECK: JsonObject = {
  protocol: 'http',
  port: 80,
  path: '/',
  check_interval: 15,
  response_timeout: 5,
  unhealthy_threshold: 5,
  healthy_threshold: 5,
};

const loadBalancer: Collection = {
  list: '/v2/load-balancers',
  item: BALANCER,
  many: 'load_balancers',
  one: 'load_balancer',
  missing: 'Invalid load balancer ID',
  accepts:
    'region balancing_algorithm=roundrobin ssl_redirect:boolean http2:boolean http3:boolean nodes:integer=1 proxy_protocol:boolean timeout:integer=600 health_check:object forwarding_rules:objects sticky_session:object ssl:object label instances:strings firewall_rules:objects private_network vpc auto_ssl:object global_regions:list',
  create: '/v2/load-balancers 202',
  update: 'PATCH 204',
  hide: 'balancing_algorithm ssl_redirect proxy_protocol timeout sticky_session ssl private_network vpc reverse_v4 reverse_v6',
  initial: (call, given) => {
    checkInstances(call, given);
    checkNodes(given);
    return {
      region: regionOf(given)['id'] ?? '',
      status: 'pending',
      ipv4: '',
      ipv6: '',
      cname: '',
      global_cname: '',
      node_ips: { v4: [], v6: [], private: [] },
      global_regions: globalRegions(given['global_regions']),
      has_ssl: Object.keys(given['ssl'] ?? {}).length > 0,
      health_check: healthCheck(DEFAULT_HEALTH_CHECK, given['health_check']),
    };
  },
  becomes: ready,
  created: (call, balancer) => takeRules(call, balancer, balancer.fields),
  changing: (call, balancer, given) => {
    if (balancer.fields['status'] !== 'active') throw badRequest('Load balancer activation in progress');
    checkInstances(call, given);
    checkNodes(given);
    if (given['health_check'] !== undefined)
      given['health_check'] = healthCheck(balancer.fields['health_check'], given['health_check']);
    if (given['global_regions'] !== undefined)
      given['global_regions'] = globalRegions(given['global_regions']);
    if (given['ssl'] !== undefined) balancer.fields['has_ssl'] = true;
    takeRules(call, balancer, given);
  },
  view: ({ world }, { id, fields }) => ({
    generic_info: {
      balancing_algorithm: fields['balancing_algorithm'] ?? '',
      timeout: fields['timeout'] ?? 0,
      ssl_redirect: fields['ssl_redirect'] ?? false,
      sticky_sessions: fields['sticky_session'] ?? {},
      proxy_protocol: fields['proxy_protocol'] ?? false,
      private_network: fields['private_network'] ?? '',
      vpc: fields['vpc'] ?? '',
    },
    forwarding_rules: world.store
      .list(`/v2/load-balancers/${id}/forwarding-rules`)
      .map((rule) => ({ ...rule.fields })),
    firewall_rules: world.store
      .list(`/v2/load-balancers/${id}/firewall-rules`)
      .map((rule) => ({ ...rule.fields })),
  }),
  removing: (_call, { fields }) => {
    if (fields['status'] === 'active') return;
    throw badRequest('Cannot remove load balancer: Load balancer is not ready.');
  },
};

const ruleId = ({ world }: Call): string => world.random.hex(16);

const forwardingRule: Collection = {
  list: `${BALANCER}/forwarding-rules`,
  item: `${BALANCER}/forwarding-rules/{forwarding_rule_id}`,
  many: 'forwarding_rules',
  one: 'forwarding_rule',
  missing: 'Invalid forwarding rule ID',
  dated: null,
  id: ruleId,
  accepts: 'frontend_protocol! frontend_port:integer! backend_protocol! backend_port:integer!',
  create: `${BALANCER}/forwarding-rules 202`,
};

const firewallRule: Collection = {
  list: `${BALANCER}/firewall-rules`,
  item: `${BALANCER}/firewall-rules/{firewall_rule_id}`,
  many: 'firewall_rules',
  one: 'firewall_rule',
  missing: 'Firewall rule ID not found.',
  remove: true,
};

/** Load balancers. */
export const loadBalancers: Resource = {
  collections: [loadBalancer, forwardingRule, firewallRule],
  routes: [
    ...reverseDnsRoutes(BALANCER),
    ...routes({
      [`POST ${BALANCER}/firewall-rules`]: (call) => {
        const rules = call.body['firewall_rules'];
        if (!Array.isArray(rules) || rules.length === 0) throw badRequest();
        addRules(call, target(call), 'firewall-rules', rules);
        return { status: 202 };
      },
      [`DELETE ${BALANCER}/ssl`]: (call) => {
        Object.assign(target(call).fields, { has_ssl: false, ssl: {} });
        return noContent;
      },
      [`DELETE ${BALANCER}/auto_ssl`]: (call) => {
        target(call).fields['auto_ssl'] = {};
        return noContent;
      },
    }),
  ],
};

function ready({ random }: World, { id, fields }: Entity): JsonObject {
  const count = Number(fields['nodes']);
  const addresses = (make: () => string): string[] => Array.from({ length: count }, make);
  const isGlobal = Array.isArray(fields['global_regions']) && fields['global_regions'].length > 0;
  return {
    status: 'active',
    ipv4: random.ipv4(),
    ipv6: ipv6(random),
    cname: `${id}.lb.vultr.example`,
    global_cname: isGlobal ? `${id}.global.lb.vultr.example` : '',
    node_ips: {
      v4: addresses(() => random.ipv4()),
      v6: addresses(() => ipv6(random)),
      private: addresses(() => `10.1.96.${random.integer(3, 250)}`),
    },
  };
}

const ipv6 = (random: Random): string => `2001:19f0:5:${random.hex(4)}::${random.hex(4)}`;

/** A health check with some members keeps the others as they were. */
const healthCheck = (before: Json | undefined, given: Json | undefined): JsonObject => ({
  ...(isObject(before) ? before : {}),
  ...(isObject(given) ? given : {}),
});

/** Requests may name regions by id or as objects. Responses always have objects. */
function globalRegions(given: Json | undefined): JsonObject[] {
  return (Array.isArray(given) ? given : []).map((each) => {
    const wanted = isObject(each) ? each : { region_id: each };
    const id = regionOf({ region: wanted['region_id'] ?? '' })['id'] ?? '';
    return { region_id: id, vpc_id: wanted['vpc_id'] ?? '' };
  });
}

/** Refuses an even number of nodes. */
function checkNodes({ nodes }: JsonObject): void {
  if (nodes === undefined || (Number(nodes) % 2 === 1 && Number(nodes) <= MAX_NODES)) return;
  throw badRequest(`Invalid nodes. Must be an odd number from 1 to ${MAX_NODES}.`);
}

function checkInstances(call: Call, given: JsonObject): void {
  for (const id of textsOf(given['instances'])) {
    named(call, '/v2/instances', id, () => new ApiError(400, 'Invalid instance-id.'));
  }
}

/** Replaces the rules of a balancer by those in a body, and moves them to the collections in which they are stored. */
function takeRules(call: Call, balancer: Entity, given: JsonObject): void {
  for (const kind of ['forwarding_rules', 'firewall_rules']) {
    const rules = given[kind];
    delete given[kind];
    if (!Array.isArray(rules)) continue;
    const segment = kind.replace('_', '-');
    const path = `/v2/load-balancers/${balancer.id}/${segment}`;
    for (const { id } of call.world.store.all(path)) call.world.store.remove(path, id);
    addRules(call, balancer, segment, rules);
  }
}

function addRules(call: Call, balancer: Entity, segment: string, rules: readonly Json[]): void {
  for (const rule of rules) {
    if (!isObject(rule)) throw badRequest();
    const id = ruleId(call);
    call.world.store.add(`/v2/load-balancers/${balancer.id}/${segment}`, id, { ...rule, id });
  }
}
