import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { OPERATIONS, operationOf } from '../support/access.ts';
import { sendHttp } from '../support/http-request.ts';
import { startLenientFront } from '../support/lenient-front.ts';
import { closeAtEnd, openForFile } from '../support/opened.ts';
import { connectRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/secure-clients.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The callers and what they may do. Nobody may do anything else, in any way. */
const RIGHTS = {
  reader: { key: createVirtualKey(), may: ['READ'] },
  changer: { key: createVirtualKey(), may: ['READ', 'CHANGE'] },
  creator: { key: createVirtualKey(), may: ['READ', 'CREATE'] },
} as const;
type Name = keyof typeof RIGHTS;

const CALLERS = `accounts: { prod: { key_file: ${join(folder, 'prod')} } }
callers:
${Object.entries(RIGHTS)
  .map(
    ([name, { key, may }]) =>
      `  - { name: ${name}, is: [ { token_sha256: ${key.sha256} } ], account: prod, allow: [${may.map((effect) => `"effect:${effect.toLowerCase()}"`).join(', ')}]${name === 'creator' ? ', create: { regions: [ams], plans: ["vc2-*"] }' : ''} }`,
  )
  .join('\n')}
`;

const json = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` };

const opened = openForFile(async () => {
  writeFileSync(join(folder, 'prod'), KEY);
  writeFileSync(join(folder, 'callers.yaml'), CALLERS);
  const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 7, lag: { readMs: 0, listMs: 0 } });
  closeAtEnd(() => sandbox.close());
  const { host } = new URL(sandbox.url);
  const make = async (path: string, body: unknown, member: string): Promise<string> => {
    const { text } = await sendHttp(host, 'POST', path, body, json);
    const { id } = (JSON.parse(text) as Record<string, { id: string }>)[member] ?? {};
    if (id === undefined) throw new Error(text);
    return id;
  };
  const instance = await make(
    '/v2/instances',
    { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136 },
    'instance',
  );
  const cluster = await make(
    '/v2/kubernetes/clusters',
    {
      region: 'ams',
      version: 'v1.36.1+3',
      label: 'k',
      node_pools: [{ node_quantity: 1, plan: 'vc2-2c-4gb', label: 'p' }],
    },
    'vke_cluster',
  );
  const front = await startLenientFront(sandbox.url);
  const { app } = await startOnSandbox({
    upstream: front.url,
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: join(folder, 'callers.yaml'),
  });
  return { app, sandbox, front, instance, cluster, raw: connectRaw(app.grpcAddress) };
});

/** Something that a caller may not do, in plain words. Ids are filled in when it is tried. */
interface Deed {
  readonly method: string;
  readonly path: string;
  readonly body?: JsonObject;
}

const INSTANCE = 'THE-INSTANCE';
const CLUSTER = 'THE-CLUSTER';
const NEW = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136 };

/** For each effect, what the reader must not get done. */
const DEEDS: Readonly<Record<string, Deed>> = {
  'SECRET kubeconfig': { method: 'GET', path: `/v2/kubernetes/clusters/${CLUSTER}/config` },
  'SECRET user data': { method: 'GET', path: `/v2/instances/${INSTANCE}/user-data` },
  'SECRET templates': { method: 'GET', path: '/v2/instances/templates' },
  CREATE: { method: 'POST', path: '/v2/instances', body: NEW },
  'CHANGE by PATCH': { method: 'PATCH', path: `/v2/instances/${INSTANCE}`, body: { label: 'taken' } },
  'CHANGE by POST': { method: 'POST', path: `/v2/instances/${INSTANCE}/halt` },
  DESTROY: { method: 'DELETE', path: `/v2/instances/${INSTANCE}` },
  'DESTROY by POST': { method: 'POST', path: `/v2/instances/${INSTANCE}/reinstall`, body: {} },
};

/** A request as it goes over the wire. */
interface Sent {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

const hex = (text: string, pick: RegExp): string =>
  text.replace(pick, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

const onPath =
  (change: (path: string) => string) =>
  ({ method, path, body }: Deed): Sent => ({ method, target: change(path), ...bodyOf(body) });

const bodyOf = (body: JsonObject | undefined) =>
  body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };

/** Ways to write the path of a deed. */
const PATHS: Readonly<Record<string, (path: string) => string>> = {
  'as it is': (path) => path,
  'its last letter escaped': (path) => hex(path, /.$/),
  'every letter of its last segment escaped': (path) => path.replace(/[^/]+$/, (last) => hex(last, /./g)),
  'every letter after the root escaped': (path) =>
    path.replace(/(?<=^\/v2\/).*$/, (rest) => hex(rest, /[a-z]/g)),
  'its root escaped': (path) => path.replace('/v2/', '/%76%32/'),
  'its last slash escaped': (path) => path.replace(/\/(?=[^/]+$)/, '%2F'),
  'its last slash escaped in lower case': (path) => path.replace(/\/(?=[^/]+$)/, '%2f'),
  'its last slash escaped twice': (path) => path.replace(/\/(?=[^/]+$)/, '%252F'),
  'its last slash escaped three times': (path) => path.replace(/\/(?=[^/]+$)/, '%25252F'),
  'its last slash escaped, and again': (path) => path.replace(/\/(?=[^/]+$)/, '%2F%2F'),
  'its last two slashes escaped': (path) => path.replace(/\/([^/]+)\/(?=[^/]+$)/, '%2F$1%2F'),
  'all slashes but the first two escaped': (path) => path.replace(/(?<=^\/v2\/.*)\//g, '%2F'),
  'a backslash for its last slash': (path) => path.replace(/\/(?=[^/]+$)/, '\\'),
  'an escaped backslash for its last slash': (path) => path.replace(/\/(?=[^/]+$)/, '%5C'),
  'a slash twice at the front': (path) => `/${path}`,
  'a slash twice in the middle': (path) => path.replace(/^\/v2\//, '/v2//'),
  'a slash twice at the end': (path) => path.replace(/\/(?=[^/]+$)/, '//'),
  'a slash at the end': (path) => `${path}/`,
  'an escaped slash at the end': (path) => `${path}%2F`,
  'a dot segment': (path) => path.replace(/\/(?=[^/]+$)/, '/./'),
  'an escaped dot segment': (path) => path.replace(/\/(?=[^/]+$)/, '/%2e/'),
  'two dots': (path) => path.replace('/v2/', '/v2/regions/../'),
  'two escaped dots': (path) => path.replace('/v2/', '/v2/regions/%2e%2E/'),
  'two dots escaped twice': (path) => path.replace('/v2/', '/v2/regions/%252e%252e/'),
  'two dots behind an escaped slash': (path) => path.replace('/v2/', '/v2/regions%2F../'),
  'two dots out of another root': (path) => `/api/..${path}`,
  'a path parameter': (path) => `${path};a=b`,
  'a path parameter in the middle': (path) => path.replace(/\/(?=[^/]+$)/, ';a=b/'),
  'an escaped path parameter': (path) => `${path}%3Ba=b`,
  'an escaped question mark': (path) => `${path}%3Fa=b`,
  'an escaped number sign': (path) => `${path}%23a`,
  'an escaped NUL at the end': (path) => `${path}%00`,
  'an escaped space at the end': (path) => `${path}%20`,
  'an escaped line break': (path) => `${path}%0d%0a`,
  'upper case': (path) => path.toUpperCase(),
  'its last segment in upper case': (path) => path.replace(/[^/]+$/, (last) => last.toUpperCase()),
  'its root in upper case': (path) => path.replace('/v2/', '/V2/'),
  'a verb': (path) => `${path}:config`,
  'an escape that is not UTF-8': (path) => `${path}%ff`,
  'an escape that is cut off': (path) => `${path}%2`,
  'absolute form': (path) => `http://api.vultr.com${path}`,
  'absolute form with a slash twice': (path) => `http://api.vultr.com/${path}`,
  'absolute form with two dots': (path) => `http://api.vultr.com/v2/regions/..${path.slice(3)}`,
  'absolute form behind an absolute form': (path) => `http://a/http://b${path}`,
  'a fragment': (path) => `/v2/regions#${path}`,
  'a question mark before it': (path) => `/v2/regions?${path}`,
  'nothing but a query': (path) => `?${path}`,
};

