import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const MAIN_IP = '192.0.2.123';
const PROVISION_MS = 10_000;

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
const refusal = (error: string, status = 400) => ({ error, status });

describe('storage', () => {
  test('a block goes from pending to active, is attached and detached, and not deleted meanwhile', async () => {
    const { sandbox, call } = await frozen();
    const created = await call('POST /v2/blocks', { body: { region: 'ewr', size_gb: 40, label: 'data' } });
    const { id } = created.json.block;
    expect(created.json.block).toMatchObject({
      status: 'pending',
      attached_to_instance: '',
      block_type: 'high_perf',
      cost: 4,
    });
    expect(created.json.block.mount_id).toMatch(/^ewr-/);
    sandbox.advance(PROVISION_MS);
    const attach = () => call(`POST /v2/blocks/${id}/attach`, { body: { instance_id: RUNNING } });
    expect((await attach()).status).toBe(204);
    expect((await attach()).json).toEqual(refusal('Block storage is already attached to another server'));
    expect((await call(`DELETE /v2/blocks/${id}`)).status).toBe(400);
    expect((await call(`GET /v2/blocks/${id}`)).json.block).toMatchObject({
      status: 'active',
      attached_to_instance: RUNNING,
    });
    expect((await call(`POST /v2/blocks/${id}/detach`)).status).toBe(204);
    expect((await call(`POST /v2/blocks/${id}/detach`)).json).toEqual(
      refusal('Block storage volume is not currently attached to a server'),
    );
    expect((await call(`DELETE /v2/blocks/${id}`)).status).toBe(204);
  });

  test.each([
    ['too small', { region: 'ewr', size_gb: 9 }],
    ['too large', { region: 'ewr', size_gb: 40_001 }],
    ['of a kind not sold there', { region: 'dfw', size_gb: 40, block_type: 'high_perf' }],
    ['without size', { region: 'ewr' }],
  ])('a block %s is refused', async (_, body) => {
    const { call } = await frozen();
    expect((await call('POST /v2/blocks', { body })).status).toBe(400);
    expect((await call('GET /v2/blocks')).json.meta.total).toBe(0);
  });

  test('a change that changes nothing is refused', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/blocks', { body: { region: 'ewr', size_gb: 40, label: 'a' } })).json
      .block;
    const same = await call(`PATCH /v2/blocks/${id}`, { body: { label: 'a', size_gb: 40 } });
    expect(same.json).toEqual(refusal('Nothing to change'));
    expect((await call(`PATCH /v2/blocks/${id}`, { body: { size_gb: 80 } })).status).toBe(204);
  });

  test('a locked server takes no block', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/blocks', { body: { region: 'ewr', size_gb: 40 } })).json.block;
    sandbox.advance(PROVISION_MS);
    await call(`POST /v2/instances/${RUNNING}/reinstall`);
    const refused = await call(`POST /v2/blocks/${id}/attach`, { body: { instance_id: RUNNING } });
    expect(refused.json).toEqual(refusal('Unable to attach block storage: Server is currently locked', 500));
  });

  test('deleting a machine frees its block', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/blocks', { body: { region: 'ewr', size_gb: 40 } })).json.block;
    sandbox.advance(PROVISION_MS);
    await call(`POST /v2/blocks/${id}/attach`, { body: { instance_id: RUNNING } });
    expect((await call(`DELETE /v2/instances/${RUNNING}`)).status).toBe(204);
    expect((await call(`GET /v2/blocks/${id}`)).json.block.attached_to_instance).toBe('');
  });

  test('snapshots and ISOs complete after a while', async () => {
    const { sandbox, call } = await frozen();
    const snapshot = (await call('POST /v2/snapshots', { body: { instance_id: RUNNING } })).json.snapshot;
    const fromUrl = await call('POST /v2/snapshots/create-from-url', {
      body: { url: 'https://example.com/a.raw' },
    });
    const iso = (await call('POST /v2/iso', { body: { url: 'https://example.com/a.iso' } })).json.iso;
    expect([snapshot.status, snapshot.size, fromUrl.status, iso.status]).toEqual([
      'pending',
      0,
      202,
      'pending',
    ]);
    sandbox.advance(PROVISION_MS);
    expect((await call(`GET /v2/snapshots/${snapshot.id}`)).json.snapshot).toMatchObject({
      status: 'complete',
      os_id: 2136,
    });
    expect((await call(`GET /v2/iso/${iso.id}`)).json.iso).toMatchObject({
      status: 'complete',
      filename: 'a.iso',
    });
  });

  test('a mounted ISO is not deleted; the refusal ends with the address', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/iso', { body: { url: 'https://example.com/a.iso' } })).json.iso;
    const attached = await call(`POST /v2/instances/${RUNNING}/iso/attach`, { body: { iso_id: id } });
    expect([attached.status, attached.json.iso_status.status]).toEqual([202, 'ismounting']);
    const state = async () => (await call(`GET /v2/instances/${RUNNING}/iso`)).json.iso_status.state;
    expect(await state()).toBe('isomounting');
    sandbox.advance(PROVISION_MS);
    expect(await state()).toBe('isomounted');
    expect((await call(`DELETE /v2/iso/${id}`)).json).toEqual(refusal(`ISO is still attached to ${MAIN_IP}`));
    await call(`POST /v2/instances/${RUNNING}/iso/detach`);
    sandbox.advance(PROVISION_MS);
    expect((await call(`DELETE /v2/iso/${id}`)).status).toBe(204);
  });

  test('a file system stays while machines use it', async () => {
    const { call } = await frozen();
    const { id } = (
      await call('POST /v2/vfs', { body: { region: 'ewr', label: 'a', storage_size: { gb: 10 } } })
    ).json;
    const attached = await call(`PUT /v2/vfs/${id}/attachments/${RUNNING}`);
    expect([attached.status, attached.json.target_id]).toEqual([201, RUNNING]);
    const text = 'Can not delete this subscription until it is detatched from all machines';
    expect((await call(`DELETE /v2/vfs/${id}`)).json).toEqual(refusal(text));
    expect((await call(`DELETE /v2/vfs/${id}/attachments/${RUNNING}`)).status).toBe(204);
    expect((await call(`DELETE /v2/vfs/${id}`)).status).toBe(204);
  });

  test('object storage fills in its keys later', async () => {
    const { sandbox, call } = await frozen();
    const body = { cluster_id: 2, tier_id: 2, label: 'a' };
    const created = (await call('POST /v2/object-storage', { body })).json.object_storage;
    expect(created).toMatchObject({ status: 'pending', s3_hostname: '', s3_access_key: '', cluster_id: 2 });
    sandbox.advance(PROVISION_MS);
    const active = (await call(`GET /v2/object-storage/${created.id}`)).json.object_storage;
    expect(active).toMatchObject({ status: 'active', s3_hostname: 'ewr1.vultrobjects.com' });
    const renewed = (await call(`POST /v2/object-storage/${created.id}/regenerate-keys`)).json.s3_credentials;
    expect(renewed.s3_access_key).not.toBe(active.s3_access_key);
  });
});
