import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
const refusal = (error: string, status = 400) => ({ error, status });

describe('small things', () => {
  test('the name of an ssh key is cut at 128 characters, on create and on change', async () => {
    const { call } = await frozen();
    const body = { name: 'n'.repeat(200), ssh_key: 'ssh-ed25519 AAAA' };
    const { id, name } = (await call('POST /v2/ssh-keys', { body })).json.ssh_key;
    expect(name).toHaveLength(128);
    const changed = await call(`PATCH /v2/ssh-keys/${id}`, { body: { name: 'm'.repeat(129) } });
    expect([changed.status, changed.text]).toEqual([204, '']);
    expect((await call(`GET /v2/ssh-keys/${id}`)).json.ssh_key).toMatchObject({
      name: 'm'.repeat(128),
      ssh_key: body.ssh_key,
    });
  });

  test('a startup script must be base64, and the list leaves it out', async () => {
    const { call } = await frozen();
    const create = (script: string) => call('POST /v2/startup-scripts', { body: { name: 'a', script } });
    expect((await create('#!/bin/sh')).json).toEqual(refusal('Script must be base64 encoded'));
    const { id } = (await create('aGk=')).json.startup_script;
    expect((await call('GET /v2/startup-scripts')).json.startup_scripts[0]).not.toHaveProperty('script');
    expect((await call(`GET /v2/startup-scripts/${id}`)).json.startup_script.script).toBe('aGk=');
    const wrong = await call(`PATCH /v2/startup-scripts/${id}`, { body: { script: '%' } });
    expect(wrong.json).toEqual(refusal('Script must be base64 encoded'));
  });

  test('a domain is created with 200 and starts with NS records, TXT data gets its quotes, the apex is ""', async () => {
    const { call } = await frozen();
    const created = await call('POST /v2/domains', { body: { domain: 'example.com', ip: '192.0.2.9' } });
    expect(created.status).toBe(200);
    const { records } = (await call('GET /v2/domains/example.com/records')).json;
    expect(records.map((each: { type: string }) => each.type)).toEqual(['NS', 'NS', 'A', 'CNAME', 'MX']);
    expect(records[0]).toMatchObject({ data: 'ns1.vultr.com', priority: -1 });
    const body = { type: 'TXT', name: '', data: 'v=spf1 -all' };
    const txt = await call('POST /v2/domains/example.com/records', { body });
    expect([txt.status, txt.json.record]).toMatchObject([201, { name: '', data: '"v=spf1 -all"', ttl: 300 }]);
    expect((await call('GET /v2/domains/example.com/soa')).json.dns_soa.nsprimary).toBe('ns1.vultr.com');
    expect((await call('POST /v2/domains', { body: { domain: 'example.com' } })).status).toBe(400);
    expect((await call('DELETE /v2/domains/example.com')).status).toBe(204);
    expect((await call('GET /v2/domains/example.com/records')).json).toEqual(refusal('Invalid domain', 404));
  });

  test('firewall rules have integer ids and number at most 50', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/firewalls', { body: { description: 'web' } })).json.firewall_group;
    const body = { ip_type: 'v4', protocol: 'tcp', subnet: '0.0.0.0', subnet_size: 0, port: '443' };
    const add = () => call(`POST /v2/firewalls/${id}/rules`, { body });
    expect((await add()).json.firewall_rule).toMatchObject({ id: 1, action: 'accept', protocol: 'tcp' });
    for (let count = 1; count < 50; count++) await add();
    expect((await add()).status).toBe(400);
    const group = (await call(`GET /v2/firewalls/${id}`)).json.firewall_group;
    expect(group).toMatchObject({ rule_count: 50, max_rule_count: 50, instance_count: 0 });
    expect((await call(`DELETE /v2/firewalls/${id}/rules/50`)).status).toBe(204);
    expect((await call(`GET /v2/firewalls/${id}/rules/50`)).json).toEqual(
      refusal('Firewall rule ID not found.', 404),
    );
  });

  test('a user cannot have an unknown right, and passwords are never shown', async () => {
    const { call } = await frozen();
    const body = { email: 'a@example.com', name: 'A', password: 'secret-1', acls: ['dns'] };
    expect((await call('POST /v2/users', { body: { ...body, acls: ['root'] } })).json).toEqual(
      refusal('Invalid ACL: root'),
    );
    const created = await call('POST /v2/users', { body });
    expect([created.status, created.text]).toEqual([201, expect.not.stringContaining('secret-1')]);
    expect((await call('POST /v2/users', { body })).json).toEqual(
      refusal('Email address is already in use.'),
    );
  });

  test('an API key is shown once', async () => {
    const { call } = await frozen();
    const { id, key } = (await call('POST /v2/apikeys', { body: { name: 'ci' } })).json.api_key;
    expect(key).toMatch(/^[\dA-F]{36}$/);
    expect((await call(`GET /v2/apikeys/${id}`)).text).not.toContain(key);
  });

  test('logs want a time', async () => {
    const { call } = await frozen();
    expect((await call('GET /v2/logs')).status).toBe(400);
    const { meta } = (await call('GET /v2/logs?end_time=2026-01-01')).json;
    expect(meta).toMatchObject({ continue_time: '', total_count: 1 });
  });

  test('an audit log is kept for one subscription at most, and gets its bucket after a while', async () => {
    const { sandbox, call } = await frozen();
    const create = (body: object) => call('POST /v2/logs/audit-logs', { body });
    const [cluster] = (await call('GET /v2/logs/audit-logs/clusters')).json.clusters;
    const body = { cluster_id: cluster.id, label: 'audit', expiration_days: 3653 };
    expect((await create({ ...body, cluster_id: 99 })).json).toEqual(refusal('Invalid cluster ID'));
    expect((await create({ ...body, expiration_days: 3654 })).status).toBe(400);
    const { id, ...pending } = (await create(body)).json;
    expect(pending).toMatchObject({ ...body, sub_status: 'pending', s3_secret_key: '' });
    expect((await create(body)).json).toEqual(refusal('An audit log subscription already exists.'));
    sandbox.advance(10_000);
    const active = (await call(`GET /v2/logs/audit-logs/${id}`)).json;
    expect(active).toMatchObject({ sub_status: 'active', s3_hostname: cluster.hostname });
    expect((await call('GET /v2/logs/audit-logs')).json).toEqual({ subscriptions: [active] });
  });

  test('the data center of a registry is an object with a number as its id', async () => {
    const { call } = await frozen();
    const { regions } = (await call('GET /v2/registry/region/list')).json;
    expect(regions[0]).toMatchObject({ name: 'sjc', data_center: { id: 12, name: 'Silicon Valley' } });
    const body = { name: 'reg', public: false, region: 'sjc', plan: 'start_up' };
    const { metadata } = (await call('POST /v2/registry', { body })).json;
    expect(metadata.region).toEqual(regions[0]);
  });
});

test('the sandbox as a whole is bounded', async () => {
  const { call } = await sandboxFor({ maxResources: 8 });
  const statuses = new Set<number>();
  for (let count = 0; count < 10; count++) {
    statuses.add(
      (await call('POST /v2/ssh-keys', { body: { name: `k${count}`, ssh_key: 'ssh-ed25519 A' } })).status,
    );
  }
  expect(statuses).toEqual(new Set([201, 400]));
});
