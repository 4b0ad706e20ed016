import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { createHomeRoute } from '../../../src/http/routes/home.ts';
import { startOnSandbox } from '../../support/service.ts';
import { connectHttp } from '../../support/v2/gateway.ts';

test('/ tells a program where it is, and the paths and commands that it names work', async () => {
  const { app, sandbox } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  const base = `http://${app.httpAddress}`;
  const http = connectHttp(base);
  const home = await http('GET', '/');
  expect(home).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/json', vary: /Accept/ },
  });
  const facts = JSON.parse(home.body.toString());
  expect(facts).toMatchObject({ service: 'vultr-grpc', version: packageJson.version, upstream: sandbox.url });
  expect(Object.keys(facts.links)).toContain('/openapi.json');
  for (const path of Object.keys(facts.links)) expect((await http('GET', path)).status, path).toBe(200);
  expect(facts.try).toHaveLength(3);
  for (const command of facts.try) {
    const target = new RegExp(`^curl ${base}(\\S+)`).exec(command)?.[1];
    expect((await http('GET', String(target))).status, command).toBe(200);
  }
});

test('/ is a page in a browser, which loads nothing and runs no script', async () => {
  const { app } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  const http = connectHttp(`http://${app.httpAddress}`);
  const { headers, body } = await http('GET', '/', {
    headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
  });
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  const style = /<style>(.*?)<\/style>/s.exec(body.toString())?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(headers['content-security-policy']).toContain(`'sha256-${hash}'`);
  expect(body.toString()).toContain('<h1>vultr-grpc');
  expect(body.toString()).toContain('Anonymous, like everybody');
  expect(body.toString()).not.toMatch(/<script|src=/);
});

test('the Host that a caller sends is repeated only when it is valid', async () => {
  const route = createHomeRoute({
    version: '1',
    upstream: 'https://a.example/?a=1&b=<2>',
    hasCallers: true,
    scheme: 'https',
    recognise: async () => ({ caller: '<you>', says: 'You & me.' }),
  });
  const reply = await route({
    path: '/',
    query: '',
    headers: { host: '"><script>', accept: 'text/html' },
    peer: '',
    requestId: 'r',
    signal: new AbortController().signal,
    evidence: () => {
      throw new Error('The page asks for no proof.');
    },
  });
  if (!('body' in reply)) throw new Error('The page is a stream.');
  const text = Buffer.from(reply.body).toString();
  expect(text).toContain('curl https://127.0.0.1:8005/api/regions');
  expect(text).not.toContain('script');
  expect(text).toContain('https://a.example/?a=1&amp;b=&lt;2&gt;');
  expect(text).toContain('<strong>&lt;you&gt;</strong>. You &amp; me.');
});