const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** Ways to say a method that is not that of the request. */
const METHODS: Readonly<Record<string, (deed: Deed) => Sent>> = {
  ...Object.fromEntries(
    ['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'TRACE'].flatMap((method) => [
      [`${method} in its place`, ({ path, body }: Deed): Sent => ({ method, target: path, ...bodyOf(body) })],
      ...[...OVERRIDES, ...OVERRIDES.map((name) => `grpc-metadata-${name}`)].map((header) => [
        `${method} with ${header}`,
        ({ method: meant, path, body }: Deed): Sent => ({
          method,
          target: path,
          body: JSON.stringify(body ?? {}),
          headers: { 'content-type': 'application/json', [header]: meant },
        }),
      ]),
      ...['_method', '%5Fmethod', '_METHOD', '_method%5B%5D'].map((name) => [
        `${method} with the parameter ${name}`,
        ({ method: meant, path, body }: Deed): Sent => ({
          method,
          target: `${path}?${name}=${meant}`,
          ...bodyOf(body),
        }),
      ]),
      [
        `${method} with _method in a form`,
        ({ method: meant, path }: Deed): Sent => ({
          method,
          target: path,
          body: `_method=${meant}`,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }),
      ],
      [
        `${method} with _method in a form of several parts`,
        ({ method: meant, path }: Deed): Sent => ({
          method,
          target: path,
          body: `--b\r\ncontent-disposition: form-data; name="_method"\r\n\r\n${meant}\r\n--b--\r\n`,
          headers: { 'content-type': 'multipart/form-data; boundary=b' },
        }),
      ],
      [
        `${method} with _method in JSON`,
        ({ method: meant, path }: Deed): Sent => ({
          method,
          target: path,
          ...bodyOf({ _method: meant }),
        }),
      ],
    ]),
  ),
};

