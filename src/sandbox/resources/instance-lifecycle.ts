import { findPlan, isSoldIn, plans } from '../catalogue/plans.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import {
  type ApiResponse,
  type Call,
  noContent,
  ok,
  param,
  type Route,
  routes,
  target,
} from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import { spaced } from '../engine/clock.ts';
import { parseFields, readGiven } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { DEFAULT_SCHEDULE } from './backup-schedule.ts';
import { enableIpv6, sourceOf } from './instance-create.ts';
import { detachNetwork, networkKinds } from './network-attach.ts';
import { attachWanted } from './network-wanted.ts';
import { checkUserData } from './user-data.ts';

const JOBS = '/v2/instances/jobs';
/** How long a plan change takes, as a share of the time of a boot. */
const RESIZE_SHARE = 0.5;

/** What PATCH copies as it is, and what starts work. */
const PATCH_FIELDS = parseFields(
  'app_id:integer image_id backups firewall_group_id enable_ipv6:boolean os_id:integer user_data tag plan ddos_protection:boolean attach_private_network:strings attach_vpc:strings attach_vpc2:strings detach_private_network:strings detach_vpc:strings detach_vpc2:strings enable_private_network:boolean enable_vpc:boolean enable_vpc2:boolean label tags:strings user_scheme',
);
const PATCH_TAKEN_OVER = ['label', 'tag', 'tags', 'user_data', 'firewall_group_id', 'user_scheme'];

/** Refuses to touch a machine that is locked, with Vultr's text `Unable to <verb>: Server is currently locked`. */
export function refuseLocked(machine: Entity, verb: string): void {
  const state = machine.fields['server_status'];
  if (state === 'none' || state === 'locked')
    throw new ApiError(500, `Unable to ${verb}: Server is currently locked`);
}

/** What can be done to an instance that exists. Creating, deleting and listing are up to its collection. */
export function instanceLifecycleRoutes(show: (call: Call, machine: Entity) => ApiResponse): Route[] {
  return routes({
    'PATCH /v2/instances/{instance_id}': (call) => {
      const jobIds = patch(call, target(call));
      const { status, body } = show(call, target(call));
      return { status, body: { ...(body as JsonObject), ...(jobIds.length > 0 ? { job_ids: jobIds } : {}) } };
    },
    'POST /v2/instances/{instance_id}/start': (call) => power(call, [target(call)], 'start'),
    'POST /v2/instances/{instance_id}/halt': (call) => power(call, [target(call)], 'halt'),
    'POST /v2/instances/{instance_id}/reboot': (call) => power(call, [target(call)], 'reboot'),
    'POST /v2/instances/start': (call) => power(call, listed(call), 'start'),
    'POST /v2/instances/halt': (call) => power(call, listed(call), 'halt'),
    'POST /v2/instances/reboot': (call) => power(call, listed(call), 'reboot'),
    'POST /v2/instances/{instance_id}/reinstall': (call) => {
      const machine = target(call);
      refuseLocked(machine, 'reinstall server');
      const { hostname } = readGiven(parseFields('hostname'), call.body);
      if (hostname !== undefined) machine.fields['hostname'] = hostname;
      install(call, machine);
      return show(call, machine);
    },
    'POST /v2/instances/{instance_id}/restore': (call) => restore(call, target(call)),
    'GET /v2/instances/jobs/{job_id}': (call) => {
      const job = named(call, JOBS, param(call, 'job_id'), () => new ApiError(404, 'Job not found'));
      return ok({ job: { ...job.fields } });
    },
  });
}

type PowerVerb = 'start' | 'halt' | 'reboot';

function listed(call: Call): Entity[] {
  const ids = textsOf(call.body['instance_ids']);
  if (ids.length === 0) throw badRequest();
  return ids.map((id) => named(call, '/v2/instances', id, () => new ApiError(404, 'instance not found')));
}

/** Starting or rebooting a running machine restarts it, which cannot be seen. Halting cuts the power. */
function power(call: Call, machines: readonly Entity[], verb: PowerVerb): ApiResponse {
  const { store, lag } = call.world;
  for (const machine of machines) refuseLocked(machine, `${verb} server`);
  const powerStatus = verb === 'halt' ? 'stopped' : 'running';
  for (const machine of machines) store.schedule(machine, lag.powerMs, { power_status: powerStatus });
  return noContent;
}

/** Reinstalls the machine: it is locked, then installing, then ok. */
function install(call: Call, machine: Entity): void {
  const { store, lag } = call.world;
  machine.due = [];
  Object.assign(machine.fields, { server_status: 'locked', power_status: 'running' });
  store.schedule(machine, lag.bootMs / 2, { server_status: 'installingbooting' });
  store.schedule(machine, lag.bootMs, { server_status: 'ok' });
}

