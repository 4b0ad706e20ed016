import type { Call, Handler, Reply } from '../rpc/call.ts';
import { toTyped } from '../rpc/typed.ts';
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
import type { Ask } from '../vultr/ask.ts';
import type { Send } from '../vultr/request.ts';
import { createCatalogue } from './catalogue.ts';
import { createCatalogueReader } from './catalogue-reader.ts';
import { createInstances } from './instances.ts';
import { createRecentCreations } from './recent-creations.ts';
import { createWatch } from './watch.ts';

/** What CloudService needs. */
export interface CloudOptions {
  readonly send: Send;
  /** How Vultr is asked to create something. */
  readonly ask: Ask;
  /** The time between two looks at a watched instance. */
  readonly watchIntervalMs: number;
}

/** The handlers of CloudService, by the full names of the operations. */
export function createCloudService({
  send,
  ask,
  watchIntervalMs,
}: CloudOptions): ReadonlyMap<string, Handler> {
  const recent = createRecentCreations();
  const reader = createCatalogueReader(send);
  const catalogue = createCatalogue(reader);
  const instances = createInstances(send, ask, reader, recent);
  const watchInstance = createWatch({ send, recent, intervalMs: watchIntervalMs });
  const handlers: Record<string, Handler> = {
    ListRegions: unary(ListRegionsRequest, catalogue.listRegions),
    ListImages: unary(ListImagesRequest, catalogue.listImages),
    ListPlans: unary(ListPlansRequest, catalogue.listPlans),
    CreateInstance: unary(CreateInstanceRequest, instances.createInstance),
    ListInstances: unary(ListInstancesRequest, instances.listInstances),
    GetInstance: unary(GetInstanceRequest, instances.getInstance),
    StartInstance: unary(StartInstanceRequest, instances.act('start')),
    HaltInstance: unary(HaltInstanceRequest, instances.act('halt')),
    RebootInstance: unary(RebootInstanceRequest, instances.act('reboot')),
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
  handle: (request: T, call: Call) => Promise<Reply>,
): Handler {
  return { kind: 'unary', handle: async (call) => handle(toTyped(type, call.request), call) };
}
