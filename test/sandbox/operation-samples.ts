/** What the operations test sends: sample values by field name, further fields by operation, and how ids come to be. */

const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const OWNER = '7d2e6c1a-9b3f-4f5e-8a7d-0c1b2a3d4e5f';

/** Values for required fields of that name. */
export const SAMPLES: Record<string, unknown> = {
  region: 'ewr',
  plan: 'vc2-1c-1gb',
  size_gb: 40,
  node_quantity: 2,
  instance_id: RUNNING,
  url: 'https://example.com/images/disk.iso',
  script: 'aGk=',
  ip_type: 'v4',
  protocol: 'tcp',
  subnet: '192.0.2.0',
  subnet_size: 24,
  domain: 'example.com',
  ip_address: '192.0.2.123',
  type: 'A',
  data: '192.0.2.1',
  name: 'sample',
  dns_sec: 'enabled',
  version: 'v1.34.7+1',
  upgrade_version: 'v1.36.1+3',
  cluster_id: 2,
  tier_id: 2,
  storage_size: { gb: 10 },
  database_engine: 'pg',
  database_engine_version: '16',
  period: 'day',
  user_id: OWNER,
  policy_document: {
    Version: '2024-01-01',
    Statement: [{ Effect: 'Allow', Action: ['*'], Resource: ['*'] }],
  },
  permissions: { api_enabled: true },
  issuer: { source: 'external', uri: 'https://issuer.example.com' },
  ip: '192.0.2.123',
  nodes: [RUNNING],
  firewall_rules: [{ port: 80, source: '0.0.0.0/0', ip_type: 'v4' }],
  network_config: [{ primary: { ipv4_public_enabled: true } }],
  export_config: [{ label: 'a', pseudo_root_path: '/a' }],
};

type Values = Record<string, string>;
const at = (name: string) => (values: Values) => values[name];
const listOf = (name: string) => (values: Values) => [values[name]];
const RUNNING_ONLY = { instance_ids: [RUNNING] };
const METAL_ONLY = { baremetal_ids: listOf('baremetal_id') };
const DATABASE_PLAN = { plan: 'vultr-dbaas-startup-cc-1-55-2' };
const MAIN_IP = { ip: '192.0.2.123' };
const METAL_IP = { ip: at('ip') };
const IPV6 = { ip: '2001:db8::1' };
const NAT_FIREWALL_RULE = { protocol: 'tcp', port: '443', subnet: '192.0.2.0', subnet_size: 24 };
const NAT_PORT_FORWARDING_RULE = {
  name: 'web',
  internal_ip: '10.1.96.5',
  protocol: 'tcp',
  external_port: 443,
  internal_port: 443,
  enabled: true,
};
const SCIM_PATCH = { Operations: [{ op: 'replace', path: 'displayName', value: 'renamed' }] };
const IN_VPC = { vpc_id: at('vpc_id') };

