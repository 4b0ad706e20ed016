import type { Reply } from '../sandbox/client.ts';
import type { Expectation, Observed } from './expectation.ts';
import { names, pick, refusal, refused, status } from './observations.ts';

const decoded = (cursor: string): string => Buffer.from(cursor, 'base64').toString();

const idsOf = ({ json }: Reply, key: string): readonly string[] =>
  (json[key] as readonly { id: unknown }[]).map(({ id }) => String(id));

/** Whether a cursor names the last element of its page, as every one that was seen does. */
const namesLast = (reply: Reply, key: string): boolean =>
  decoded(reply.json.meta.links.next) === `next__${idsOf(reply, key).at(-1)}`;

/** Lists, and how they are paged. */
export const lists: readonly Expectation[] = [
  {
    id: 'lists.default-page',
    what: 'number of plans on the first page of `GET /v2/plans`',
    expected: 100,
    sources: ['catalogue', 'documents'],
    observe: async (vultr) => idsOf(await vultr.send('GET /v2/plans', { key: null }), 'plans').length,
  },
  {
    id: 'lists.largest-page',
    what: 'statuses of `GET /v2/plans` with `per_page` 500, 501 and 0',
    expected: [200, 400, 400],
    sources: ['documents', 'assumed'],
    observe: (vultr) =>
      Promise.all(
        [500, 501, 0].map((size) => status(`GET /v2/plans?per_page=${size}`, { key: null })(vultr)),
      ),
  },
  {
    id: 'lists.meta',
    what: '`meta` of `GET /v2/regions?per_page=500`, without the total',
    expected: { links: { next: '', prev: '' } },
    sources: ['documents', 'probes'],
    observe: async (vultr) => {
      const { total, ...rest } = (await vultr.send('GET /v2/regions?per_page=500', { key: null })).json.meta;
      return Number.isInteger(total) ? rest : { total, ...rest };
    },
  },
  {
    id: 'lists.cursor',
    what: 'whether the cursor of `GET /v2/regions?per_page=2` is `next__` and the last id in base64, and leads on',
    expected: [true, true],
    sources: ['catalogue', 'tools'],
    observe: async (vultr) => {
      const first = await vultr.send('GET /v2/regions?per_page=2', { key: null });
      const all = idsOf(await vultr.send('GET /v2/regions?per_page=4', { key: null }), 'regions');
      const next = encodeURIComponent(first.json.meta.links.next);
      const second = await vultr.send(`GET /v2/regions?per_page=2&cursor=${next}`, { key: null });
      const both = [...idsOf(first, 'regions'), ...idsOf(second, 'regions')];
      return [namesLast(first, 'regions'), both.join() === all.join()];
    },
  },
  {
    id: 'lists.cursor-back',
    what: 'the beginning of the cursor that leads back',
    expected: 'prev__',
    sources: ['assumed'],
    observe: async (vultr) => {
      const first = await vultr.send('GET /v2/regions?per_page=2', { key: null });
      const next = encodeURIComponent(first.json.meta.links.next);
      const { json } = await vultr.send(`GET /v2/regions?per_page=2&cursor=${next}`, { key: null });
      return decoded(json.meta.links.prev).slice(0, 6);
    },
  },
  {
    id: 'lists.wrong-cursor',
    what: '`GET /v2/regions?cursor=x`',
    expected: refused(400, 'Invalid cursor.'),
    sources: ['assumed'],
    observe: refusal('GET /v2/regions?cursor=x', { key: null }),
  },
  ...(
    [
      ['/v2/regions/ams/availability', ['available_plans'], 'documents'],
      ['/v2/kubernetes/versions', ['versions'], 'documents'],
      ['/v2/plans-metal', ['meta', 'plans_metal'], 'probes'],
      ['/v2/iso-public', ['meta', 'public_isos'], 'documents'],
      ['/v2/firewalls', ['firewall_groups', 'meta'], 'govultr'],
      ['/v2/ssh-keys', ['meta', 'ssh_keys'], 'govultr'],
      ['/v2/startup-scripts', ['meta', 'startup_scripts'], 'govultr'],
    ] as const
  ).map(
    ([path, expected, source]): Expectation => ({
      id: `lists.envelope${path.replace('/v2', '').replaceAll('/', '.')}`,
      what: `members of the response to \`GET ${path}\``,
      expected,
      sources: [source],
      observe: async (vultr) => names((await vultr.send(`GET ${path}`)).json),
    }),
  ),
];

