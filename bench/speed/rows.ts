import type { Question } from './load.ts';

/** A line of the table: what is asked of the service, and of the peer that it is compared with. */
export interface Row {
  readonly name: string;
  /** What is measured, by the name of its process: the service, but for the lines that say what could be reached. */
  readonly subject: ServiceName | PeerName;
  readonly peer: PeerName | ServiceName;
  readonly question: Question;
  /** The part of the peer's rate that is to be reached; undefined: the line says what a service could reach. */
  readonly goal?: number;
  /** One caller at a time, whose latency counts. */
  readonly isAlone?: boolean;
}

/** The service as it is served: `default` with every default, the others without a cache, with the budget off or on. */
export type ServiceName = 'default' | 'direct' | 'budget';

/** The peers; `go` is left out where Go is not installed. Those with duties are in `duties.ts`. */
export type PeerName =
  | 'node-http'
  | 'node-http-duties'
  | 'undici'
  | 'undici-duties'
  | 'grpc-js'
  | 'grpc-js-struct'
  | 'go';

/** Whether a process is the service. */
export function isService(name: ServiceName | PeerName): name is ServiceName {
  return name === 'default' || name === 'direct' || name === 'budget';
}

/** More keys than there are callers, so that no two calls at a time share one request. */
const key = (count: number) => ({ authorization: `Bearer key-of-a-caller-${count % 64}` });
const listPlans: Question = { protocol: 'grpc', path: () => '/vultr.cloud.v1.CloudService/ListPlans' };
const listInstances: Question = {
  protocol: 'grpc',
  path: () => '/vultr.v2.InstancesService/ListInstances',
  headers: key,
};
const getInstances: Question = {
  protocol: 'http',
  path: () => '/v2/instances',
  headers: key,
};
const gzip = () => ({ 'accept-encoding': 'gzip' });
const API = '/api/instance-types';
const V2 = '/v2/plans?per_page=100';

/** The lines of the table. */
export const ROWS: readonly Row[] = [
  {
    name: 'cached ListPlans, gRPC, 47 KB',
    subject: 'default',
    peer: 'grpc-js',
    question: listPlans,
    goal: 0.9,
  },
  {
    name: 'cached /api/instance-types, HTTP',
    subject: 'default',
    peer: 'node-http',
    question: { protocol: 'http', path: () => API },
    goal: 0.8,
  },
  {
    name: 'cached /v2/plans, HTTP, 37 KB',
    subject: 'default',
    peer: 'node-http',
    question: { protocol: 'http', path: () => V2 },
    goal: 0.8,
  },
  {
    name: 'cached /v2/plans, HTTP, gzip',
    subject: 'default',
    peer: 'node-http',
    question: { protocol: 'http', path: () => V2, headers: gzip },
    goal: 0.8,
  },
  {
    name: 'uncached GET /v2/instances, HTTP, 1.2 KB',
    subject: 'direct',
    peer: 'undici',
    question: getInstances,
    goal: 0.7,
  },
  {
    name: 'uncached ListInstances, gRPC, 1.2 KB',
    subject: 'direct',
    peer: 'grpc-js-struct',
    question: listInstances,
    goal: 0.8,
  },
  { name: 'the same beside Go', subject: 'direct', peer: 'go', question: listInstances, goal: 1 },
  {
    name: 'budget on at a rate never reached, HTTP',
    subject: 'budget',
    peer: 'direct',
    question: getInstances,
    goal: 0.9,
  },
  {
    name: 'uncached ListPlans as JSON beside grpc-gateway',
    subject: 'direct',
    peer: 'go',
    // Public, so it is the query that keeps calls from being one.
    question: { protocol: 'http', path: (count) => `${API}?cursor=${count}` },
    goal: 12,
  },
  {
    name: 'one caller, uncached GET /v2/instances',
    subject: 'direct',
    peer: 'undici',
    question: getInstances,
    goal: 0.7,
    isAlone: true,
  },
  {
    name: 'duties alone, cached /v2/plans, HTTP',
    subject: 'node-http-duties',
    peer: 'node-http',
    question: { protocol: 'http', path: () => V2 },
  },
  {
    name: 'duties alone, uncached GET /v2/instances, HTTP',
    subject: 'undici-duties',
    peer: 'undici',
    question: getInstances,
  },
];
