import { registryRegions } from '../catalogue/registry-regions.ts';
import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, owner, routes, target } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import type { Entity } from '../engine/store.ts';

const REGISTRY = '/v2/registry/{registry_id}';
const REPOSITORY = `${REGISTRY}/repository/{repository_image}`;
const PLANS: Record<string, { vanity_name: string; monthly_price: number; max_storage_mb: number }> = {
  start_up: { vanity_name: 'Start Up', monthly_price: 0, max_storage_mb: 10_240 },
  business: { vanity_name: 'Business', monthly_price: 5, max_storage_mb: 20_480 },
  premium: { vanity_name: 'Premium', monthly_price: 20, max_storage_mb: 102_400 },
  enterprise: { vanity_name: 'Enterprise', monthly_price: 50, max_storage_mb: 1_048_576 },
};

const registry: Collection = {
  list: '/v2/registries',
  item: REGISTRY,
  many: 'registries',
  one: null,
  missing: 'Invalid container registry ID',
  accepts: 'name! public:boolean! region! plan!',
  create: '/v2/registry 201',
  update: 'PUT 200',
  changes: 'public:boolean plan',
  hide: 'plan schedule',
  initial: (call, given) => {
    const region = registryRegions.find(({ name }) => name === given['region']);
    if (region === undefined) throw badRequest('Invalid region.');
    checkPlan(given['plan']);
    const { random, clock } = call.world;
    const now = clock.isoNow();
    const plan = PLANS[String(given['plan'])];
    return {
      region: region.name,
      urn: `${region.urn}/${String(given['name'])}`,
      storage: {
        used: storageCount(0, now),
        allowed: storageCount(plan?.max_storage_mb ?? 0, now),
      },
      root_user: {
        id: 1,
        username: random.uuid(),
        password: random.password(),
        root: true,
        added_at: now,
        updated_at: now,
      },
      metadata: {
        region,
        subscription: { billing: { monthly_price: plan?.monthly_price ?? 0, pending_charges: 0 } },
      },
    };
  },
  changing: (_call, _entity, given) => {
    if (given['plan'] !== undefined) checkPlan(given['plan']);
  },
  created: addExampleImage,
};

const repository: Collection = {
  list: `${REGISTRY}/repositories`,
  item: REPOSITORY,
  many: 'repositories',
  one: null,
  missing: 'Invalid repository',
  idField: 'image',
  update: 'PUT 200',
  changes: 'description',
  remove: true,
};

const artifact: Collection = {
  list: `${REPOSITORY}/artifacts`,
  item: `${REPOSITORY}/artifact/{artifact_digest}`,
  many: 'artifacts',
  one: null,
  missing: 'Invalid artifact',
  idField: 'digest',
  remove: true,
};

const replication: Collection = {
  list: `${REGISTRY}/replications`,
  item: `${REGISTRY}/replication/{region}`,
  many: 'replications',
  one: null,
  missing: 'Invalid replication',
  idField: 'region',
  dated: null,
  accepts: 'region!',
  create: `${REGISTRY}/replication 201`,
  initial: (call, given) => {
    const region = registryRegions.find(({ name }) => name === given['region']);
    if (region === undefined) throw badRequest('Invalid region.');
    const namespace = String(owner(call).fields['name']);
    return { namespace, urn: `${region.urn}/${namespace}` };
  },
};

const robot: Collection = {
  list: `${REGISTRY}/robots`,
  item: `${REGISTRY}/robot/{robot_name}`,
  many: 'robots',
  one: null,
  missing: 'Invalid robot',
  idField: 'name',
  update: 'PUT 200',
  // The sources disagree on whether `access` is an object or an array, so it is not shown.
  changes: 'description disable:boolean duration:integer',
  remove: true,
};

const retentionRule: Collection = {
  list: `${REGISTRY}/retention/rules`,
  item: `${REGISTRY}/retention/rules/{retention_rule_id}`,
  many: 'retention_rules',
  one: null,
  missing: 'Invalid retention rule',
  dated: null,
  accepts:
    'rule_type! count:integer repository_action! repository_match! tag_action! tag_match! untagged:boolean!',
  update: 'PUT 200',
  changes: 'disabled:boolean!',
  id: ({ world }) => world.nextNumber(),
  hide: 'rule_type count repository_action repository_match tag_action tag_match untagged',
  initial: (_call, given) => ({
    disabled: false,
    action: 'retain',
    params: { [String(given['rule_type'])]: given['count'] ?? 0 },
    // The documentation has the plural, the Go client the singular.
    scope_selectors: { repository: [selector(given, 'repository')] },
    scope_selector: { repository: [selector(given, 'repository')] },
    tag_selectors: [selector(given, 'tag')],
    template: given['rule_type'] ?? '',
  }),
};