const plan = (id: string, expected: { readonly [name: string]: Observed }): Expectation => ({
  id: `catalogue.plan.${id}`,
  what: `the plan ${id}`,
  expected,
  sources: ['catalogue'],
  observe: async (vultr) => {
    const { json } = await vultr.send('GET /v2/plans?per_page=500', { key: null });
    const found = (json.plans as readonly { id: string }[]).find((each) => each.id === id);
    return pick(found, ...Object.keys(expected));
  },
});

const count = (path: string, key: string, expected: number, what: string): Expectation => ({
  id: `catalogue.count.${key}${path.includes('?') ? `.${path.split('=').at(-1)}` : ''}`,
  what,
  expected,
  sources: ['catalogue'],
  observe: async (vultr) => {
    const separator = path.includes('?') ? '&' : '?';
    const { json } = await vultr.send(`GET ${path}${separator}per_page=500`, { key: null });
    return json.meta.total;
  },
});

/** The catalogue, as it was in August 2025. */
export const catalogue: readonly Expectation[] = [
  count('/v2/regions', 'regions', 32, 'number of regions'),
  count('/v2/plans', 'plans', 203, 'number of plans'),
  count('/v2/plans?type=vc2', 'plans', 20, 'number of vc2 plans, surcharge twins included'),
  count('/v2/plans?type=voc', 'plans', 102, 'number of voc plans, surcharge twins included'),
  count('/v2/plans?type=vcg', 'plans', 29, 'number of vcg plans'),
  count('/v2/applications', 'applications', 122, 'number of applications'),
  count('/v2/applications?type=one-click', 'applications', 6, 'number of one-click applications'),
  {
    id: 'catalogue.regions',
    what: 'ids of the regions, in their order',
    expected:
      'ams atl blr bom cdg del dfw ewr fra hnl icn itm jnb lax lhr mad man mel mex mia nrt ord sao scl sea sgp sjc sto syd tlv waw yto',
    sources: ['catalogue'],
    observe: async (vultr) => idsOf(await vultr.send('GET /v2/regions', { key: null }), 'regions').join(' '),
  },
  {
    id: 'catalogue.region',
    what: 'the region ams',
    expected: {
      id: 'ams',
      city: 'Amsterdam',
      country: 'NL',
      continent: 'Europe',
      options: [
        'ddos_protection',
        'block_storage_storage_opt',
        'block_storage_high_perf',
        'load_balancers',
        'kubernetes',
      ],
    },
    sources: ['catalogue'],
    observe: async (vultr) => {
      const { regions } = (await vultr.send('GET /v2/regions', { key: null })).json;
      const ams = (regions as readonly { id: string }[]).find(({ id }) => id === 'ams');
      return pick(ams, 'id', 'city', 'country', 'continent', 'options');
    },
  },
  plan('vc2-1c-1gb', {
    id: 'vc2-1c-1gb',
    vcpu_count: 1,
    ram: 1024,
    disk: 25,
    disk_type: 'SSD',
    disk_count: 1,
    bandwidth: 1024,
    monthly_cost: 5,
    hourly_cost: 0.007,
    invoice_type: 'monthly',
    type: 'vc2',
    cpu_vendor: 'Intel',
    storage_type: 'local_storage',
    vcpu_type: 'thread',
  }),
  plan('vc2-1c-1gb-sc1', { monthly_cost: 7.5, locations: ['sao'] }),
  plan('voc-g-1c-4gb-30s-amd', {
    monthly_cost: 30,
    disk: 30,
    disk_type: 'DEDICATEDOPTIMIZED',
    cpu_vendor: 'AMD',
  }),
  plan('vcg-l40s-16c-180g-48vram', { hourly_cost: 1.671, invoice_type: 'hourly', gpu_type: 'NVIDIA_L40S' }),
  {
    id: 'catalogue.os',
    what: 'the operating system 2284',
    expected: { id: 2284, name: 'Ubuntu 24.04 LTS x64', arch: 'x64', family: 'ubuntu' },
    sources: ['catalogue'],
    observe: async (vultr) => {
      const { os } = (await vultr.send('GET /v2/os', { key: null })).json;
      return (os as readonly { id: number }[]).find(({ id }) => id === 2284) as unknown as Observed;
    },
  },
];
