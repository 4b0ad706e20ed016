import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fetchJwks } from '../../src/access/fetch-jwks.ts';
import { createCa } from '../support/access.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
const ca = createCa(folder);
const pair = ca.issue('server', { subject: '/CN=server', altNames: 'IP:127.0.0.1' });
const seen: (string | undefined)[] = [];
const server = createServer(
  { cert: readFileSync(pair.cert), key: readFileSync(pair.key) },
  (request, response) => {
    seen.push(request.headers.authorization);
    response.end('{"keys":[]}');
  },
).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test('a key set is fetched by a CA bundle of its own and with a token that rotates', async () => {
  const bearerFile = join(folder, 'token');
  for (const token of ['one', 'two']) {
    writeFileSync(bearerFile, `${token}\n`);
    expect(Buffer.from(await fetchJwks({ url, caFile: ca.cert, bearerFile })).toString()).toBe('{"keys":[]}');
  }
  expect(seen).toEqual(['Bearer one', 'Bearer two']);
});

test('a key set of a server whose certificate is not trusted is not', async () => {
  await expect(fetchJwks({ url })).rejects.toThrow(/certificate/);
});