/** Fields beside or instead of the required ones, by operation; functions see the ids at hand. */
export const EXTRA_FIELDS: Record<string, Record<string, unknown>> = {
  'create-instance': { os_id: 2136 },
  'update-instance': { plan: 'vc2-2c-4gb', backups: 'enabled' },
  'halt-instances': RUNNING_ONLY,
  'reboot-instances': RUNNING_ONLY,
  'start-instances': RUNNING_ONLY,
  'create-instance-backup-schedule': { type: 'daily' },
  'restore-instance': { backup_id: '4b9c2f5e-1d0a-4c3b-8e7f-6a5b4c3d2e1f' },
  'attach-instance-iso': { iso_id: at('iso_id') },
  'create-instance-reverse-ipv4': MAIN_IP,
  'create-instance-reverse-ipv6': IPV6,
  'attach-instance-vpc': IN_VPC,
  'detach-instance-vpc': IN_VPC,
  'attach-instance-vpc2': IN_VPC,
  'detach-instance-vpc2': IN_VPC,
  'attach-instance-network': { network_id: at('network_id') },
  'detach-instance-network': { network_id: at('network_id') },
  'create-baremetal': { plan: 'vbm-4c-32gb', os_id: 2136 },
  'halt-baremetals': METAL_ONLY,
  'reboot-bare-metals': METAL_ONLY,
  'start-bare-metals': METAL_ONLY,
  'create-baremetal-reverse-ipv4': METAL_IP,
  'post-baremetal-instance-id-ipv4-reverse-default': METAL_IP,
  'create-baremetal-reverse-ipv6': IPV6,
  'attach-baremetals-vpc2': IN_VPC,
  'detach-baremetal-vpc2': IN_VPC,
  'attach-baremetals-vpcs': IN_VPC,
  'detach-baremetal-vpcs': IN_VPC,
  'update-block': { label: 'renamed' },
  'create-block-snapshot': { block_id: at('block_id') },
  'create-registry': { plan: 'start_up' },
  'create-kubernetes-cluster': { node_pools: [{ node_quantity: 2, label: 'pool', plan: 'vc2-1c-2gb' }] },
  'create-load-balancer': { region: 'ewr' },
  'create-load-balancer-reverse-dns-ipv4': { v4: 'lb.example.com' },
  'create-load-balancer-reverse-dns-ipv6': { v6: [{ ip: '2001:db8::1', domain: 'lb.example.com' }] },
  'create-cluster': { plan: 'vc2-1c-1gb' },
  'mass-update-cluster-instances': { action: 'attach', instances: [RUNNING] },
  'create-account-bgp-prefixes': { prefixes: ['192.0.2.0/24'] },
  'create-account-bgp-setup': { requested_routes: 'full' },
  'update-instance-template': { label: 'renamed' },
  'create-kubernetes-cluster-application': { id: '6f1d0c9e-2b7a-4c55-9a38-0e4f7d1b6a21' },
  'create-object-storage-bucket': { name: 'sample' },
  'set-object-storage-bucket-lifecycle': { archive_rules: [{ ID: 'old', Status: 'Enabled' }] },
  'create-nodepool-label': { key: 'tier', value: 'front' },
  'create-nodepool-taint': { key: 'tier', value: 'front', effect: 'NoSchedule' },
  'create-vpc-nat-gateway-firewall-rule': NAT_FIREWALL_RULE,
  'create-vpc-nat-gateway-port-forwarding-rule': NAT_PORT_FORWARDING_RULE,
  'create-replication': { region: 'fra' },
  'create-database': DATABASE_PLAN,
  'database-fork': DATABASE_PLAN,
  'start-version-upgrade': { version: '17' },
  'create-organization-role-trust': {
    role_id: at('role_id'),
    trust_type: 'IAMAssumption',
    trusted_user_id: OWNER,
  },
  'create-organization-role-session': { role_id: at('role_id') },
  'create-organization-group': { display_name: 'sample' },
  'create-organization-role': { name: 'sample' },
  'create-organization-policy': { name: 'sample', policy_document: SAMPLES['policy_document'] },
  'create-organization-invitation': { email_invited: 'a@example.com' },
  'add-organization-group-member': { user_id: OWNER },
  'attach-organization-role-policy-deprecated': { policy_id: at('policy_id') },
  'aws-sts-assume-role': {
    Action: 'AssumeRole',
    RoleArn: ({ role_id: role }: Values) => `arn:vultr:iam::sample:role/${role}`,
    RoleSessionName: 'sample',
  },
  'create-oidc-issuer': { issuer: SAMPLES['issuer'] },
  'create-oidc-provider': { name: 'sample' },
  'create-oidc-provider-token': { grant_type: 'sample', subject_token: 'sample' },
  'create-audit-log': { cluster_id: 2 },
  'create-reply': { description: 'sample', attachments: [{ file: 'aGk=', filename: 'a.txt' }] },
  'create-marketplace-app-readme-image': { image_b64: 'aGk=' },
  'create-marketplace-app-icon': { b64_image: 'aGk=', theme: 'dark_mode' },
  'create-marketplace-app-gallery-image': { b64_image: 'aGk=' },
  'update-marketplace-app-gallery-image': { set_as_main: true },
  'update-marketplace-app-visibility': { public: true },
  'scim-create-group': { displayName: 'sample' },
  'scim-update-group': { displayName: 'renamed' },
  'scim-patch-group': SCIM_PATCH,
  'scim-create-user': { userName: 'a@example.com' },
  'scim-patch-user': SCIM_PATCH,
  'create-oidc-token': { client_id: at('client_id'), client_secret: at('client_secret') },
};

