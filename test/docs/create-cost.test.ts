import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Fault } from '../../src/sandbox/engine/faults.ts';
import { startOnSandbox } from '../support/service.ts';

/** Holds the table "What a create costs" of docs/architecture.md to what the sandbox sees. */
const text = readFileSync('docs/architecture.md', 'utf8');
const WANTED = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 };

/** The requests that the table promises for a call that is described like this. */
function promised(call: string): string {
  const row = text.split('\n').find((line) => line.startsWith(`| ${call} |`));
  if (row === undefined) throw new Error(`The table has no row "${call}".`);
  return row.split('|')[2]?.trim() ?? '';
}

/** A service on a sandbox, and the requests that the sandbox has seen. */
async function start(faults: readonly Fault[] = []) {
  const { client, sandbox } = await startOnSandbox({}, { faults, lag: { listMs: 0, readMs: 0 } });
  const seen = (): string[] => sandbox.requests.list().map(({ method, path }) => `${method} ${path}`);
  return { client, sandbox, seen };
}

const POST = 'POST /v2/instances';
const LOST: Fault = { method: 'POST', path: '/v2/instances', kind: 'drop-after', times: 1 };

test('a create that succeeds or is refused is one request', async () => {
  const { client, seen } = await start();
  await client.ask('createInstance', WANTED);
  expect(seen()).toEqual([POST]);
  await client.ask('createInstance', { ...WANTED, request_id: randomUUID() });
  expect(seen()).toEqual([POST, POST]);
  expect(promised('a create that succeeds, with or without an idempotency key')).toBe('1');
  await expect(client.ask('createInstance', { ...WANTED, plan: 'none' })).rejects.toThrow();
  expect(seen()).toEqual([POST, POST, POST]);
  expect(promised('a create that Vultr refuses')).toBe('1');
});

test('a create that is repeated with its key costs no further request', async () => {
  const { client, seen } = await start();
  const request = { ...WANTED, request_id: randomUUID() };
  await Promise.all([1, 2, 3].map(() => client.ask('createInstance', request)));
  expect(seen()).toEqual([POST]);
  expect(promised('the same create, asked for several times at once with one key')).toBe('1');
  await client.ask('createInstance', request);
  expect(seen()).toEqual([POST]);
  expect(promised('a create that is repeated with its key, after a success')).toMatch(/^0/);
});

test('a create whose response was lost is sent once: with a key it is looked for, without one it is not', async () => {
  const withKey = await start([LOST]);
  await withKey.client.ask('createInstance', { ...WANTED, request_id: randomUUID() });
  expect(withKey.seen()).toEqual([POST, 'GET /v2/instances']);
  expect(promised('a create with a key whose response was lost')).toMatch(/^1, and one page or more/);
  const without = await start([LOST]);
  await expect(without.client.ask('createInstance', WANTED)).rejects.toThrow();
  expect(without.seen()).toEqual([POST]);
  expect(promised('a create without a key whose response was lost')).toMatch(/^1:/);
});

test('a dry run only reads', async () => {
  const { client, seen, sandbox } = await start();
  await client.ask('createInstance', { ...WANTED, dry_run: true });
  expect(seen().length).toBeGreaterThan(0);
  expect(seen().filter((request) => !request.startsWith('GET '))).toEqual([]);
  expect(sandbox.state.instancesCreated).toBe(0);
  expect(promised('`dry_run`')).toMatch(/^none that buys/);
});
