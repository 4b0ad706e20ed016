import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { noContent, ok, routes, target } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';

const DEPLOYMENTS = '/v2/kubernetes/clusters/{vke_id}/applications';
const DEPLOYMENT = `${DEPLOYMENTS}/{app_deployment_id}`;

/** Applications for clusters, with the newest version of each. These are a few; the full list is not known. */
const APPLICATIONS: JsonObject[] = [
  ['6f1d0c9e-2b7a-4c55-9a38-0e4f7d1b6a21', 'cert-manager', 'Certificates for services', 'v1.16.2'],
  ['b83e5a47-91cd-4f02-8d6b-52c7f0e3a914', 'ingress-nginx', 'Ingress controller', 'v1.12.0'],
  ['0d94c7f2-6e1b-4a88-b5f3-c19a2e7d4083', 'prometheus', 'Metrics and alerts', 'v3.1.0'],
].map(([id = '', name = '', description = '', version = '']) => ({
  id,
  name,
  description,
  url: `https://apps.example.com/${name}`,
  icon_url: `https://apps.example.com/${name}.svg`,
  version,
  date_created: '2026-01-15T09:00:00+00:00',
  date_updated: '2026-03-02T14:30:00+00:00',
}));

const find = (id: unknown): JsonObject | undefined => APPLICATIONS.find((each) => each['id'] === id);

const deployment: Collection = {
  list: DEPLOYMENTS,
  item: DEPLOYMENT,
  many: 'app_deployments',
  one: 'app_deployment',
  missing: 'Invalid application deployment ID',
  meta: false,
  // The `id` in the body is that of the application, so the deployment does not take it over.
  accepts: 'timeout config',
  initial: (call) => {
    const application = find(call.body['id']);
    if (application === undefined) throw badRequest('Invalid application ID');
    return {
      app_id: application['id'] ?? '',
      app_name: application['name'] ?? '',
      version: application['version'] ?? '',
      status: 'pending',
      date_updated: call.world.clock.isoNow(),
    };
  },
  becomes: () => ({ status: 'active' }),
  remove: true,
};

/** Applications for Kubernetes clusters, and their deployments. */
export const kubernetesApplications: Resource = {
  collections: [deployment],
  routes: routes({
    'GET /v2/kubernetes/applications': () => ok({ apps: APPLICATIONS }),
    [`POST ${DEPLOYMENT}/upgrade`]: (call) => {
      const { store, clock, lag } = call.world;
      const deployed = target(call);
      if (deployed.fields['status'] !== 'active') throw badRequest('The deployment is not active yet.');
      const version = find(deployed.fields['app_id'])?.['version'] ?? '';
      Object.assign(deployed.fields, { status: 'pending', version, date_updated: clock.isoNow() });
      store.schedule(deployed, lag.provisionMs, { status: 'active' });
      return noContent;
    },
  }),
};
