import { blockTypes } from '../catalogue/regions.ts';
import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import { spaced } from '../engine/clock.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import { regionOf } from './catalogue.ts';
import { refuseLocked } from './instance-lifecycle.ts';

const MIN_SIZE_GB = 10;
const MAX_SIZE_GB = 40_000;
const DOLLARS_PER_GB: Record<string, number> = { high_perf: 0.1, storage_opt: 0.025 };

const detached = { attached_to_instance: '', attached_to_instance_ip: '', attached_to_instance_label: '' };

const block: Collection = {
  list: '/v2/blocks',
  item: '/v2/blocks/{block_id}',
  many: 'blocks',
  one: 'block',
  missing: 'Invalid block storage ID.',
  accepts: 'region! size_gb:integer! label block_type snapshot_id os_id:integer bootable:boolean',
  create: '/v2/blocks 202',
  update: 'PATCH 204',
  changes: 'label size_gb:integer',
  initial: freshBlock,
  becomes: () => ({ status: 'active' }),
  changing: (_call, { fields }, given) => {
    const changed = Object.keys(given).some((name) => given[name] !== fields[name]);
    if (!changed) throw badRequest('Nothing to change');
    const sizeGb = given['size_gb'];
    if (sizeGb === undefined) return;
    checkSize(sizeGb);
    if (Number(sizeGb) < Number(fields['size_gb']))
      throw badRequest('Block storage can not be made smaller.');
  },
  removing: (_call, { fields }) => {
    if (fields['attached_to_instance'] !== '')
      throw badRequest('Block storage is currently attached to a server');
  },
};

const blockSnapshot: Collection = {
  list: '/v2/blocks/snapshots',
  item: '/v2/blocks/snapshots/{block_snapshot_id}',
  many: 'snapshots',
  one: null,
  missing: 'Invalid block storage snapshot ID',
  dated: null,
  accepts: 'block_id! description',
  update: 'PUT 204',
  changes: 'description',
  initial: (call, given) => {
    const source = named(call, '/v2/blocks', given['block_id'], () =>
      badRequest('Invalid block storage ID.'),
    );
    const now = call.world.clock.nowMs();
    const nextInvoice = spaced(now + 30 * 24 * 3600 * 1000);
    return {
      state: 'PENDING',
      added_at: spaced(now),
      updated_at: spaced(now),
      next_invoice_date: nextInvoice,
      next_invoice_price: '0.50',
      size: Number(source.fields['size_gb']) * 1024 ** 3,
    };
  },
  becomes: () => ({ state: 'COMPLETE' }),
};

/** Block storage and its snapshots. */
export const blocks: Resource = {
  collections: [block, blockSnapshot],
  routes: routes({
    'POST /v2/blocks/{block_id}/attach': attach,
    'POST /v2/blocks/{block_id}/detach': ({ found }) => {
      const fields = found[0]?.fields ?? {};
      if (fields['attached_to_instance'] === '') {
        throw badRequest('Block storage volume is not currently attached to a server');
      }
      Object.assign(fields, detached);
      return noContent;
    },
  }),
};

function freshBlock(call: Call, given: JsonObject): JsonObject {
  const region = String(regionOf(given)['id']);
  const sizeGb = checkSize(given['size_gb']);
  const sold = blockTypes(region);
  const type = String(given['block_type'] || sold[0]);
  if (!sold.includes(type)) throw badRequest('Block storage is not available in the selected region');
  return {
    region,
    block_type: type,
    cost: Math.round(sizeGb * (DOLLARS_PER_GB[type] ?? 0) * 100) / 100,
    pending_charges: 0,
    status: 'pending',
    ...detached,
    mount_id: `${region}-${call.world.random.hex(14)}`,
  };
}

function checkSize(sizeGb: unknown): number {
  const size = Number(sizeGb);
  if (size >= MIN_SIZE_GB && size <= MAX_SIZE_GB) return size;
  throw badRequest(`Invalid size_gb. Must be between ${MIN_SIZE_GB} and ${MAX_SIZE_GB}.`);
}

function attach(call: Call): ApiResponse {
  const { fields } = target(call);
  const machine = named(call, '/v2/instances', call.body['instance_id'], () =>
    badRequest('Invalid instance-id.'),
  );
  if (fields['status'] !== 'active') throw badRequest('Block storage is not active yet');
  if (fields['attached_to_instance'] !== '')
    throw badRequest('Block storage is already attached to another server');
  if (fields['region'] !== machine.fields['region']) throw badRequest('Server is not in the same region');
  refuseLocked(machine, 'attach block storage');
  Object.assign(fields, {
    attached_to_instance: machine.id,
    attached_to_instance_ip: machine.fields['main_ip'],
    attached_to_instance_label: machine.fields['label'],
  });
  return noContent;
}
