import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { isCreation, readMarkings } from '../../src/idempotency/marks.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const operations = [...contract.operations.values()];

test('every creation is known, with what can carry its mark', () => {
  const markings = readMarkings(operations);
  const lines = operations.filter(isCreation).map(({ name }) => {
    const fields = markings.get(name)?.fields.map((field) => `${field.name}${field.filter ? '?' : ''}`);
    return [name.replace('vultr.v2.', ''), ...(fields ?? ['-'])].join(' ');
  });
  expect(lines).toMatchInlineSnapshot(`
    [
      "vultr.cloud.v1.CloudService/CreateInstance -",
      "ApiKeysService/CreateApiKey -",
      "BareMetalsService/CreateBaremetal tags label",
      "BlockStorageService/CreateBlock label",
      "BlockStorageService/CreateBlockSnapshot description",
      "CdnService/CreatePullzone -",
      "CdnService/CreatePushzone -",
      "CdnService/CreatePushzoneUpload -",
      "ContainerRegistryService/CreateRegistry -",
      "ContainerRegistryService/CreateReplication -",
      "ContainerRegistryService/CreateRetentionRule -",
      "DatabasesService/CreateDatabase -",
      "DatabasesService/CreateConnectionPool -",
      "DatabasesService/CreateDatabaseConnector -",
      "DatabasesService/CreateDatabaseDb -",
      "DatabasesService/DatabaseFork -",
      "DatabasesService/CreateDatabaseQuota -",
      "DatabasesService/DatabaseAddReadReplica -",
      "DatabasesService/DatabaseRestoreFromBackup -",
      "DatabasesService/CreateDatabaseTopic -",
      "DatabasesService/CreateDatabaseUser -",
      "DnsService/CreateDnsDomain -",
      "DnsService/CreateDnsDomainRecord -",
      "FirewallService/CreateFirewallGroup description",
      "FirewallService/PostFirewallsFirewallGroupIdRules -",
      "InferenceService/CreateInference -",
      "InstancesService/CreateInstance tags? label?",
      "InstancesService/CreateInstanceIpv4 -",
      "IsoService/CreateIso -",
      "KubernetesService/CreateKubernetesCluster label",
      "KubernetesService/CreateNodepools -",
      "KubernetesService/CreateNodepoolLabel -",
      "KubernetesService/CreateNodepoolTaint -",
      "LoadBalancersService/CreateLoadBalancer label",
      "LoadBalancersService/CreateLoadbalancerFirewallRules -",
      "LoadBalancersService/CreateLoadBalancerForwardingRules -",
      "ObjectStorageService/CreateObjectStorage label",
      "ObjectStorageService/CreateObjectStorageBucket -",
      "OidcService/CreateOidcIssuer -",
      "OidcService/CreateOidcToken -",
      "OidcService/CreateOidcProvider -",
      "OrganizationsService/CreateOrganizationRoleSession -",
      "OrganizationsService/CreateOrganizationGroup -",
      "OrganizationsService/AddOrganizationGroupMember -",
      "OrganizationsService/CreateOrganizationInvitation -",
      "OrganizationsService/CreateOrganization -",
      "OrganizationsService/CreateOrganizationPolicy -",
      "OrganizationsService/CreateOrganizationRoleTrust -",
      "OrganizationsService/CreateOrganizationRole -",
      "PrivateNetworksService/CreateNetwork description",
      "ReservedIpsService/CreateReservedIp label",
      "ReservedIpsService/ConvertReservedIp -",
      "SnapshotsService/CreateSnapshot description?",
      "SnapshotsService/CreateSnapshotCreateFromUrl -",
      "SshKeysService/CreateSshKey -",
      "StartupScriptsService/CreateStartupScript -",
      "StorageGatewaysService/CreateStorageGateway -",
      "StorageGatewaysService/AddStorageGatewayExport -",
      "SubaccountsService/CreateSubaccount -",
      "UsersService/CreateUser -",
      "UsersService/CreateUserApiKey -",
      "UsersService/AddUserIpWhitelist -",
      "VfsService/CreateVfs tags",
      "Vpc2Service/CreateVpc2 description",
      "VpcsService/CreateVpc description",
      "VpcsService/CreateVpcNatGateway label",
      "VpcsService/CreateVpcNatGatewayFirewallRule -",
      "VpcsService/CreateVpcNatGatewayPortForwardingRule description",
    ]
  `);
});