/** Sends bytes that no HTTP client would send, and reads what comes back. */
function sendBytes({ method, target, headers = {}, body = '' }: Sent, key: string): Promise<string> {
  const { hostname, port } = new URL(`http://${opened().app.httpAddress}`);
  const content = typeof body === 'string' ? Buffer.from(body) : body;
  const head = [
    `${method} ${target} HTTP/1.1`,
    'host: localhost',
    'connection: close',
    `authorization: Bearer ${key}`,
    `content-length: ${content.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ].join('\r\n');
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), content]));
  return promise;
}

const fillIn = (text: string): string =>
  text.replaceAll(INSTANCE, opened().instance).replaceAll(CLUSTER, opened().cluster);

const filled = (deed: Deed): Deed => ({ ...deed, path: fillIn(deed.path) });

/** What Vultr has been made to do since the last time, as far as this caller may not do it. */
function takeForbidden(name: Name): readonly string[] {
  const { readings } = opened().front;
  const { may } = RIGHTS[name];
  return readings
    .splice(0)
    .filter(({ effect }) => !may.some((each) => each === effect))
    .map(({ effect, method, path }) => `${effect} ${method} ${path}`);
}

async function tryOverHttp(sent: Sent, name: Name): Promise<void> {
  const text = await sendBytes(sent, RIGHTS[name].key.key);
  expect(takeForbidden(name)).toEqual([]);
  expect(text).not.toContain('kube_config');
  // Whatever it was, the service has said something, unless Node has found that it is no HTTP.
  expect(text).toMatch(/^HTTP\/1\.1 \d{3} /);
}

const deeds = Object.entries(DEEDS).map(([what, deed]) => ({ what, deed }));

test('with the Vultr key, each of the requests reaches its operation', async () => {
  const { app, front } = opened();
  expect(app.httpAddress).toBeDefined();
  const resolved = deeds.map(({ what, deed }) => {
    const { method, path } = filled(deed);
    return [what.split(' ')[0], method, path];
  });
  for (const [effect, method = '', path = ''] of resolved) {
    await sendHttp(
      front.url.host,
      method === 'DELETE' ? 'DELETE' : method,
      `${path}`,
      method === 'GET' ? undefined : {},
      {
        'content-type': 'application/json',
        authorization: 'Bearer invalid',
      },
    );
    expect(front.readings.splice(0)).toMatchObject([{ effect }]);
  }
});

describe.each(deeds)('the reader does not get this done over HTTP: $what', ({ deed }) => {
  test.each(Object.entries(PATHS))('with the path: %s', async (_name, change) => {
    await tryOverHttp(onPath(change)(filled(deed)), 'reader');
  });

  test.each(Object.entries(METHODS))('with the method: %s', async (_name, change) => {
    await tryOverHttp(change(filled(deed)), 'reader');
  });
});

describe.each(['changer', 'creator'] as const)(
  'the %s does only that, whatever method it is said to be',
  (name) => {
    test.each(deeds)('$what', async ({ deed }) => {
      for (const change of Object.values(METHODS)) await tryOverHttp(change(filled(deed)), name);
      for (const change of Object.values(PATHS)) await tryOverHttp(onPath(change)(filled(deed)), name);
    });
  },
);

describe('RawService', () => {
  async function tryRaw(request: Parameters<typeof rawRequest>[0], name: Name): Promise<void> {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${RIGHTS[name].key.key}`);
    const reply = await opened()
      .raw.unary('/vultr.v2.RawService/Call', rawRequest(request), metadata)
      .catch(() => Buffer.alloc(0));
    expect(takeForbidden(name)).toEqual([]);
    expect(reply.toString('latin1')).not.toContain('kube_config');
  }

  describe.each(['reader', 'changer', 'creator'] as const)('%s', (name) => {
    test.each(deeds)('$what', async ({ deed }) => {
      const { method, path, body } = filled(deed);
      for (const change of Object.values(PATHS))
        await tryRaw({ method, path: change(path), ...(body !== undefined && { body }) }, name);
      for (const other of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'get', 'DELETE', 'Delete']) {
        await tryRaw({ method: other, path }, name);
        for (const parameter of ['_method', '%5fmethod', '_METHOD'])
          await tryRaw({ method: other, path, query: `${parameter}=${method}`, body: body ?? {} }, name);
        await tryRaw({ method: other, path, body: { _method: method } }, name);
        await tryRaw({ method: other, path: `${path}?_method=${method}` }, name);
      }
    });

    test('over HTTP there is no such thing', async () => {
      for (const target of ['/vultr.v2.RawService/Call', '/v2/RawService/Call', '/api/raw'])
        await tryOverHttp(
          {
            method: 'POST',
            target,
            ...bodyOf({ method: 'DELETE', path: `/v2/instances/${opened().instance}` }),
          },
          name,
        );
    });
  });
});

