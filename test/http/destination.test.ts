import { expect, test } from 'vitest';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { startOnSandbox } from '../support/service.ts';

const opened = openForFile(() => startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } }));

async function messageOf(line: string): Promise<string> {
  const [method = '', path = ''] = line.split(' ');
  return JSON.parse((await sendHttp(opened().app.httpAddress ?? '', method, path)).text).message;
}

test.each([
  ['GET /api/instnces', '/api/instances'],
  ['GET /instances', '/api/instances'],
  ['GET /api/instances/', '/api/instances'],
  ['GET //api//instances', '/api/instances'],
  ['GET /v1/regions', '/api/regions'],
  ['GET /api/v2/instances', '/api/instances'],
  ['GET /kubernetes/clusters', '/v2/kubernetes/clusters'],
  ['GET /api/blocks', '/v2/blocks'],
  ['GET /doc', '/docs'],
  ['GET /stauts', '/status'],
  ['GET /openapi.jsn', '/openapi.json'],
  ['GET /metric', '/metrics'],
  ['GET /kubernetes/clusters/KEY-OF-SOMEBODY', '/v2/kubernetes/clusters/{vke_id}'],
])('%s is told of %s', async (line, path) => {
  expect(await messageOf(line)).toBe(`There is no operation at this path. Did you mean ${path}?`);
});

test.each([
  [
    'GET /api/instances/stop',
    'This path accepts PUT, not GET. PUT /api/instances/stop takes a JSON object with "instance_id" and, if you like, "access_token", "secret_id", "secret_key".',
  ],
  ['POST /api/regions', 'This path accepts GET, HEAD, not POST.'],
  [
    'GET /api/instance',
    /^This path accepts POST, not GET\. POST \/api\/instance takes a JSON object with "region", "plan" and/,
  ],
  ['DELETE /docs', 'This path accepts GET, HEAD, not DELETE.'],
])('%s is told what to send', async (line, message) => {
  expect(await messageOf(line)).toMatch(message);
});
