import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';
import { startTcp } from '../support/vultr.ts';

const PASSWORD = 'PASSWORD+OF/REDIS-0123456789';

/** What a Redis says that refuses everything, some of it with the password. */
const REFUSALS = [
  `-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'me' '${PASSWORD}' `,
  `-LOADING Redis is loading the dataset in memory (${encodeURIComponent(PASSWORD)})`,
  '-WRONGPASS invalid username-password pair or user is disabled.',
];

/** A callers file whose only caller may create twice an hour, which Redis counts. */
function writeCallers(): { readonly callersFile: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
  closeAtEnd(() => rmSync(folder, { recursive: true, force: true }));
  const { key, sha256 } = createVirtualKey();
  writeFileSync(join(folder, 'key'), KEY);
  const callersFile = join(folder, 'callers.yaml');
  writeFileSync(
    callersFile,
    `accounts: { team: { key_file: ${join(folder, 'key')} } }
callers:
  - { name: bot, is: [ { token_sha256: "${sha256}" } ], account: team, allow: [ "*" ], create: { per_hour: 2 } }
`,
  );
  return { callersFile, key };
}

test.each(REFUSALS)('a Redis that says %s gets its password into no log, metric or reply', async (line) => {
  const redis = await startTcp((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(`${line}\r\n`));
  });
  // Before what is still open is counted.
  closeAtEnd(() => redis.close());
  const redisUrl = redis.url.replace('http://', `redis://me:${encodeURIComponent(PASSWORD)}@`);
  const { callersFile, key } = writeCallers();
  const { app, log } = await startOnSandbox({
    redisUrl,
    callersFile,
    rate: 20,
    httpListen: { host: '127.0.0.1', port: 0 },
    callTimeoutMs: 3_000,
  });
  const http = app.httpAddress ?? '';
  const headers = { authorization: `Bearer ${key}` };
  const body = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 };
  const replies = [
    await sendHttp(http, 'GET', '/v2/account', undefined, headers),
    await sendHttp(http, 'POST', '/v2/instances', body, headers),
    await sendHttp(http, 'POST', '/v2/instances', body, { ...headers, 'idempotency-key': randomUUID() }),
    await sendHttp(http, 'GET', '/metrics', undefined, headers),
    await sendHttp(http, 'GET', '/readyz'),
  ];
  expect(replies.map(({ status }) => status)).toEqual([200, 503, 503, 200, 200]);
  const seen = log.text + JSON.stringify(replies.map(({ headers: sent, text }) => [sent, text]));
  expect(log.lines().length).toBeGreaterThan(3);
  for (const form of [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(PASSWORD).toString('base64')]) {
    expect(seen).not.toContain(form);
  }
});