/** Keys of answers that some source documents, but another place than the one Vultr was seen to use. */
export const UNSEEN_KEYS: Record<string, string[]> = {
  'available-services': ['databases'],
  'create-block-snapshot': ['block', 'snapshot'],
  'get-block-snapshot': ['snapshot'],
};

/**
 * What has to be done before any operation whose path begins with the prefix, and the value that is its key then, instead
 * of the account's.
 */
export const KEYS: Record<string, { before: Before[]; key: string }> = {
  '/scim/': {
    before: [
      ['create-organization', { organization_id: 'id' }],
      ['enable-organization-scim'],
      ['rotate-organization-scim-token', { scim_token: 'scim.scim_token' }],
    ],
    key: 'scim_token',
  },
};

/** Queries that an operation cannot do without. */
export const QUERIES: Record<string, string> = {
  'list-logs': '?start_time=2026-01-01T00:00:00Z',
  'get-user-ip-whitelist-entry': '?subnet=192.0.2.0&subnet_size=24',
  'authorize-oidc': '?client_id=a&response_type=code&redirect_uri=https%3A%2F%2Fclient.example.com%2Fback',
};

/** An operation, and the path of keys to the wanted value in its answer. */
export type Step = [operation: string, at: string];

/**
 * Where the value of a path parameter comes from: a fixed one (text), or the answer of an operation. By the name of the
 * parameter, or by the path up to it where the same name means different things.
 */
