import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { closeAtEnd } from '../support/opened.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

/** A service with two callers of one account, of whom the first one's rights can be changed. */
async function serve(allow: string) {
  const [dash, other] = [createVirtualKey(), createVirtualKey()];
  const file = join(temporaryFolder(), 'callers.yaml');
  const write = (rights: string): void => {
    writeFileSync(
      `${file}.new`,
      `accounts: { lab: { key_env: LAB_KEY } }
callers:
  - { name: dash, is: [ { token_sha256: ${dash.sha256} } ], account: lab, allow: [ ${rights} ] }
  - { name: other, is: [ { token_sha256: ${other.sha256} } ], account: lab, allow: [ "effect:read", "effect:change" ] }
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
  const ask =
    (key: string) =>
    async (path: string, accept: string, init: RequestInit = {}): Promise<Response> =>
      await fetch(`http://${app.httpAddress}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${key}`, accept },
      });
  return { get: ask(dash.key), getAsOther: ask(other.key), write };
}

const INSTANCE = '/v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60';

/** Reads the events of a response one after the other. */
function eventsOf({ body }: Response) {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    /** Everything that has come, once this is part of it, or the response has ended. */
    until: async (wanted: string): Promise<string> => {
      while (!text.includes(wanted)) {
        const next = await reader?.read();
        if (next === undefined || next.done) break;
        text += next.value;
      }
      return text;
    },
    cancel: async () => await reader?.cancel(),
  };
}

test('a watch ends when its caller may no longer see the thing, and those of others go on', async () => {
  const { get, getAsOther, write } = await serve('"effect:read"');
  const [response, others] = [
    await get(INSTANCE, 'text/event-stream'),
    await getAsOther(INSTANCE, 'text/event-stream'),
  ];
  expect([response.status, others.status]).toEqual([200, 200]);
  const [events, eventsOfOther] = [eventsOf(response), eventsOf(others)];
  expect(await events.until('\n\n')).toContain('cb676a46-66fd-4dfb-b839-443f2e6c0b60');
  await eventsOfOther.until('\n\n');
  write('"service:metrics"');
  // Whatever changes from now on is not for this caller, and the next change tells it so.
  expect(await events.until('event: error')).toContain('CALLER_DENIED');
  const label = { method: 'PATCH', body: '{"label":"seen by the other"}' };
  await getAsOther(INSTANCE, 'application/json', {
    ...label,
    headers: { 'content-type': 'application/json' },
  });
  expect(await eventsOfOther.until('seen by the other')).toContain('seen by the other');
  await eventsOfOther.cancel();
}, 60_000);

test('a caller that may not see a thing does not get it from one that watches it', async () => {
  const { get, getAsOther } = await serve('"vultr.v2.InstancesService/ListInstances"');
  const watched = await getAsOther(INSTANCE, 'text/event-stream');
  const events = eventsOf(watched);
  const [, id = ''] = /^id: (.*)$/m.exec(await events.until('\n\n')) ?? [];
  const denied = await get(INSTANCE, 'text/event-stream', { headers: { 'last-event-id': id } });
  expect(denied.status).toBe(403);
  expect(await denied.text()).not.toContain('main_ip');
  await events.cancel();
});
