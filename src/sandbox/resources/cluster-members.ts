import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, param, type Route, routes, target } from '../engine/call.ts';
import { textsOf } from '../engine/checks.ts';
import { isObject, type JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import type { Member } from './cluster-machines.ts';

/** The actions that put machines into a cluster. The published samples use the second. */
const ATTACH = ['attach', 'add'];

/** Attaches machines to a cluster and detaches them, one at a time or several. */
export const membershipRoutes = (cluster: string): Route[] =>
  routes({
    [`POST ${cluster}`]: (call) => {
      const ids = textsOf(call.body['instances']);
      if (ids.length === 0) throw badRequest();
      return change(call, String(call.body['action'] ?? ''), ids);
    },
    [`POST ${cluster}/{action}/{instance_id}`]: (call) =>
      change(call, param(call, 'action'), [param(call, 'instance_id')]),
  });

/** The machines that a cluster shows: none before it is active, and none that have been deleted. */
export function membersShown(call: Call, fields: JsonObject): JsonObject[] {
  if (fields['status'] === 'pending') return [];
  return membersOf(fields).flatMap(({ id, is_head_node: isHeadNode }) => {
    const machine = machineOf(call, id);
    if (machine === undefined) return [];
    const { label = '', date_created = '', status = '' } = machine.fields;
    return [{ id, label, date_created, status, ...(isHeadNode ? { is_head_node: true } : {}) }];
  });
}

const membersOf = ({ members }: JsonObject): Member[] =>
  (Array.isArray(members) ? members : []).filter(isObject).map((member) => ({
    id: String(member['id']),
    is_head_node: member['is_head_node'] === true,
  }));

const machineOf = ({ world: { store } }: Call, id: string): Entity | undefined =>
  store.get('/v2/instances', id) ?? store.get('/v2/bare-metals', id);

function change(call: Call, action: string, ids: readonly string[]): ApiResponse {
  const isAttach = ATTACH.includes(action);
  if (!isAttach && action !== 'detach') throw badRequest('Invalid action.');
  for (const id of ids) {
    if (machineOf(call, id) === undefined) throw new ApiError(404, 'Invalid instance-id.');
  }
  if (isAttach) attach(call, ids);
  else detach(call, ids);
  // The response is a sentence about what is going to happen, not the cluster.
  const message = `${ids.length} instance(s) will be ${isAttach ? 'attached' : 'detached'}.`;
  return { status: 202, body: { cluster: message } };
}

function attach(call: Call, ids: readonly string[]): void {
  const { fields } = target(call);
  const taken = call.world.store.all('/v2/clusters').flatMap((cluster) => membersOf(cluster.fields));
  for (const id of ids) {
    if (taken.some((member) => member.id === id))
      throw badRequest('Instance is already attached to a cluster.');
    if (machineOf(call, id)?.fields['region'] !== fields['region'])
      throw badRequest('Server is not in the same region');
  }
  const added = [...new Set(ids)].map((id): Member => ({ id, is_head_node: false }));
  fields['members'] = [...membersOf(fields), ...added];
}

function detach(call: Call, ids: readonly string[]): void {
  const { fields } = target(call);
  const members = membersOf(fields);
  for (const id of ids) {
    if (!members.some((member) => member.id === id))
      throw badRequest('Instance is not attached to this cluster.');
  }
  fields['members'] = members.filter(({ id }) => !ids.includes(id));
}