export const PARENTS: Record<string, string | Step> = {
  apikey_id: ['create-api-key', 'api_key.id'],
  '/v2/users/{user_id}/apikeys/{apikey_id}': ['list-user-api-keys', 'api_keys.0.id'],
  backup_id: '4b9c2f5e-1d0a-4c3b-8e7f-6a5b4c3d2e1f',
  baremetal_id: ['create-baremetal', 'bare_metal.id'],
  ipv6: '2001:db8::1',
  ipv4: ['create-instance-ipv4', 'ipv4.ip'],
  invoice_id: '123456',
  block_id: ['create-block', 'block.id'],
  block_snapshot_id: ['create-block-snapshot', 'id'],
  pullzone_id: ['create-pullzone', 'pull_zone.id'],
  pushzone_id: ['create-pushzone', 'push_zone.id'],
  file_name: 'sample',
  registry_id: ['create-registry', 'id'],
  region: ['create-replication', 'region'],
  repository_image: 'hello-world',
  artifact_digest: ['list-registry-repository-artifacts', 'artifacts.0.digest'],
  retention_rule_id: ['create-retention-rule', 'id'],
  robot_name: 'ci',
  database_id: ['create-database', 'database.id'],
  connector_class: 'io.aiven.kafka.connect.http.HttpSinkConnector',
  pool_name: ['create-connection-pool', 'connection_pool.name'],
  connector_name: ['create-database-connector', 'connector.name'],
  task_id: '0',
  db_name: ['create-database-db', 'db.name'],
  client_id: ['create-database-quota', 'quota.client_id'],
  '/v2/databases/{database_id}/quotas/{client_id}/{username}': 'sample',
  topic_name: ['create-database-topic', 'topic.name'],
  username: ['create-database-user', 'user.username'],
  dns_domain: ['create-dns-domain', 'domain.domain'],
  record_id: ['create-dns-domain-record', 'record.id'],
  firewall_group_id: ['create-firewall-group', 'firewall_group.id'],
  '/v2/firewalls/{firewall_group_id}/rules/{firewall_rule_id}': [
    'post-firewalls-firewall-group-id-rules',
    'firewall_rule.id',
  ],
  inference_id: ['create-inference', 'subscription.id'],
  job_id: ['update-instance', 'job_ids.0'],
  instance_id: RUNNING,
  iso_id: ['create-iso', 'iso.id'],
  vke_id: ['create-kubernetes-cluster', 'vke_cluster.id'],
  nodepool_id: ['create-nodepools', 'node_pool.id'],
  label_id: ['create-nodepool-label', 'label.id'],
  node_id: ['list-nodepool-nodes', 'worker_nodes.0.id'],
  taint_id: ['create-nodepool-taint', 'taint.id'],
  load_balancer_id: ['create-load-balancer', 'load_balancer.id'],
  '/v2/load-balancers/{load_balancer_id}/firewall-rules/{firewall_rule_id}': [
    'list-loadbalancer-firewall-rules',
    'firewall_rules.0.id',
  ],
  forwarding_rule_id: ['create-load-balancer-forwarding-rules', 'forwarding_rule.id'],
  image_id: 'openlitespeed-rails',
  action: 'attach',
  app_deployment_id: ['create-kubernetes-cluster-application', 'app_deployment.id'],
  '/v2/clusters/{cluster_id}': ['create-cluster', 'cluster.id'],
  plan_id: 'vc2-1c-1gb',
  instance_template_id: ['create-instance-template', 'instance_template.id'],
  cluster_id: '2',
  object_storage_id: ['create-object-storage', 'object_storage.id'],
  bucket_name: 'sample',
  oidc_token_id: ['create-oidc-token', 'token.id'],
  oidc_issuer_id: ['create-oidc-issuer', 'issuer.id'],
  oidc_provider_id: ['create-oidc-provider', 'provider.id'],
  user_id: OWNER,
  session_token: ['create-organization-role-session', 'session_token'],
  group_id: ['create-organization-group', 'id'],
  invitation_id: ['create-organization-invitation', 'id'],
  organization_id: ['create-organization', 'id'],
  policy_id: ['create-organization-policy', 'id'],
  scim_group_id: ['scim-create-group', 'id'],
  scim_user_id: ['scim-create-user', 'id'],
  oauth_client_id: ['list-oauth-clients', 'oauth_clients.0.id'],
  ticket_reference: ['create-ticket', 'ticket.0.reference'],
  // The first reply is the ticket's own text, the second one support's.
  ticket_reply_index: '1',
  ticket_attachment_index: '0',
  audit_log_id: ['create-audit-log', 'id'],
  app_id: ['list-marketplace-apps', 'apps.0.id'],
  build_id: ['list-marketplace-app-builds', 'marketplace_app_builds.0.id'],
  gallery_image_id: ['create-marketplace-app-gallery-image', 'id'],
  variable_id: ['list-marketplace-app-manage-variable', 'app_variables.0.id'],
  role_trust_id: ['create-organization-role-trust', 'id'],
  role_id: ['create-organization-role', 'id'],
  network_id: ['create-network', 'network.id'],
  region_id: 'ams',
  reserved_ip: ['create-reserved-ip', 'reserved_ip.id'],
  snapshot_id: ['create-snapshot', 'snapshot.id'],
  ssh_key_id: ['create-ssh-key', 'ssh_key.id'],
  startup_id: ['create-startup-script', 'startup_script.id'],
  storage_gateway_id: ['create-storage-gateway', 'storage_gateway.id'],
  export_id: ['get-storage-gateway', 'storage_gateway.export_config.0.id'],
  vfs_id: ['create-vfs', 'id'],
  target_id: RUNNING,
  '/v2/vpc2/{vpc_id}': ['create-vpc2', 'vpc.id'],
  vpc_id: ['create-vpc', 'vpc.id'],
  nat_gateway_id: ['create-vpc-nat-gateway', 'nat_gateway.id'],
  '/v2/vpcs/{vpc_id}/nat-gateway/{nat_gateway_id}/global/firewall-rules/{firewall_rule_id}': [
    'create-vpc-nat-gateway-firewall-rule',
    'firewall_rule.id',
  ],
  port_forwarding_rule_id: ['create-vpc-nat-gateway-port-forwarding-rule', 'port_forwarding_rule.id'],
};

/** An operation, and under which names values of its answer are kept: by name, the path of keys to it. */
export type Before = [operation: string, keep?: Record<string, string>];
const NEW_METAL: Before = ['create-baremetal', { baremetal_id: 'bare_metal.id' }];
const METAL_ADDRESS: Before = ['get-ipv4-baremetal', { ip: 'ipv4s.0.ip' }];
const NEW_VPC: Before = ['create-vpc', { vpc_id: 'vpc.id' }];
const NEW_VPC2: Before = ['create-vpc2', { vpc_id: 'vpc.id' }];
const NEW_NETWORK: Before = ['create-network', { network_id: 'network.id' }];
const NEW_BLOCK: Before = ['create-block', { block_id: 'block.id' }];
const NEW_ROLE: Before = ['create-organization-role', { role_id: 'id' }];
const PROVIDER = { client_id: 'provider.client_id', client_secret: 'provider.client_secret' };

