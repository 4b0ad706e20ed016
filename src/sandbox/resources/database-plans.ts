import type { JsonObject } from '../engine/json.ts';

/** Template of one database. */
export const DATABASE = '/v2/databases/{database_id}';

/** The engines and the port each listens on. */
export const ENGINE_PORTS: Record<string, string> = {
  mysql: '16751',
  pg: '16751',
  valkey: '16752',
  redis: '16752',
  kafka: '16756',
};

/** The versions of each engine that a new database can have. */
export const ENGINE_VERSIONS: Record<string, string[]> = {
  kafka: ['3.8', '3.9', '4.0', '4.1'],
  mysql: ['8'],
  pg: ['14', '15', '16', '17', '18'],
  valkey: ['8.1'],
};

const PLANS: [
  id: string,
  nodes: number,
  vcpus: number,
  ramMb: number,
  diskGb: number,
  monthlyCost: number,
][] = [
  ['vultr-dbaas-hobbyist-cc-1-25-1', 1, 1, 1024, 25, 15],
  ['vultr-dbaas-hobbyist-cc-1-55-2', 1, 1, 2048, 55, 30],
  ['vultr-dbaas-startup-cc-1-55-2', 2, 1, 2048, 55, 60],
  ['vultr-dbaas-business-cc-2-80-4', 3, 2, 4096, 80, 180],
  ['vultr-dbaas-startup-occ-mo-2-26-16', 2, 2, 16384, 260, 240],
];

/** A few database plans. The full list is not known. */
export const databasePlans: readonly JsonObject[] = PLANS.map(
  ([id, nodes, vcpus, ramMb, diskGb, monthlyCost]) => ({
    id,
    number_of_nodes: nodes,
    type: id.includes('-occ-') ? 'occ_mo' : 'cc',
    vcpu_count: vcpus,
    ram: ramMb,
    disk: diskGb,
    monthly_cost: monthlyCost,
    supported_engines: { mysql: true, pg: true, valkey: true, kafka: nodes === 3 },
    max_connections: { mysql: 75 * nodes, pg: 22 * nodes },
    locations: ['ewr', 'ord', 'lax', 'ams', 'fra', 'lhr', 'nrt', 'sgp', 'syd'],
  }),
);

/** The database plan of that id, or undefined. */
export const findDatabasePlan = (id: unknown): JsonObject | undefined =>
  databasePlans.find((plan) => plan['id'] === id);
