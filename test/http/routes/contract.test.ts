import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readBundledContract } from '../../../src/contract/bundled.ts';
import { startOnSandbox } from '../../support/service.ts';
import { connectHttp } from '../../support/v2/gateway.ts';

test('the OpenAPI document is served as JSON and as YAML, compressed, and is the same document', async () => {
  const { app } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  const http = connectHttp(`http://${app.httpAddress}`);
  const [json, again] = await Promise.all([
    http('GET', '/openapi.json', { headers: { 'accept-encoding': 'gzip' } }),
    http('GET', '/openapi.json', { headers: {} }),
  ]);
  expect(json).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  });
  expect(json.body.length).toBeLessThan(200_000);
  const document = JSON.parse(gunzipSync(json.body).toString());
  expect(document).toMatchObject({ openapi: '3.1.1', security: [{ key: [] }] });
  expect(JSON.parse(again.body.toString())).toEqual(document);
  const yaml = await http('GET', '/openapi.yaml', { headers: {} });
  expect(yaml).toMatchObject({ status: 200, headers: { 'content-type': 'application/yaml' } });
  expect(parse(yaml.body.toString())).toEqual(document);
  expect((await http('POST', '/openapi.json', { body: '{}' })).status).toBe(405);
});

test('a service with a key of its own asks for none', async () => {
  const { app } = await startOnSandbox({ apiKey: 'any-key', httpListen: { host: '127.0.0.1', port: 0 } });
  const { body } = await connectHttp(`http://${app.httpAddress}`)('GET', '/openapi.json');
  expect(JSON.parse(body.toString()).security).toEqual([{ key: [] }, {}]);
});

test('the contract is served as it was built', async () => {
  const { app } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  const { status, headers, body } = await connectHttp(`http://${app.httpAddress}`)('GET', '/contract.binpb');
  expect([status, headers['content-type']]).toEqual([200, 'application/octet-stream']);
  expect(body.equals(await readBundledContract())).toBe(true);
});
