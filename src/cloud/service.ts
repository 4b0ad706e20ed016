import type { MaybeSoon } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import {
  CreateInstanceRequest,
  GetInstanceRequest,
  HaltInstanceRequest,
  ListImagesRequest,
  ListInstancesRequest,
  ListPlansRequest,
  ListRegionsRequest,
  RebootInstanceRequest,
  StartInstanceRequest,
  TerminateInstanceRequest,
  WatchInstanceRequest,
} from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { Call, Handler, Reply } from '../rpc/call.ts';
import { toTyped } from '../rpc/typed.ts';
import type { Vultr } from '../vultr/vultr.ts';
import type { Watches } from '../watch/watches.ts';
import { createCatalogue } from './catalogue.ts';
import { createCatalogueReader } from './catalogue-reader.ts';
import { createInstances } from './instances.ts';
import { createAsk, findUpstream } from './upstream.ts';
import { createWatch } from './watch.ts';

/** What CloudService needs. */
export interface CloudOptions {
  readonly vultr: Vultr;
  /** The contract's operations, by full name: CloudService stands on those of vultr.v2. */
  readonly operations: ReadonlyMap<string, Operation>;
  readonly watches: Watches;
}

/**
 * The handlers of CloudService, by the full names of the operations.
 * @throws Error when an operation that it stands on is not in the contract
 */
export function createCloudService({
  vultr,
  operations,
  watches,
}: CloudOptions): ReadonlyMap<string, Handler> {
  const ask = createAsk(vultr, operations);
  const reader = createCatalogueReader(ask);
  const catalogue = createCatalogue(reader);
  const instances = createInstances(ask, reader);
  const watchInstance = createWatch(watches, findUpstream(operations, 'getInstance'));
  const handlers: Record<string, Handler> = {
    ListRegions: unary(ListRegionsRequest, catalogue.listRegions),
    ListImages: unary(ListImagesRequest, catalogue.listImages),
    ListPlans: unary(ListPlansRequest, catalogue.listPlans),
    CreateInstance: unary(CreateInstanceRequest, instances.createInstance),
    ListInstances: unary(ListInstancesRequest, instances.listInstances),
    GetInstance: unary(GetInstanceRequest, instances.getInstance),
    StartInstance: unary(StartInstanceRequest, instances.act('startInstance')),
    HaltInstance: unary(HaltInstanceRequest, instances.act('haltInstance')),
    RebootInstance: unary(RebootInstanceRequest, instances.act('rebootInstance')),
    TerminateInstance: unary(TerminateInstanceRequest, instances.terminateInstance),
    WatchInstance: {
      kind: 'server_streaming',
      handle: (call) => watchInstance(toTyped(WatchInstanceRequest, call.request), call),
    },
  };
  return new Map(
    Object.entries(handlers).map(([rpc, handler]) => [`vultr.cloud.v1.CloudService/${rpc}`, handler]),
  );
}

/** A unary handler that is given its request in the type that its rpc declares. */
function unary<T>(
  type: { fromPartial(partial: never): T },
  handle: (request: T, call: Call) => MaybeSoon<Reply>,
): Handler {
  return { kind: 'unary', handle: (call) => handle(toTyped(type, call.request), call) };
}
