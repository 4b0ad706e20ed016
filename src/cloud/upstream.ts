import { type MaybeSoon, whenThere } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import { createMessage, type Message } from '../transcoding/message.ts';
import { encodeRequest } from '../vultr/encode.ts';
import { badResponse } from '../vultr/errors.ts';
import type { VultrRequest, VultrResponse } from '../vultr/request.ts';
import type { CallOptions, Vultr } from '../vultr/vultr.ts';

/** The operations of Vultr that CloudService stands on, by the names that its handlers use. */
const OPERATIONS = {
  listRegions: 'vultr.v2.RegionsService/ListRegions',
  listAvailablePlans: 'vultr.v2.RegionsService/ListAvailablePlansRegion',
  listPlans: 'vultr.v2.PlansService/ListPlans',
  listMetalPlans: 'vultr.v2.PlansService/ListMetalPlans',
  listOs: 'vultr.v2.OperatingSystemsService/ListOs',
  listApplications: 'vultr.v2.ApplicationsService/ListApplications',
  getIso: 'vultr.v2.IsoService/IsoGet',
  getSnapshot: 'vultr.v2.SnapshotsService/GetSnapshot',
  createInstance: 'vultr.v2.InstancesService/CreateInstance',
  listInstances: 'vultr.v2.InstancesService/ListInstances',
  getInstance: 'vultr.v2.InstancesService/GetInstance',
  startInstance: 'vultr.v2.InstancesService/StartInstance',
  haltInstance: 'vultr.v2.InstancesService/HaltInstance',
  rebootInstance: 'vultr.v2.InstancesService/RebootInstance',
  deleteInstance: 'vultr.v2.InstancesService/DeleteInstance',
} as const;

/** An operation of Vultr that CloudService stands on. */
export type UpstreamName = keyof typeof OPERATIONS;

/**
 * Asks Vultr for an operation, on behalf of a call.
 * @param fields the fields of its request in vultr.v2; undefined values count as absent
 * @throws CallError whatever Vultr's failure maps to; INVALID_ARGUMENT for a field that cannot be sent; INTERNAL,
 *   BAD_UPSTREAM_RESPONSE, for a redirect, which none of these operations has
 */
export type AskVultr = (
  name: UpstreamName,
  fields: Readonly<Record<string, Message[string] | undefined>>,
  call: CallOptions,
) => MaybeSoon<VultrResponse>;

/**
 * Finds one of them in the contract.
 * @throws Error that names it when it is not there
 */
export function findUpstream(operations: ReadonlyMap<string, Operation>, name: UpstreamName): Operation {
  const operation = operations.get(OPERATIONS[name]);
  if (operation === undefined)
    throw new Error(`CloudService needs ${OPERATIONS[name]}, which is not in the contract.`);
  return operation;
}

/**
 * Finds the operations in the contract.
 * @throws Error that names one that is not there
 */
export function createAsk(vultr: Vultr, operations: ReadonlyMap<string, Operation>): AskVultr {
  const found = new Map(
    Object.keys(OPERATIONS).map((name) => [name, findUpstream(operations, name as UpstreamName)]),
  );
  return (name, fields, call) => {
    const operation = found.get(name);
    if (operation === undefined) throw new Error(`CloudService does not know the operation ${name}.`);
    const request = encodeRequest(operation, toMessage(fields));
    return whenThere(vultr.call(operation, request, call), (response) => {
      if (response.status >= 300) throw badResponse({ kind: kindOf(operation) }, 'is a redirect');
      return response;
    });
  };
}

function kindOf({ effect }: Operation): VultrRequest['kind'] {
  return effect === 'READ' || effect === 'SECRET' ? 'read' : 'change';
}

function toMessage(fields: Readonly<Record<string, Message[string] | undefined>>): Message {
  const message = createMessage();
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) message[name] = value;
  }
  return message;
}
