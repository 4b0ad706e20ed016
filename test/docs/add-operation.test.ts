import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Child, startChild } from '../foreign/child.ts';
import { sendHttp } from '../support/http-request.ts';

/** The two pieces of proto that CONTRIBUTING.md adds: the rpc, and its request. */
const [rpc = '', message = ''] = [
  ...readFileSync('CONTRIBUTING.md', 'utf8').matchAll(/```proto\n(.*?)```/gs),
].map(([, piece = '']) => piece);

const PROTO = 'proto/vultr/v2/regions.proto';
const NAME = 'vultr.v2.RegionsService/RateRegion';
const EFFECT = '    option (vultr.options.v1.effect) = EFFECT_CHANGE;\n';

const PATH = `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}`;
let folder: string;

/** Runs a command in the copy. */
const run = (command: string, ...args: string[]) =>
  promisify(execFile)(command, args, { cwd: folder, env: { ...process.env, PATH } });

/** Starts the service of the copy. */
function serve(upstream: string): Child {
  const flags = [
    '--upstream',
    upstream,
    '--grpc',
    '127.0.0.1:0',
    '--http',
    '127.0.0.1:0',
    '--state-dir',
    'memory',
  ];
  return startChild(process.execPath, [join(folder, 'bin/vultr-grpc.js'), 'serve', ...flags]);
}

/** Writes the rpc and its request into the one proto file, and generates. */
async function addOperation(declaration: string): Promise<void> {
  const before = readFileSync(PROTO, 'utf8');
  const endOfService = before.indexOf('\n}\n', before.indexOf('service RegionsService'));
  const after = `${before.slice(0, endOfService)}\n\n${declaration.trimEnd()}\n}\n\n${message}${before.slice(endOfService + 3)}`;
  writeFileSync(join(folder, PROTO), after);
  await run('npm', 'run', '-s', 'generate');
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'add-operation-'));
  for (const name of [
    'bin',
    'src',
    'proto',
    'docs',
    'scripts',
    'test',
    'package.json',
    'README.md',
    'buf.yaml',
    'buf.gen.yaml',
  ])
    cpSync(name, join(folder, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('CONTRIBUTING.md has the rpc and its request', () => {
  expect(rpc).toContain(EFFECT);
  expect(rpc).toContain('rpc RateRegion');
  expect(message).toContain('message RateRegionRequest');
});

test('an rpc in one proto file is served, named, listed and documented', async () => {
  await addOperation(rpc);
  await run('buf', 'lint', '--path', PROTO);
  await run('buf', 'format', '--diff', '--exit-code', PROTO);
  const seen: string[] = [];
  const upstream = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    seen.push(`${request.method} ${request.url} ${body}`);
    response.setHeader('content-type', 'application/json').end('{"rating":{"stars":5}}');
  });
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening));
  const service = serve(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  try {
    const ready = await service.line();
    const [, grpc = '', http = ''] = /gRPC (\S+), HTTP http:\/\/(\S+),/.exec(ready) ?? [];
    const curl = ['--protocol', 'grpc', '--http2-prior-knowledge', '-H', 'authorization: Bearer KEY'];
    const data = '{"region_id": "ams", "stars": 5}';
    const { stdout } = await run('buf', 'curl', ...curl, '-d', data, `http://${grpc}/${NAME}`);
    expect(JSON.parse(stdout)).toEqual({ rating: { stars: 5 } });
    const { status } = await sendHttp(
      http,
      'POST',
      '/v2/regions/ewr/rating',
      { stars: 4 },
      {
        authorization: 'Bearer KEY',
      },
    );
    expect(status).toBe(200);
    expect(seen).toEqual([
      'POST /v2/regions/ams/rating {"stars":5}',
      'POST /v2/regions/ewr/rating {"stars":4}',
    ]);
    const { text } = await sendHttp(http, 'GET', '/metrics');
    for (const transport of ['grpc', 'http'])
      expect(text).toContain(
        `count{rpc_method="${NAME}",rpc_status_code="OK",rpc_system_name="${transport}"} 1`,
      );
  } finally {
    await service.stop();
    upstream.close();
    upstream.closeAllConnections();
  }
  await run('node', 'scripts/update-docs.ts');
  const listed = readFileSync(join(folder, 'docs/v2-operations.md'), 'utf8');
  expect(listed).toContain('| RateRegion | `POST /v2/regions/{region_id}/rating` | CHANGE |  |');
});

/** The example as a create that says this about what it creates. */
const creating = (create: string) =>
  rpc.replace(
    EFFECT,
    `    option (vultr.options.v1.effect) = EFFECT_CREATE;\n    option (vultr.options.v1.create) = {${create}};\n`,
  );

test.each([
  {
    fault: 'a POST without an effect',
    declaration: () => rpc.replace(EFFECT, ''),
    problem: 'has the method POST but does not state its effect',
  },
  {
    fault: 'a create whose tag field its request does not have',
    declaration: () => creating('tag_fields: {name: "nothing"} list: "ListRegions"'),
    problem: 'names the tag field nothing, which its request does not have',
  },
  {
    fault: 'a create with a tag and no list',
    declaration: () => creating('tag_fields: {name: "comment"}'),
    problem: 'names tag_fields but no list in which to find the thing again',
  },
  {
    fault: 'a create that says nothing of what it creates',
    declaration: () => creating('id: "rating.id"'),
    problem: 'names no tag_fields for what it creates',
  },
])('$fault stops the start, which names the rpc', async ({ declaration, problem }) => {
  await addOperation(declaration());
  const service = serve('http://127.0.0.1:1');
  await expect(service.line()).rejects.toThrow(`${NAME} ${problem}`);
  await service.stop();
});
