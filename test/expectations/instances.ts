import type { Expectation } from './expectation.ts';
import { INSTANCE_COSTS, lend, lendInstance, names, pick, refused } from './observations.ts';

const BODY = { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 2284, label: 'vultr-grpc-expectation' };

/** Something that is seen of an instance that has booted. */
function ofInstance(given: Omit<Expectation, 'effect' | 'costs'>): Expectation {
  return { ...given, effect: 'change', costs: INSTANCE_COSTS };
}

/** The life of an instance. */
export const instances: readonly Expectation[] = [
  ofInstance({
    id: 'instances.created',
    what: '`POST /v2/instances`: status, and what the machine is at first',
    expected: [
      202,
      {
        status: 'pending',
        power_status: 'running',
        server_status: 'none',
        main_ip: '0.0.0.0',
        v6_main_ip: '',
        kvm: '',
        features: [],
        tags: [],
      },
    ],
    sources: ['documents', 'recordings', 'terraform'],
    observe: async (vultr) => {
      const created = await vultr.send('POST /v2/instances', { body: BODY });
      const { id } = created.json.instance;
      await vultr.until(`DELETE /v2/instances/${id}`, ({ status }) => status < 500);
      const wanted = [
        'status',
        'power_status',
        'server_status',
        'main_ip',
        'v6_main_ip',
        'kvm',
        'features',
        'tags',
      ];
      return [created.status, pick(created.json.instance, ...wanted)];
    },
  }),
  ofInstance({
    id: 'instances.password-once',
    what: 'whether the response to the create has `default_password`, and the one to a read',
    expected: [true, false],
    sources: ['documents', 'govultr'],
    observe: async (vultr) => {
      const created = await vultr.send('POST /v2/instances', { body: BODY });
      const path = `/v2/instances/${created.json.instance.id}`;
      const { json } = await vultr.until(
        `GET ${path}`,
        ({ json: body }) => body?.instance?.server_status === 'ok',
      );
      await vultr.until(`DELETE ${path}`, ({ status }) => status < 500);
      return [created.json.instance, json.instance].map((each) => Object.hasOwn(each, 'default_password'));
    },
  }),
  ofInstance({
    id: 'instances.read-after-write',
    what: '`GET /v2/instances/{id}` right after the create',
    expected: refused(404, 'instance not found'),
    sources: ['issues'],
    observe: async (vultr) => {
      const { json } = await vultr.send('POST /v2/instances', { body: BODY });
      const path = `/v2/instances/${json.instance.id}`;
      const early = await vultr.send(`GET ${path}`);
      await vultr.until(`DELETE ${path}`, ({ status }) => status < 500);
      return [early.status, early.json];
    },
  }),
  ofInstance({
    id: 'instances.locked',
    what: '`DELETE /v2/instances/{id}` while it is being installed',
    expected: refused(500, 'Unable to destroy server: Unable to remove VM: Server is currently locked'),
    sources: ['issues'],
    observe: async (vultr) => {
      const { json } = await vultr.send('POST /v2/instances', { body: BODY });
      const path = `/v2/instances/${json.instance.id}`;
      await vultr.until(`GET ${path}`, ({ status }) => status === 200);
      const early = await vultr.send(`DELETE ${path}`);
      await vultr.until(`DELETE ${path}`, ({ status }) => status < 500);
      return [early.status, early.json];
    },
  }),
  ofInstance({
    id: 'instances.booted',
    what: 'the states of a machine that has booted',
    expected: { status: 'active', power_status: 'running', server_status: 'ok' },
    sources: ['documents', 'terraform'],
    observe: (vultr) =>
      lendInstance(vultr, async (_id, path) =>
        pick((await vultr.send(`GET ${path}`)).json.instance, 'status', 'power_status', 'server_status'),
      ),
  }),
  ofInstance({
    id: 'instances.halted',
    what: 'status and body of halt, and the states of a machine that is halted',
    expected: [204, '', { status: 'active', power_status: 'stopped' }],
    sources: ['documents', 'terraform'],
    observe: (vultr) =>
      lendInstance(vultr, async (_id, path) => {
        const { status, text } = await vultr.send(`POST ${path}/halt`);
        const { json } = await vultr.until(
          `GET ${path}`,
          ({ json: body }) => body?.instance?.power_status === 'stopped',
        );
        return [status, text, pick(json.instance, 'status', 'power_status')];
      }),
  }),
  ofInstance({
    id: 'instances.changed',
    what: 'status and label in the response to `PATCH /v2/instances/{id}`',
    expected: [202, 'changed'],
    sources: ['documents'],
    observe: (vultr) =>
      lendInstance(vultr, async (_id, path) => {
        const { status, json } = await vultr.send(`PATCH ${path}`, { body: { label: 'changed' } });
        return [status, json.instance.label];
      }),
  }),
  ofInstance({
    id: 'instances.deleted',
    what: 'status of the delete, and `GET` of the machine after it',
    expected: [204, ...[refused(404, 'instance not found')]],
    sources: ['terraform', 'tools'],
    observe: async (vultr) => {
      const { json } = await vultr.send('POST /v2/instances', { body: BODY });
      const path = `/v2/instances/${json.instance.id}`;
      await vultr.until(`GET ${path}`, ({ json: body }) => body?.instance?.server_status === 'ok');
      const deleted = await vultr.send(`DELETE ${path}`);
      const gone = await vultr.until(`GET ${path}`, ({ status }) => status !== 200);
      return [deleted.status, [gone.status, gone.json]];
    },
  }),
  ofInstance({
    id: 'instances.backup-schedule',
    what: 'status and body of setting a daily backup at 3 o’clock, and the members of the schedule',
    expected: [200, '', ['dom', 'dow', 'enabled', 'hour', 'next_scheduled_time_utc', 'type']],
    sources: ['documents', 'issues'],
    observe: (vultr) =>
      lendInstance(vultr, async (_id, path) => {
        await vultr.send(`PATCH ${path}`, { body: { backups: 'enabled' } });
        const body = { type: 'daily', hour: 3 };
        const { status, text } = await vultr.send(`POST ${path}/backup-schedule`, { body });
        const { json } = await vultr.send(`GET ${path}/backup-schedule`);
        return [status, text, names(json.backup_schedule)];
      }),
  }),
  ofInstance({
    id: 'instances.user-data',
    what: 'user data as it is read',
    expected: { user_data: { data: 'I2Nsb3VkLWNvbmZpZwo=' } },
    sources: ['documents'],
    observe: (vultr) =>
      lendInstance(vultr, async (_id, path) => {
        await vultr.send(`PATCH ${path}`, { body: { user_data: 'I2Nsb3VkLWNvbmZpZwo=' } });
        return (await vultr.send(`GET ${path}/user-data`)).json;
      }),
  }),
  ofInstance({
    id: 'instances.addresses',
    what: 'members and type of the first IPv4 address',
    expected: [['gateway', 'ip', 'netmask', 'reverse', 'type'], 'main_ip'],
    sources: ['documents', 'govultr'],
    observe: (vultr) =>
      lendInstance(vultr, async (_id, path) => {
        const [first] = (await vultr.send(`GET ${path}/ipv4`)).json.ipv4s;
        return [names(first), first.type];
      }),
  }),
];

