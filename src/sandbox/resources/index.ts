import type { Resource } from '../engine/api.ts';
import { account } from './account.ts';
import { addresses } from './addresses.ts';
import { auditLogs } from './audit-logs.ts';
import { bareMetals } from './bare-metals.ts';
import { bgp } from './bgp.ts';
import { blocks } from './blocks.ts';
import { catalogue } from './catalogue.ts';
import { cdn } from './cdn.ts';
import { clusters } from './clusters.ts';
import { databases } from './databases.ts';
import { dns } from './dns.ts';
import { images } from './images.ts';
import { inferences } from './inference.ts';
import { instanceTemplates } from './instance-templates.ts';
import { instances } from './instances.ts';
import { kubernetes } from './kubernetes.ts';
import { kubernetesApplications } from './kubernetes-applications.ts';
import { loadBalancers } from './load-balancers.ts';
import { marketplace } from './marketplace.ts';
import { oauth } from './oauth.ts';
import { oidc } from './oidc.ts';
import { organizations } from './organizations.ts';
import { registries } from './registries.ts';
import { roleSessions } from './role-sessions.ts';
import { scim } from './scim.ts';
import { storage } from './storage.ts';
import { tickets } from './tickets.ts';
import { users } from './users.ts';
import { vpcs } from './vpcs.ts';

/** Every resource group of the imitated API: all 569 operations. */
export const resources: readonly Resource[] = [
  account,
  addresses,
  auditLogs,
  bareMetals,
  bgp,
  blocks,
  catalogue,
  cdn,
  clusters,
  databases,
  dns,
  images,
  inferences,
  instanceTemplates,
  instances,
  kubernetes,
  kubernetesApplications,
  loadBalancers,
  marketplace,
  oauth,
  oidc,
  organizations,
  registries,
  roleSessions,
  scim,
  storage,
  tickets,
  users,
  vpcs,
];