/** What has to be there before an operation can succeed, and which values of the answers its fields need. */
export const BEFORE: Record<string, Before[]> = {
  'halt-baremetals': [NEW_METAL],
  'reboot-bare-metals': [NEW_METAL],
  'start-bare-metals': [NEW_METAL],
  'create-baremetal-reverse-ipv4': [METAL_ADDRESS],
  'post-baremetal-instance-id-ipv4-reverse-default': [METAL_ADDRESS],
  'delete-baremetal-reverse-ipv6': [['create-baremetal-reverse-ipv6']],
  'attach-baremetals-vpcs': [NEW_VPC],
  'detach-baremetal-vpcs': [['attach-baremetals-vpcs']],
  'attach-baremetals-vpc2': [NEW_VPC2],
  'detach-baremetal-vpc2': [['attach-baremetals-vpc2']],
  'detach-block': [['attach-block']],
  'create-block-snapshot': [NEW_BLOCK],
  'get-pushzone-file': [['create-pushzone-upload']],
  'delete-pushzone-file': [['create-pushzone-upload']],
  'database-detach-migration': [['database-start-migration']],
  'database-promote-read-replica': [['database-add-read-replica', { database_id: 'database.id' }]],
  'create-instance-backup-schedule': [['update-instance']],
  'delete-instance-reverse-ipv6': [['create-instance-reverse-ipv6']],
  'attach-instance-iso': [['create-iso', { iso_id: 'iso.id' }]],
  'detach-instance-iso': [['attach-instance-iso']],
  'attach-instance-vpc': [NEW_VPC],
  'detach-instance-vpc': [['attach-instance-vpc']],
  'attach-instance-vpc2': [NEW_VPC2],
  'detach-instance-vpc2': [['attach-instance-vpc2']],
  'attach-instance-network': [NEW_NETWORK],
  'detach-instance-network': [['attach-instance-network']],
  'list-loadbalancer-firewall-rules': [['create-loadbalancer-firewall-rules']],
  'delete-object-storage-bucket': [['create-object-storage-bucket']],
  'set-object-storage-bucket-archival': [['create-object-storage-bucket']],
  'set-object-storage-bucket-lifecycle': [['create-object-storage-bucket']],
  'delete-object-storage-bucket-lifecycle-policy': [['create-object-storage-bucket']],
  'aws-sts-assume-role': [NEW_ROLE],
  'attach-organization-role-policy-deprecated': [['create-organization-policy', { policy_id: 'id' }]],
  'get-organization-group-member': [['add-organization-group-member']],
  'restore-organization-group-member': [['remove-organization-group-member']],
  'get-ticket-reply-attachment': [
    ['create-reply'],
    ['list-ticket-replies', { ticket_reply_index: 'replies.2.index' }],
  ],
  'create-oidc-token': [['create-oidc-provider', PROVIDER]],
  'create-organization-role-session': [NEW_ROLE],
  'create-organization-role-trust': [NEW_ROLE],
  'remove-organization-group-member': [['add-organization-group-member']],
  'detach-organization-policy-group': [['attach-organization-policy-group']],
  'detach-organization-policy-user': [['attach-organization-policy-user']],
  'detach-organization-role-group': [['attach-organization-role-group']],
  'detach-organization-role-policy': [['attach-organization-role-policy']],
  'detach-organization-role-user': [['attach-organization-role-user']],
  'detach-reserved-ip': [['attach-reserved-ip']],
  'list-user-api-keys': [['create-user-api-key']],
  'get-user-ip-whitelist-entry': [['add-user-ip-whitelist']],
  'remove-user-ip-whitelist': [['add-user-ip-whitelist']],
  'get-vfs-attachment': [['create-vfs-attachment']],
  'delete-vfs-attachment': [['create-vfs-attachment']],
  'detach-vpc2-nodes': [['attach-vpc2-nodes']],
};