/** Other resources that are made and deleted for nothing or next to nothing. */
export const resources: readonly Expectation[] = [
  {
    id: 'ssh-keys.created',
    what: '`POST /v2/ssh-keys`: status and members; status of a change',
    expected: [201, ['date_created', 'id', 'name', 'ssh_key'], 204],
    sources: ['documents'],
    effect: 'change',
    observe: async (vultr) => {
      const body = { name: 'vultr-grpc-expectation', ssh_key: SSH_KEY };
      const { status, json } = await vultr.send('POST /v2/ssh-keys', { body });
      const path = `/v2/ssh-keys/${json.ssh_key.id}`;
      const changed = await vultr.send(`PATCH ${path}`, { body: { name: 'changed' } });
      await vultr.send(`DELETE ${path}`);
      return [status, names(json.ssh_key), changed.status];
    },
  },
  {
    id: 'ssh-keys.long-name',
    what: 'length of the name of an SSH key that was given 200 characters',
    expected: 128,
    sources: ['probes'],
    effect: 'change',
    observe: async (vultr) => {
      const body = { name: 'x'.repeat(200), ssh_key: SSH_KEY };
      const { json } = await vultr.send('POST /v2/ssh-keys', { body });
      await vultr.send(`DELETE /v2/ssh-keys/${json.ssh_key.id}`);
      return json.ssh_key.name.length;
    },
  },
  {
    id: 'startup-scripts.list',
    what: 'whether the list of startup scripts holds the script, and the read of one',
    expected: [false, true],
    sources: ['documents', 'govultr'],
    effect: 'change',
    observe: (vultr) => {
      const body = { name: 'vultr-grpc-expectation', script: 'IyEvYmluL3NoCg==', type: 'boot' };
      return lend(
        vultr,
        { create: '/v2/startup-scripts', body, read: 'startup_script' },
        async (id, path) => {
          const { startup_scripts: all } = (await vultr.send('GET /v2/startup-scripts')).json;
          const listed = (all as readonly { id: string }[]).find((each) => each.id === id) ?? {};
          const { startup_script: one } = (await vultr.send(`GET ${path}`)).json;
          return [Object.hasOwn(listed, 'script'), Object.hasOwn(one, 'script')];
        },
      );
    },
  },
  {
    id: 'vpcs.changed',
    what: '`PUT /v2/vpcs/{id}`: status; members of a VPC',
    expected: [204, ['date_created', 'description', 'id', 'region', 'v4_subnet', 'v4_subnet_mask']],
    sources: ['probes', 'terraform'],
    effect: 'change',
    observe: (vultr) =>
      lend(vultr, { create: '/v2/vpcs', body: { region: 'ewr' }, read: 'vpc' }, async (_id, path) => {
        const { status } = await vultr.send(`PUT ${path}`, { body: { description: 'changed' } });
        return [status, names((await vultr.send(`GET ${path}`)).json.vpc)];
      }),
  },
  {
    id: 'domains.created',
    what: 'status of `POST /v2/domains`, and the priority of a record that was given none and of one that was given 0',
    expected: [200, -1, 0],
    sources: ['documents', 'issues'],
    effect: 'change',
    observe: async (vultr) => {
      const domain = 'vultr-grpc-expectation.example';
      const { status } = await vultr.send('POST /v2/domains', { body: { domain } });
      const path = `/v2/domains/${domain}`;
      const record = { name: 'www', type: 'A', data: '192.0.2.1' };
      const plain = await vultr.send(`POST ${path}/records`, { body: record });
      const mail = { name: '', type: 'MX', data: 'mail.example', priority: 0 };
      const first = await vultr.send(`POST ${path}/records`, { body: mail });
      await vultr.send(`DELETE ${path}`);
      return [status, plain.json.record.priority, first.json.record.priority];
    },
  },
  {
    id: 'firewalls.rules',
    what: '`POST /v2/firewalls`: status; type of a rule’s id; the most rules of a group',
    expected: [201, 'number', 50],
    sources: ['documents', 'govultr'],
    effect: 'change',
    observe: async (vultr) => {
      const { status, json } = await vultr.send('POST /v2/firewalls', {
        body: { description: 'expectation' },
      });
      const path = `/v2/firewalls/${json.firewall_group.id}`;
      const body = { ip_type: 'v4', protocol: 'tcp', subnet: '0.0.0.0', subnet_size: 0, port: '443' };
      const rule = await vultr.send(`POST ${path}/rules`, { body });
      await vultr.send(`DELETE ${path}`);
      return [status, typeof rule.json.firewall_rule.id, json.firewall_group.max_rule_count];
    },
  },
  {
    id: 'blocks.life',
    what: '`POST /v2/blocks`: status, first and last state, and whom it is attached to',
    expected: [202, 'pending', 'active', ''],
    sources: ['documents', 'tools'],
    effect: 'change',
    costs: 0.01,
    observe: async (vultr) => {
      const created = await vultr.send('POST /v2/blocks', { body: { region: 'ewr', size_gb: 40 } });
      const path = `/v2/blocks/${created.json.block.id}`;
      const { json } = await vultr.until(`GET ${path}`, ({ json: body }) => body?.block?.status === 'active');
      await vultr.send(`DELETE ${path}`);
      const { status, attached_to_instance: holder } = json.block;
      return [created.status, created.json.block.status, status, holder];
    },
  },
  {
    id: 'load-balancers.life',
    what: '`POST /v2/load-balancers`: status and first address; a delete that comes too early',
    expected: [202, '', ...[refused(400, 'Cannot remove load balancer: Load balancer is not ready.')]],
    sources: ['documents', 'terraform'],
    effect: 'change',
    costs: 0.02,
    observe: async (vultr) => {
      const created = await vultr.send('POST /v2/load-balancers', { body: { region: 'ewr' } });
      const path = `/v2/load-balancers/${created.json.load_balancer.id}`;
      const early = await vultr.send(`DELETE ${path}`);
      await vultr.until(`DELETE ${path}`, ({ status }) => status < 400 || status === 404);
      return [created.status, created.json.load_balancer.ipv4, [early.status, early.json]];
    },
  },
];

const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfbmZ3xV0p5tJr1ZkY0y8lZ4o3rN7W5l9d2b1o4kQ0J a@b';
