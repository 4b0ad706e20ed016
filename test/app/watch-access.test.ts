import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { closeAtEnd } from '../support/opened.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

/** A service with one caller, whose rights can be changed. */
async function serve(allow: string) {
  const key = createVirtualKey();
  const file = join(temporaryFolder(), 'callers.yaml');
  const write = (rights: string): void => {
    writeFileSync(
      `${file}.new`,
      `accounts: { lab: { key_env: LAB_KEY } }
callers: [ { name: dash, is: [ { token_sha256: ${key.sha256} } ], account: lab, allow: [ ${rights} ] } ]
`,
    );
    renameSync(`${file}.new`, file);
  };
  write(allow);
  const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 7 });
  closeAtEnd(() => sandbox.close());
  const settings = {
    upstream: new URL(sandbox.url),
    callersFile: file,
    httpListen: { host: '127.0.0.1', port: 0 },
  };
  const { app } = await startService(settings, { env: { LAB_KEY: 'LAB-KEY-0123456789' } });
  const get = async (path: string, accept: string): Promise<Response> =>
    await fetch(`http://${app.httpAddress}${path}`, {
      headers: { authorization: `Bearer ${key.key}`, accept },
    });
  return { get, write };
}

const INSTANCE = '/v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60';

test('a watch is judged as the operation that it reads', async () => {
  const { get } = await serve('"vultr.v2.InstancesService/ListInstances"');
  for (const accept of ['text/event-stream', 'application/x-ndjson']) {
    const denied = await get(INSTANCE, accept);
    expect(denied.status).toBe(403);
    expect(await denied.text()).toContain('vultr.v2.InstancesService/GetInstance');
  }
});

test('a watch ends when its caller may no longer see the thing', async () => {
  const { get, write } = await serve('"effect:read"');
  const response = await get(INSTANCE, 'text/event-stream');
  expect(response.status).toBe(200);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader?.read())?.value ?? '';
  expect(text).toContain('cb676a46-66fd-4dfb-b839-443f2e6c0b60');
  write('"service:metrics"');
  // Whatever changes from now on is not for this caller, and the next change tells it so.
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) break;
    text += next.value;
    if (text.includes('event: error')) break;
  }
  expect(text).toContain('CALLER_DENIED');
}, 60_000);