describe('an rpc with a path in its field', () => {
  test.each([
    ['vultr.v2.KubernetesService/GetKubernetesClusters', 'vke_id', `${CLUSTER}/config`],
    ['vultr.v2.KubernetesService/GetKubernetesClusters', 'vke_id', `${CLUSTER}%2Fconfig`],
    ['vultr.v2.InstancesService/GetInstance', 'instance_id', `${INSTANCE}/user-data`],
    ['vultr.v2.InstancesService/GetInstance', 'instance_id', `${INSTANCE}\\user-data`],
    ['vultr.v2.InstancesService/GetInstance', 'instance_id', 'Templates'],
    ['vultr.v2.InstancesService/GetInstance', 'instance_id', 'templates'],
    ['vultr.cloud.v1.CloudService/GetInstance', 'instance_id', `${INSTANCE}/user-data`],
    ['vultr.cloud.v1.CloudService/GetInstance', 'instance_id', 'templates'],
  ])('%s %s=%s', async (rpc, field, value) => {
    const { input } = operationOf(rpc);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${RIGHTS.reader.key.key}`);
    const bytes = toBinary(input, fromJson(input, { [field]: fillIn(value) }));
    await opened()
      .raw.unary(`/${rpc}`, bytes, metadata)
      .catch(() => undefined);
    expect(takeForbidden('reader')).toEqual([]);
  });
});

test('no binding of an operation that does more than read lets the reader in', async () => {
  const closed = OPERATIONS.filter(({ effect, name }) => effect !== 'READ' && name.startsWith('vultr.'));
  const { key } = RIGHTS.reader.key;
  for (const { bindings } of closed) {
    for (const { httpMethod, template } of bindings) {
      const target = template.source.replace(/\{[^}]*\}/g, opened().instance);
      const text = await sendBytes({ method: httpMethod, target, ...bodyOf({}) }, key);
      expect(text, `${httpMethod} ${target}`).toMatch(/^HTTP\/1\.1 (?:403|400) /);
      if (httpMethod === 'GET')
        expect(await sendBytes({ method: 'HEAD', target }, key)).toMatch(/^HTTP\/1\.1 (?:403|400) /);
    }
  }
  expect(takeForbidden('reader')).toEqual([]);
});

describe('the changer does not wipe a disk with', () => {
  const target = `/v2/instances/${INSTANCE}`;
  const type = { 'content-type': 'application/json' };
  const wipe = '{"label":"x","os_id":2136}';
  const sent: Readonly<Record<string, Omit<Sent, 'method' | 'target'> & { readonly query?: string }>> = {
    'a plain body': { body: wipe, headers: type },
    'another case': { body: '{"OS_ID":2136}', headers: type },
    'an escape in the name': { body: '{"os\\u005fid":2136}', headers: type },
    'white space in the name': { body: '{" os_id":2136}', headers: type },
    'a member that comes twice': { body: '{"label":"x","label":"y","os_id":2136}', headers: type },
    'a member that comes twice, the last one null': { body: '{"os_id":2136,"os_id":null}', headers: type },
    'bytes that are not UTF-8': {
      body: Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff, 0xfe), Buffer.from('","os_id":1}')]),
      headers: type,
    },
    'UTF-16': { body: Buffer.from(wipe, 'utf16le'), headers: type },
    'UTF-7 by name': { body: wipe, headers: { 'content-type': 'application/json; charset=utf-7' } },
    'a byte order mark': { body: `\ufeff${wipe}`, headers: type },
    'a comment': { body: '{/**/"os_id":2136}', headers: type },
    'a comma at the end': { body: '{"os_id":2136,}', headers: type },
    'two bodies': { body: `{}${wipe}`, headers: type },
    'a list': { body: `[${wipe}]`, headers: type },
    'a compressed body': { body: gzipSync(wipe), headers: { ...type, 'content-encoding': 'gzip' } },
    'a compressed body, by another name': {
      body: gzipSync(wipe),
      headers: { ...type, 'content-encoding': 'x-gzip' },
    },
    'another content type': { body: wipe, headers: { 'content-type': 'text/plain' } },
    'another JSON': { body: wipe, headers: { 'content-type': 'application/merge-patch+json' } },
    'a form': { body: 'os_id=2136', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    'a form of several parts': {
      body: '--b\r\ncontent-disposition: form-data; name="os_id"\r\n\r\n2136\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    YAML: { body: 'os_id: 2136', headers: { 'content-type': 'application/yaml' } },
    'two content types': { body: wipe, headers: { 'content-type': 'application/json, text/plain' } },
    'no content type': { body: wipe },
    'a parameter': { query: '?os_id=2136', body: '{}', headers: type },
    'an escaped parameter': { query: '?os%5Fid=2136', body: '{}', headers: type },
    'a parameter of a list': { query: '?os_id[]=2136', body: '{}', headers: type },
    'an image': { body: '{"image_id":"x"}', headers: type },
    'an app': { body: '{"app_id":1}', headers: type },
  };

  test.each(Object.entries(sent))('%s', async (_name, { query = '', ...rest }) => {
    const { front } = opened();
    front.readings.splice(0);
    for (const path of [fillIn(target), fillIn(target).replace('instances/', 'bare-metals/')])
      await sendBytes({ method: 'PATCH', target: path + query, ...rest }, RIGHTS.changer.key.key);
    expect(front.readings.splice(0).filter(({ text }) => /os_id|image_id|app_id/.test(text))).toEqual([]);
  });

  test('a field of an rpc', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${RIGHTS.changer.key.key}`);
    const { input } = operationOf('vultr.v2.InstancesService/UpdateInstance');
    const { front, raw, instance } = opened();
    for (const fields of [
      { os_id: 2136 },
      { additional_fields: { os_id: 2136 } },
      { additional_fields: { OS_ID: 2136 } },
    ]) {
      const bytes = toBinary(input, fromJson(input, { instance_id: instance, ...fields }));
      await raw.unary('/vultr.v2.InstancesService/UpdateInstance', bytes, metadata).catch(() => undefined);
    }
    for (const [query, body] of [
      ['os_id=1', {}],
      ['', { os_id: 1 }],
      ['', { Os_Id: 1 }],
      ['', [{ os_id: 1 }]],
    ] as const) {
      const request = rawRequest({
        method: 'PATCH',
        path: `/v2/instances/${instance}`,
        query,
        body: body as never,
      });
      await raw.unary('/vultr.v2.RawService/Call', request, metadata).catch(() => undefined);
    }
    expect(front.readings.splice(0)).toEqual([]);
  });

  test('while a label is changed', async () => {
    const text = await sendBytes(
      { method: 'PATCH', target: fillIn(target), body: '{"label":"mine"}', headers: type },
      RIGHTS.changer.key.key,
    );
    expect(text).toMatch(/^HTTP\/1\.1 20\d /);
    expect(takeForbidden('changer')).toEqual([]);
  });
});