function restore(call: Call, machine: Entity): ApiResponse {
  const { backup_id: backupId, snapshot_id: snapshotId } = readGiven(
    parseFields('backup_id snapshot_id'),
    call.body,
  );
  if ((backupId === undefined) === (snapshotId === undefined)) throw badRequest();
  if (backupId !== undefined) named(call, '/v2/backups', backupId, () => badRequest('Invalid backup ID'));
  else named(call, '/v2/snapshots', snapshotId, () => badRequest('Invalid snapshot ID'));
  refuseLocked(machine, 'restore server');
  install(call, machine);
  const restoreId = backupId ?? snapshotId ?? '';
  const restoreType = backupId === undefined ? 'snapshot' : 'backup';
  return {
    status: 202,
    body: { status: { restore_type: restoreType, restore_id: restoreId, status: 'inprogress' } },
  };
}

/** Applies a PATCH and returns the ids of the jobs that it started. */
function patch(call: Call, machine: Entity): string[] {
  const given = readGiven(PATCH_FIELDS, call.body);
  const { fields } = machine;
  const startsWork = ['plan', 'os_id', 'app_id', 'image_id'].some((name) => given[name] !== undefined);
  if (startsWork) refuseLocked(machine, 'update server');
  const groupId = given['firewall_group_id'];
  if (groupId !== undefined && groupId !== '') {
    named(call, '/v2/firewalls', groupId, () => badRequest('Invalid firewall group ID'));
  }
  checkUserData(given);
  if (!['enabled', 'disabled', undefined].includes(given['backups'] as string | undefined))
    throw badRequest('Invalid backups.');
  for (const name of PATCH_TAKEN_OVER) if (given[name] !== undefined) fields[name] = given[name];
  if (given['tag'] !== undefined && given['tags'] === undefined) fields['tags'] = [given['tag']];
  if (given['tags'] !== undefined) fields['tag'] = textsOf(given['tags'])[0] ?? '';
  patchFeatures(call, machine, given);
  attachWanted(call, machine, given);
  for (const kind of networkKinds) {
    for (const id of textsOf(given[kind.attachField.replace('attach', 'detach')]))
      detachNetwork(call, machine, kind, id);
  }
  if (given['os_id'] !== undefined || given['app_id'] !== undefined || given['image_id'] !== undefined) {
    Object.assign(fields, sourceOf(call, given));
    install(call, machine);
  }
  return given['plan'] === undefined || given['plan'] === fields['plan']
    ? []
    : [upgrade(call, machine, given['plan'])];
}

function patchFeatures(call: Call, machine: Entity, given: JsonObject): void {
  const wanted: Record<string, boolean | undefined> = {
    auto_backups: given['backups'] === undefined ? undefined : given['backups'] === 'enabled',
    ipv6: given['enable_ipv6'] === true ? true : undefined,
    ddos_protection: given['ddos_protection'] === undefined ? undefined : given['ddos_protection'] === true,
  };
  const before = textsOf(machine.fields['features']);
  if (wanted['auto_backups'] === true && !before.includes('auto_backups'))
    machine.fields['backup_schedule'] = { ...DEFAULT_SCHEDULE };
  if (wanted['auto_backups'] === false) machine.fields['backup_schedule'] = null;
  if (wanted['ipv6'] === true && !before.includes('ipv6'))
    enableIpv6(call, '/v2/instances', machine, call.world.lag.powerMs);
  machine.fields['features'] = Object.keys(wanted).filter((name) => wanted[name] ?? before.includes(name));
}

/** Starts a change of the plan, which is possible only upward and within the region. */
function upgrade(call: Call, machine: Entity, planId: unknown): string {
  const { store, lag, clock, random } = call.world;
  const plan = upgradesOf(machine).find((candidate) => candidate['id'] === planId);
  if (findPlan(planId) === undefined || plan === undefined) throw badRequest('Invalid plan chosen.');
  const afterMs = lag.bootMs * RESIZE_SHARE;
  Object.assign(machine.fields, { status: 'resizing', server_status: 'locked' });
  const { id = '', ram = 0, disk = 0, vcpu_count = 0 } = plan;
  store.schedule(machine, afterMs, {
    plan: id,
    ram,
    disk,
    vcpu_count,
    status: 'active',
    server_status: 'ok',
  });
  const jobId = random.uuid();
  const now = spaced(clock.nowMs());
  const job = store.add(JOBS, jobId, {
    id: jobId,
    vps_id: machine.id,
    type: 'UPGRADE',
    state: 'processing',
    info: '',
    added_at: now,
    updated_at: now,
  });
  store.schedule(job, afterMs, { state: 'success', updated_at: spaced(clock.nowMs() + afterMs) });
  return jobId;
}

/**
 * The plans that a machine can be upgraded to: other plans sold in its region that have at least as much of everything.
 */
export function upgradesOf({ fields }: Entity): JsonObject[] {
  const family = String(fields['plan']).split('-')[0];
  return plans.filter(
    (plan) =>
      plan['id'] !== fields['plan'] &&
      plan['type'] === family &&
      isSoldIn(plan, String(fields['region'])) &&
      (['ram', 'disk', 'vcpu_count'] as const).every((name) => Number(plan[name]) >= Number(fields[name])),
  );
}
