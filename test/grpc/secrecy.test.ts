import { expect, test } from 'vitest';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { KEY, startService } from '../support/service.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

test('a key shows up nowhere but in the header for Vultr', async () => {
  const upstream = await startFakeUpstream(({ authorization }) => [
    400,
    { error: `Bad request from ${authorization}`, status: 400 },
  ]);
  const { client, log } = await startService({ upstream: upstream.url, apiKey: `${KEY}-OF-THE-SERVICE` });
  const failures = await Promise.all([
    failureOf(client.ask('getInstance', { instance_id: ID })),
    failureOf(client.ask('getInstance', { instance_id: ID, access_token: KEY })),
    failureOf(client.ask('getInstance', { instance_id: 'x', access_token: KEY })),
    failureOf(client.ask('getInstance', { instance_id: ID, access_token: `${KEY} ` })),
    failureOf(client.ask('getInstance', { instance_id: ID }, { metadata: { authorization: KEY } })),
    failureOf(client.ask('getInstance', { instance_id: ID }, { metadata: { authorization: '' } })),
    failureOf(client.watch({ instance_id: ID, access_token: KEY }).next()),
  ]);
  expect(upstream.received.some(({ authorization }) => authorization === `Bearer ${KEY}`)).toBe(true);
  expect(upstream.received.map(({ url, body }) => url + body).join()).not.toContain(KEY);
  expect(log.lines().length).toBe(failures.length);
  expect(log.text).not.toContain(KEY);
  for (const { message, info, violations, status, metadata } of failures) {
    expect(JSON.stringify([message, info, violations, metadata.getMap()])).not.toContain(KEY);
    for (const { value } of status?.details ?? []) expect(value.includes(KEY)).toBe(false);
  }
});
