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

  describe('a machine that asks for a network of its region', () => {
    const machine = { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 2136 };
    const kinds = [
      ['enable_vpc', 'vpcs', 'vpcs', 'vpcs'],
      ['enable_vpc2', 'vpc2', 'vpcs', 'vpcs'],
      ['enable_private_network', 'private-networks', 'networks', 'private_networks'],
    ] as const;

    test.each(kinds)(
      'gets a new one for %s, and the next machine gets the same',
      async (field, path, many, one) => {
        const { sandbox, call } = await frozen();
        const body = { ...machine, [field]: true };
        const elsewhere = (await call(`POST /v2/${path}`, { body: { region: 'ams' } })).json;
        const ids: string[] = [];
        for (let count = 0; count < 2; count++) {
          const { id } = (await call('POST /v2/instances', { body })).json.instance;
          sandbox.advance(PROVISION_MS);
          const attached = (await call(`GET /v2/instances/${id}/${path}`)).json[one];
          expect(attached).toMatchObject([{ ip_address: expect.stringMatching(/^10\./) }]);
          ids.push(attached[0].id);
        }
        expect(ids[1]).toBe(ids[0]);
        const made = (await call(`GET /v2/${path}/${ids[0]}`)).json;
        const [name] = Object.keys(made);
        expect(made[name ?? ''].region).toBe('ewr');
        expect(Object.keys(made[name ?? ''])).toEqual(Object.keys(elsewhere[name ?? '']));
        expect((await call(`GET /v2/${path}`)).json[many]).toHaveLength(2);
      },
    );

    test('gets it by an update and as bare metal, too, and keeps the one that it has', async () => {
      const { sandbox, call } = await frozen();
      const body = { enable_vpc: true };
      for (let count = 0; count < 2; count++)
        expect((await call(`PATCH /v2/instances/${RUNNING}`, { body })).status).toBe(202);
      const [vpc, ...others] = (await call('GET /v2/vpcs')).json.vpcs;
      expect(others).toEqual([]);
      expect((await call(`GET /v2/instances/${RUNNING}/vpcs`)).json.vpcs).toMatchObject([{ id: vpc.id }]);
      const metal = { ...machine, plan: 'vbm-4c-32gb', region: vpc.region, ...body, enable_vpc2: true };
      const { id } = (await call('POST /v2/bare-metals', { body: metal })).json.bare_metal;
      sandbox.advance(PROVISION_MS);
      expect((await call(`GET /v2/bare-metals/${id}/vpcs`)).json.vpcs).toMatchObject([{ id: vpc.id }]);
      expect((await call(`GET /v2/bare-metals/${id}/vpc2`)).json.vpcs).toHaveLength(1);
    });
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
