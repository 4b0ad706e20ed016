import type { Expectation, SourceKey } from './expectation.ts';
import { NO_ID, refusal, refused } from './observations.ts';

type Missing = readonly [id: string, path: string, status: number, error: string, source: SourceKey];

/** What is said of a thing that is not there. Official tools look for these texts. */
const MISSING: readonly Missing[] = [
  ['instance', `/v2/instances/${NO_ID}`, 404, 'instance not found', 'terraform'],
  ['bare-metal', `/v2/bare-metals/${NO_ID}`, 404, 'Invalid bare metal instance.', 'issues'],
  ['block', `/v2/blocks/${NO_ID}`, 404, 'Invalid block storage ID.', 'issues'],
  ['ssh-key', `/v2/ssh-keys/${NO_ID}`, 404, 'Invalid ssh key.', 'probes'],
  ['startup-script', `/v2/startup-scripts/${NO_ID}`, 404, 'Invalid startup script ID', 'terraform'],
  ['domain', '/v2/domains/no-such-domain.example', 404, 'Invalid domain', 'terraform'],
  ['reserved-ip', `/v2/reserved-ips/${NO_ID}`, 404, 'Invalid reserved-ip ID.', 'issues'],
  ['vpc', `/v2/vpcs/${NO_ID}`, 404, 'VPC not found.', 'issues'],
  ['vpc2', `/v2/vpc2/${NO_ID}`, 404, 'Invalid VPC 2.0 ID', 'terraform'],
  ['kubernetes', `/v2/kubernetes/clusters/${NO_ID}`, 404, 'Invalid resource ID', 'terraform'],
  ['registry', `/v2/registry/${NO_ID}`, 404, 'Invalid container registry ID', 'terraform'],
  ['inference', `/v2/inference/${NO_ID}`, 404, 'invalid inference ID', 'terraform'],
  ['user', `/v2/users/${NO_ID}`, 404, 'Invalid user', 'terraform'],
  ['iso', `/v2/iso/${NO_ID}`, 404, 'Invalid iso', 'terraform'],
  ['vfs', `/v2/vfs/${NO_ID}`, 404, 'Subscription ID Not Found.', 'terraform'],
  ['organization', `/v2/organizations/${NO_ID}`, 404, 'Organization not found.', 'terraform'],
  ['group', `/v2/groups/${NO_ID}`, 404, 'Group not found', 'terraform'],
  ['role', `/v2/roles/${NO_ID}`, 404, 'Role not found', 'terraform'],
  ['policy', `/v2/policies/${NO_ID}`, 404, 'Policy not found', 'terraform'],
  ['role-trust', `/v2/role-trusts/${NO_ID}`, 404, 'Role trust not found', 'terraform'],
  ['oidc-issuer', `/v2/oidc/issuer/${NO_ID}`, 404, 'Issuer Not Found', 'terraform'],
  ['oidc-provider', `/v2/oidc/provider/${NO_ID}`, 404, 'Provider Not Found', 'terraform'],
];

/** How Vultr refuses. */
export const refusals: readonly Expectation[] = [
  ...MISSING.map(
    ([id, path, code, error, source]): Expectation => ({
      id: `missing.${id}`,
      what: `\`GET ${path.replace(NO_ID, '{id}')}\` of nothing`,
      expected: refused(code, error),
      sources: [source],
      observe: refusal(`GET ${path}`),
    }),
  ),
  {
    id: 'missing.database',
    what: '`GET /v2/databases/{id}` of nothing, which has a form of its own',
    expected: [404, { message: 'Not a valid DBaaS Subscription UUID!' }],
    sources: ['issues'],
    observe: refusal(`GET /v2/databases/${NO_ID}`),
  },
  {
    id: 'missing.deleted-instance',
    what: '`DELETE /v2/instances/{id}` of nothing',
    expected: refused(404, 'Invalid instance-id.'),
    sources: ['issues'],
    effect: 'change',
    observe: refusal(`DELETE /v2/instances/${NO_ID}`),
  },
  ...(
    [
      ['region', {}, 'Bad request.', 'issues'],
      ['plan', { region: 'ewr', plan: 'no-such-plan', os_id: 2284 }, 'Invalid plan chosen.', 'issues'],
      ['os', { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 1 }, 'Cannot add instance. Invalid os_id', 'issues'],
    ] as const
  ).map(
    ([id, body, error, source]): Expectation => ({
      id: `create.wrong-${id}`,
      what: `\`POST /v2/instances\` with ${id === 'region' ? 'nothing' : `no such ${id}`}`,
      expected: refused(400, error),
      sources: [source],
      effect: 'change',
      observe: refusal('POST /v2/instances', { body }),
    }),
  ),
  {
    id: 'create.plan-not-there',
    what: '`POST /v2/instances` with a plan that the region does not sell',
    expected: refused(400, 'Plan is not available in the selected region'),
    sources: ['issues'],
    effect: 'change',
    observe: refusal('POST /v2/instances', {
      body: { region: 'sao', plan: 'vc2-1c-1gb', os_id: 2284 },
    }),
  },
  {
    id: 'create.script-not-base64',
    what: '`POST /v2/startup-scripts` with a plain script',
    expected: refused(400, 'Script must be base64 encoded'),
    sources: ['probes'],
    effect: 'change',
    observe: refusal('POST /v2/startup-scripts', { body: { name: 'a', script: '#!/bin/sh' } }),
  },
  {
    id: 'create.tier-not-there',
    what: '`POST /v2/object-storage` with no such tier',
    expected: refused(400, 'Invalid tier specified for this location'),
    sources: ['issues'],
    effect: 'change',
    observe: refusal('POST /v2/object-storage', { body: { cluster_id: 2, tier_id: 999_999 } }),
  },
];
