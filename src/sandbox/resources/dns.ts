import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type Call, noContent, ok, routes, target } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readGiven } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';

const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'NS', 'MX', 'SRV', 'TXT', 'CAA', 'SSHFP'];
const DEFAULT_TTL_S = 300;
/** The priority of a record that was created without one. */
const DEFAULT_PRIORITY = -1;

const domain: Collection = {
  list: '/v2/domains',
  item: '/v2/domains/{dns_domain}',
  many: 'domains',
  one: 'domain',
  missing: 'Invalid domain',
  idField: 'domain',
  accepts: 'domain! ip dns_sec=disabled',
  // Unlike almost every other creation, this one gives 200.
  create: '/v2/domains 200',
  update: 'PUT 204',
  changes: 'dns_sec!',
  hide: 'ip nsprimary email',
  initial: (_call, given) => {
    const name = String(given['domain']);
    if (!/^[\w-]+(?:\.[\w-]+)+$/.test(name)) throw badRequest('Invalid domain');
    checkDnsSec(given);
    return { nsprimary: 'ns1.vultr.com', email: `dnsadm@vultr.com` };
  },
  created: addDefaultRecords,
  changing: (_call, _entity, given) => checkDnsSec(given),
};

const record: Collection = {
  list: '/v2/domains/{dns_domain}/records',
  item: '/v2/domains/{dns_domain}/records/{record_id}',
  many: 'records',
  one: 'record',
  missing: 'Invalid record ID',
  dated: null,
  accepts: `type! name data! priority:integer=${DEFAULT_PRIORITY} ttl:integer=${DEFAULT_TTL_S}`,
  update: 'PATCH 204',
  initial: (call, given) => {
    // The name of the apex is "", so a required name may be empty, but not missing.
    if (call.body['name'] === undefined) throw badRequest();
    if (!RECORD_TYPES.includes(String(given['type']))) throw badRequest('Invalid record type.');
    checkData(given['type'], given['data']);
    return { data: quoted(given['type'], given['data']) };
  },
  changing: (_call, { fields }, given) => {
    checkData(fields['type'], given['data']);
    if (given['data'] !== undefined) given['data'] = quoted(fields['type'], given['data']);
  },
};

/** Vultr does not take a CAA record whose value contains blanks, although its syntax allows them. */
function checkData(type: unknown, data: unknown): void {
  if (type === 'CAA' && /"[^"]*\s[^"]*"/.test(String(data))) throw badRequest('Invalid record data.');
}

/** Domains and their records. */
export const dns: Resource = {
  collections: [domain, record],
  routes: routes({
    'GET /v2/domains/{dns_domain}/soa': (call) => {
      const { nsprimary = '', email = '' } = target(call).fields;
      return ok({ dns_soa: { nsprimary, email } });
    },
    'PATCH /v2/domains/{dns_domain}/soa': (call) => {
      Object.assign(target(call).fields, readGiven(parseFields('nsprimary email'), call.body));
      return noContent;
    },
    'GET /v2/domains/{dns_domain}/dnssec': (call) => {
      const { id, fields } = target(call);
      const digest = Buffer.from(id).toString('hex').padEnd(64, '0').slice(0, 64);
      const keys = [`${id} IN DNSKEY 257 3 13 ${digest}`, `${id} IN DS 27933 13 2 ${digest}`];
      return ok({ dns_sec: fields['dns_sec'] === 'enabled' ? keys : [] });
    },
  }),
};

function addDefaultRecords(call: Call, { id, fields }: Entity): void {
  const { store, random } = call.world;
  const ip = String(fields['ip']);
  const records = [
    ['NS', '', 'ns1.vultr.com'],
    ['NS', '', 'ns2.vultr.com'],
    ...(ip === ''
      ? []
      : [
          ['A', '', ip],
          ['CNAME', '*', id],
          ['MX', '', id],
        ]),
  ];
  for (const [type = '', name = '', data = ''] of records) {
    const priority = type === 'MX' ? 10 : DEFAULT_PRIORITY;
    const recordId = random.uuid();
    const entry: JsonObject = { id: recordId, type, name, data, priority, ttl: DEFAULT_TTL_S };
    store.add(`/v2/domains/${encodeURIComponent(id)}/records`, recordId, entry);
  }
}

function checkDnsSec(given: JsonObject): void {
  if (!['enabled', 'disabled'].includes(String(given['dns_sec']))) throw badRequest('Invalid dns_sec.');
}

/** The data of a TXT record keeps its quotes. */
function quoted(type: unknown, data: unknown): string {
  const text = String(data);
  return type === 'TXT' && !/^".*"$/s.test(text) ? `"${text}"` : text;
}
