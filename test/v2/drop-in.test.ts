import { expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { closeAtEnd } from '../support/opened.ts';
import { KEY } from '../support/service.ts';
import { connectHttp, type SendHttp, startGateway } from '../support/v2/gateway.ts';

/** What a client of api.vultr.com sees of an answer; of an error the two members that Vultr's have. */
interface Seen {
  readonly asked: string;
  readonly status: number;
  readonly contentType: unknown;
  readonly body: unknown;
}

interface Page {
  readonly instances: readonly { readonly id: string }[];
  readonly meta: { readonly links: { readonly next: string } };
}

/** A client that knows Vultr's API and nothing else, working through a small day. Notes everything that it sees. */
async function work(send: SendHttp): Promise<Seen[]> {
  const seen: Seen[] = [];
  async function ask<T>(line: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const [method = '', target = ''] = line.split(' ');
    const answer = await send(method, target, {
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      headers: headers ?? { authorization: `Bearer ${KEY}` },
    });
    const text = String(answer.body);
    const json = text === '' ? '' : JSON.parse(text);
    const { status } = answer;
    seen.push({
      asked: line,
      status,
      contentType: answer.headers['content-type'],
      body: status < 400 ? text : Object.entries(json).slice(0, 2),
    });
    return json as T;
  }

  await ask('GET /v2/regions', undefined, {});
  await ask('GET /v2/plans?type=vhf&per_page=3', undefined, {});

  const key = await ask<{ ssh_key: { id: string } }>('POST /v2/ssh-keys', {
    name: 'laptop',
    ssh_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9mXv1sXkz0b2o1bqv5o2l1mHq1a9rJ2yqO9v8w7xYz me@laptop',
  });
  await ask(`GET /v2/ssh-keys/${key.ssh_key.id}`);
  await ask(`PATCH /v2/ssh-keys/${key.ssh_key.id}`, { name: 'grüße 🔑' });
  await ask('GET /v2/ssh-keys');

  for (const label of ['a', 'b', 'c', 'd', 'e']) {
    await ask('POST /v2/instances', {
      region: 'ams',
      plan: 'vc2-1c-1gb',
      os_id: 2136,
      label,
      tags: [],
      sshkey_id: [key.ssh_key.id],
      no_such_field: null,
    });
  }
  for (let cursor = '', pages = 0; pages < 10; pages += 1) {
    const page = await ask<Page>(`GET /v2/instances?per_page=2&cursor=${encodeURIComponent(cursor)}`);
    cursor = page.meta.links.next;
    if (cursor === '') break;
  }
  const { instances } = await ask<Page>('GET /v2/instances?label=c&region=ams');
  const id = instances[0]?.id ?? '';
  await ask(`POST /v2/instances/${id}/halt`);
  await ask(`PATCH /v2/instances/${id}`, { label: '', tags: ['x/y', 'ü'], enable_ipv6: false });
  await ask(`DELETE /v2/instances/${id}`);
  await ask(`GET /v2/instances/${id}`);

  await ask('POST /v2/domains', { domain: 'example.com', dns_sec: 'disabled' });
  await ask('POST /v2/domains/example.com/records', { name: 'www', type: 'A', data: '192.0.2.1', ttl: 300 });
  await ask('GET /v2/domains/example.com/records');
  await ask('POST /v2/startup-scripts', { name: 'a', script: 'this is no base64!' });
  await ask('POST /v2/instances', { region: 'nowhere', plan: 'vc2-1c-1gb', os_id: 2136 });
  await ask('POST /v2/instances/halt', { instance_ids: ['no-such-instance'] });
  await ask(`DELETE /v2/ssh-keys/${key.ssh_key.id}`);
  await ask(`DELETE /v2/ssh-keys/${key.ssh_key.id}`);
  return seen;
}

test('a client written for api.vultr.com sees the same through the service', async () => {
  const sandbox = await startSandbox({
    rateLimitPerSecond: 0,
    seed: 5,
    lag: { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 },
    clock: { nowMs: () => Date.UTC(2026, 8, 1) },
  });
  closeAtEnd(() => sandbox.close());
  const direct = await work(connectHttp(sandbox.url));
  const asked = sandbox.requests.count({});
  sandbox.reset();
  const { http } = await startGateway(new URL(sandbox.url));
  expect(await work(http)).toEqual(direct);
  expect(sandbox.requests.count({})).toBe(asked);

  const statuses = new Set(direct.map(({ status }) => status));
  expect([...statuses].toSorted()).toEqual([200, 201, 202, 204, 400, 404]);
  expect(direct.filter(({ asked: line }) => line.includes('cursor=')).length).toBeGreaterThan(2);
});

test('a client without a key, or with one that no header carries, is refused as Vultr refuses it', async () => {
  const sandbox = await startSandbox({ rateLimitPerSecond: 0 });
  closeAtEnd(() => sandbox.close());
  const { http } = await startGateway(new URL(sandbox.url));
  for (const headers of [{}, { authorization: 'Basic dTpw' }]) {
    const { status, body, headers: answered } = await http('GET', '/v2/account', { headers });
    expect([status, answered['www-authenticate'], JSON.parse(String(body)).status]).toEqual([
      401,
      'Bearer',
      401,
    ]);
  }
  expect(sandbox.requests.count({})).toBe(0);
});