/** Container registries. */
export const registries: Resource = {
  collections: [registry, repository, artifact, replication, robot, retentionRule],
  routes: routes({
    'GET /v2/registry/plan/list': () => ok({ plans: PLANS }),
    'GET /v2/registry/region/list': ({ query }) => ok(listBody('regions', registryRegions, query)),
    [`OPTIONS ${REGISTRY}/docker-credentials`]: (call) => ok(dockerConfig(call)),
    [`OPTIONS ${REGISTRY}/docker-credentials/kubernetes`]: kubernetesSecret,
    [`PUT ${REGISTRY}/user/password`]: () => ok({ success: true }),
    [`PUT ${REGISTRY}/retention/schedule`]: (call) => {
      const { cron = '' } = readFields(parseFields('cron!'), call.body);
      target(call).fields['schedule'] = cron;
      return ok({ schedule: cron, next_scheduled_time: call.world.clock.isoNow() });
    },
    [`POST ${REGISTRY}/retention/executions`]: (call) => {
      const { dry_run: dryRun = false } = readFields(parseFields('dry_run:boolean!'), call.body);
      const now = call.world.clock.isoNow();
      return { status: 201, body: { dry_run: dryRun, start_time: now, end_time: now, trigger: 'MANUAL' } };
    },
  }),
};

function storageCount(mb: number, updatedAt: string): JsonObject {
  return { bytes: mb * 1024 ** 2, mb, gb: mb / 1024, tb: mb / 1024 ** 2, updated_at: updatedAt };
}

/** The selector of a retention rule for repositories or tags. */
function selector(given: JsonObject, kind: 'repository' | 'tag'): JsonObject {
  const { [`${kind}_action`]: decoration = '', [`${kind}_match`]: pattern = '' } = given;
  return { kind: 'doublestar', decoration, pattern };
}

function checkPlan(plan: unknown): void {
  if (!Object.hasOwn(PLANS, String(plan))) throw badRequest('Invalid plan chosen.');
}

/** Adds an image and a robot to a new registry, because images are pushed by other means than the API. */
function addExampleImage({ world }: Call, { id }: Entity): void {
  const { store, clock } = world;
  const now = clock.isoNow();
  const base = `/v2/registry/${id}`;
  store.add(`${base}/repositories`, 'hello-world', {
    name: `${id}/hello-world`,
    image: 'hello-world',
    description: '',
    added_at: now,
    updated_at: now,
    pull_count: 0,
    artifact_count: 1,
  });
  const digest = `sha256:${world.random.hex(64)}`;
  store.add(`${base}/repository/hello-world/artifacts`, digest, {
    artifact_type: 'application/vnd.docker.container.image.v1+json',
    digest,
    manifest_media_type: 'application/vnd.docker.distribution.manifest.v2+json',
    media_type: 'application/vnd.docker.container.image.v1+json',
    pull_time: now,
    push_time: now,
    repository_name: `${id}/hello-world`,
    size: 2_457,
    type: 'IMAGE',
    tags: [{ name: 'latest', immutable: false, push_time: now, pull_time: now }],
  });
  store.add(`${base}/robots`, 'ci', {
    name: 'ci',
    description: 'pushes images',
    secret: world.random.password(),
    disable: false,
    duration: -1,
    creation_time: now,
    permissions: [
      {
        kind: 'project',
        namespace: id,
        access: [{ action: 'push', resource: 'repository', effect: 'allow' }],
      },
    ],
  });
}

function dockerConfig(call: Call): { auths: Record<string, { auth: string }> } {
  const { urn, name } = target(call).fields;
  const host = String(urn).split('/')[0] ?? '';
  return { auths: { [host]: { auth: Buffer.from(`${String(name)}:sandbox`).toString('base64') } } };
}

/** The only operation whose response is YAML: a secret for a cluster, or its base64. */
function kubernetesSecret(call: Call): ApiResponse {
  const config = Buffer.from(JSON.stringify(dockerConfig(call))).toString('base64');
  const yaml = [
    'apiVersion: v1',
    'kind: Secret',
    'metadata:',
    '  name: vultr-cr-credentials',
    'data:',
    `  .dockerconfigjson: ${config}`,
    'type: kubernetes.io/dockerconfigjson',
    '',
  ].join('\n');
  const body = call.query.get('base64_encode') === 'true' ? Buffer.from(yaml).toString('base64') : yaml;
  return { status: 200, body, contentType: 'application/yaml' };
}