describe('the creator does not leave its regions and plans with', () => {
  const bodies: Readonly<Record<string, string | Buffer>> = {
    'another region': '{"region":"fra","plan":"vc2-1c-1gb","os_id":1}',
    'two regions': '{"region":"ams","region":"fra","plan":"vc2-1c-1gb","os_id":1}',
    'two regions in two cases': '{"region":"ams","Region":"fra","plan":"vc2-1c-1gb","os_id":1}',
    'an escaped second region': '{"region":"ams","r\\u0065gion":"fra","plan":"vc2-1c-1gb","os_id":1}',
    'a region in a list': '{"region":["ams","fra"],"plan":"vc2-1c-1gb","os_id":1}',
    'no region': '{"plan":"vc2-1c-1gb","os_id":1}',
    'a region of null': '{"region":null,"plan":"vc2-1c-1gb","os_id":1}',
    'another plan': '{"region":"ams","plan":"vhf-1c-1gb","os_id":1}',
    'a plan inside': '{"region":"ams","plan":"vc2-1c-1gb","x":{"plan":"vhf-1c-1gb"}}',
  };

  test.each(Object.entries(bodies))('%s', async (_name, body) => {
    const { key } = RIGHTS.creator.key;
    for (const target of ['/v2/instances', '/v2/blocks', '/v2/kubernetes/clusters', '/api/instance'])
      await sendBytes({ method: 'POST', target, body, headers: { 'content-type': 'application/json' } }, key);
    await sendBytes(
      {
        method: 'POST',
        target: '/v2/instances?region=fra',
        body: JSON.stringify(NEW),
        headers: { 'content-type': 'application/json' },
      },
      key,
    );
    expect(opened().front.readings.splice(0)).toEqual([]);
  });
});

test('after all this the instance is still there, with its disk', () => {
  const { sandbox, instance } = opened();
  expect(sandbox.state.instances().find(({ id }) => id === instance)).toMatchObject({
    label: 'mine',
    os_id: 2136,
  });
});
