import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type Call, routes } from '../engine/call.ts';
import { isBase64, named } from '../engine/checks.ts';
import { iso as isoTime } from '../engine/clock.ts';
import { type Collection, createEntity, oneResponse } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import type { World } from '../engine/world.ts';

/** Vultr truncates longer names without an error. */
const MAX_SSH_KEY_NAME_LENGTH = 128;
const GIBIBYTE = 1024 ** 3;

const snapshot: Collection = {
  list: '/v2/snapshots',
  item: '/v2/snapshots/{snapshot_id}',
  many: 'snapshots',
  one: 'snapshot',
  missing: 'Invalid snapshot ID',
  accepts: 'instance_id! description',
  update: 'PUT 204',
  changes: 'description!',
  hide: 'instance_id url uefi',
  filters: ['description'],
  initial: (call, given) => {
    const pending = { status: 'pending', size: 0, compressed_size: 0 };
    if (given['url'] !== undefined) return { ...pending, os_id: 159, app_id: 0 };
    const machine = named(call, '/v2/instances', given['instance_id'], () =>
      badRequest('Invalid instance ID'),
    );
    return { ...pending, os_id: machine.fields['os_id'] ?? 0, app_id: machine.fields['app_id'] ?? 0 };
  },
  becomes: () => ({ status: 'complete', size: 10 * GIBIBYTE, compressed_size: 2 * GIBIBYTE }),
};
const FROM_URL_FIELDS = parseFields('url! description uefi:boolean');

const backup: Collection = {
  list: '/v2/backups',
  item: '/v2/backups/{backup_id}',
  many: 'backups',
  one: 'backup',
  missing: 'Invalid backup ID',
  hide: 'instance_id',
  filters: ['instance_id'],
};

const iso: Collection = {
  list: '/v2/iso',
  item: '/v2/iso/{iso_id}',
  many: 'isos',
  one: 'iso',
  missing: 'Invalid iso',
  accepts: 'url! description',
  update: 'PUT 204',
  changes: 'description!',
  hide: 'url',
  initial: ({ world }, given) => {
    const url = URL.parse(String(given['url']));
    if (url === null || !/^https?:$/.test(url.protocol)) throw badRequest('Invalid URL.');
    const filename = url.pathname.split('/').at(-1) ?? '';
    return {
      filename,
      size: 0,
      md5sum: world.random.hex(32),
      sha512sum: world.random.hex(128),
      status: 'pending',
    };
  },
  becomes: () => ({ status: 'complete', size: 120_586_240 }),
  removing: ({ world }, { id }) => {
    const machine = world.store.all('/v2/instances').find(({ fields }) => fields['iso'] === id);
    // Tools read the address off the end of this text.
    if (machine !== undefined)
      throw badRequest(`ISO is still attached to ${String(machine.fields['main_ip'])}`);
  },
};

const cutName = (fields: JsonObject): void => {
  if (fields['name'] !== undefined) fields['name'] = String(fields['name']).slice(0, MAX_SSH_KEY_NAME_LENGTH);
};

const sshKey: Collection = {
  list: '/v2/ssh-keys',
  item: '/v2/ssh-keys/{ssh_key_id}',
  many: 'ssh_keys',
  one: 'ssh_key',
  missing: 'Invalid ssh key.',
  accepts: 'name! ssh_key!',
  update: 'PATCH 204',
  initial: (_call, given) => {
    cutName(given);
    return { ...given };
  },
  changing: (_call, _entity, given) => cutName(given),
};

const checkScript = (given: JsonObject): void => {
  if (!isBase64(String(given['script'] ?? ''))) throw badRequest('Script must be base64 encoded');
  if (!['boot', 'pxe'].includes(String(given['type'] ?? 'boot'))) throw badRequest('Invalid script type.');
};
const modified = ({ world }: Call): JsonObject => ({ date_modified: isoTime(world.clock.nowMs()) });

const startupScript: Collection = {
  list: '/v2/startup-scripts',
  item: '/v2/startup-scripts/{startup_id}',
  many: 'startup_scripts',
  one: 'startup_script',
  missing: 'Invalid startup script ID',
  accepts: 'name! type=boot script!',
  update: 'PATCH 204',
  listHides: 'script',
  initial: (call, given) => {
    checkScript(given);
    return modified(call);
  },
  changing: (call, { fields }, given) => {
    checkScript(given);
    Object.assign(fields, modified(call));
  },
};

/** What machines are created from and with: snapshots, backups, ISOs, SSH keys, startup scripts. */
export const images: Resource = {
  collections: [snapshot, backup, iso, sshKey, startupScript],
  routes: routes({
    'POST /v2/snapshots/create-from-url': (call) =>
      oneResponse(snapshot, call, createEntity(snapshot, call, readFields(FROM_URL_FIELDS, call.body)), 202),
  }),
  seed: seedBackup,
};

/** Adds a backup of the running example machine, because no operation creates backups. */
function seedBackup({ store, clock }: World): void {
  const id = '4b9c2f5e-1d0a-4c3b-8e7f-6a5b4c3d2e1f';
  store.add('/v2/backups', id, {
    id,
    date_created: isoTime(clock.nowMs() - 24 * 3600 * 1000),
    description: 'Automatic backup',
    size: 10 * GIBIBYTE,
    status: 'complete',
    os_id: 2136,
    app_id: 0,
    instance_id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60',
  });
}
