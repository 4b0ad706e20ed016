import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const MAIN_IP = '192.0.2.123';
const PROVISION_MS = 10_000;

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
const refusal = (error: string, status = 400) => ({ error, status });

describe('networks', () => {
  test('a VPC is changed by PUT, not PATCH, and stays while machines are in it', async () => {
    const { call } = await frozen();
    const created = await call('POST /v2/vpcs', { body: { region: 'ewr', description: 'a' } });
    const { id } = created.json.vpc;
    expect([created.status, created.json.vpc.v4_subnet_mask]).toEqual([201, 20]);
    const patched = await call(`PATCH /v2/vpcs/${id}`, { body: { description: 'b' } });
    expect(patched.json).toEqual(refusal('Method not allowed. Must be one of: DELETE, GET, PUT', 405));
    expect((await call(`PUT /v2/vpcs/${id}`, { body: { description: 'b' } })).status).toBe(204);
    expect((await call(`PUT /v2/vpcs/${id}`, { body: {} })).json).toEqual(refusal('Bad request.'));
    expect((await call(`POST /v2/instances/${RUNNING}/vpcs/attach`, { body: { vpc_id: id } })).status).toBe(
      204,
    );
    expect((await call(`GET /v2/instances/${RUNNING}`)).json.instance.vpcs).toMatchObject([
      { id, version: 1 },
    ]);
    expect((await call(`GET /v2/vpcs/${id}/attachments`)).json.attachments).toMatchObject([{ id: RUNNING }]);
    expect((await call(`DELETE /v2/vpcs/${id}`)).json).toEqual(refusal(`VPC is attached to ${MAIN_IP}`));
    expect((await call(`POST /v2/instances/${RUNNING}/vpcs/detach`, { body: { vpc_id: id } })).status).toBe(
      204,
    );
    expect((await call(`DELETE /v2/vpcs/${id}`)).status).toBe(204);
  });

  test('VPC 2.0 has its own words', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/vpc2', { body: { region: 'ewr' } })).json.vpc;
    expect((await call(`POST /v2/vpc2/${id}/nodes/attach`, { body: { nodes: [RUNNING] } })).status).toBe(202);
    expect((await call(`GET /v2/vpc2/${id}/nodes`)).json.nodes).toHaveLength(1);
    expect((await call(`DELETE /v2/vpc2/${id}`)).json.error).toBe(
      `servers are attached to this VPC 2.0 network: ${MAIN_IP}`,
    );
  });

  test('a reserved IP is attached once and detached after a moment', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/reserved-ips', { body: { region: 'ewr', ip_type: 'v4' } })).json
      .reserved_ip;
    const attach = () => call(`POST /v2/reserved-ips/${id}/attach`, { body: { instance_id: RUNNING } });
    expect((await attach()).status).toBe(204);
    expect((await attach()).status).toBe(400);
    expect((await call(`DELETE /v2/reserved-ips/${id}`)).status).toBe(400);
    await call(`POST /v2/reserved-ips/${id}/detach`);
    const owner = async () => (await call(`GET /v2/reserved-ips/${id}`)).json.reserved_ip.instance_id;
    expect(await owner()).toBe(RUNNING);
    sandbox.advance(1000);
    expect(await owner()).toBe('');
    const renamed = await call(`PATCH /v2/reserved-ips/${id}`, { body: { label: 'b' } });
    expect([renamed.status, renamed.json.reserved_ip.label]).toEqual([200, 'b']);
  });

  test('a machine made with a reserved IP has its address, and nobody else gets it', async () => {
    const { sandbox, call } = await frozen();
    const address = (await call('POST /v2/reserved-ips', { body: { region: 'ams', ip_type: 'v4' } })).json
      .reserved_ip;
    const body = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136, reserved_ipv4: address.id };
    const { id } = (await call('POST /v2/instances', { body })).json.instance;
    expect((await call('POST /v2/instances', { body })).json).toEqual(
      refusal('Server add failed: Floating IPv4 address is already attached to another server'),
    );
    sandbox.advance(40_000);
    expect((await call(`GET /v2/instances/${id}`)).json.instance.main_ip).toBe(address.subnet);
  });

  test('a load balancer is not ready for a while', async () => {
    const { sandbox, call } = await frozen();
    const rules = [
      { frontend_protocol: 'http', frontend_port: 80, backend_protocol: 'http', backend_port: 80 },
    ];
    const created = await call('POST /v2/load-balancers', {
      body: { region: 'ewr', forwarding_rules: rules },
    });
    const { id } = created.json.load_balancer;
    expect([created.status, created.json.load_balancer]).toMatchObject([
      202,
      { status: 'pending', ipv4: '' },
    ]);
    expect((await call(`DELETE /v2/load-balancers/${id}`)).json).toEqual(
      refusal('Cannot remove load balancer: Load balancer is not ready.'),
    );
    sandbox.advance(PROVISION_MS);
    const { load_balancer: balancer } = (await call(`GET /v2/load-balancers/${id}`)).json;
    expect(balancer).toMatchObject({ status: 'active', forwarding_rules: rules });
    expect(balancer.forwarding_rules[0].id).toMatch(/^[\da-f]{16}$/);
    expect((await call(`PATCH /v2/load-balancers/${id}`, { body: { instances: [RUNNING] } })).status).toBe(
      204,
    );
    expect((await call(`DELETE /v2/load-balancers/${id}`)).status).toBe(204);
  });
});
