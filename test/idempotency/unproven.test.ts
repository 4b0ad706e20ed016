import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startService } from '../support/service.ts';

/** Successes of Vultr's that do not prove that anything was made. */
const KINDS: readonly (readonly [string, FakeAnswer])[] = [
  ['an error object', [200, { error: 'Something went wrong.', status: 500 }]],
  ['an error object without a status', [202, { error: 'Something went wrong.' }]],
  ['an empty body', [202, undefined]],
  ['204', [204, undefined]],
  ['an empty object', [200, {}]],
  ['null', [200, null]],
  ['another object', [200, { account: { name: 'somebody' } }]],
  ['the object without its id', [200, { instance: {}, record: { id: '' }, label: 'x' }]],
  ['an HTML page', [200, '<html><title>Welcome</title></html>', 'text/html']],
];

interface Thing {
  readonly rpc: string;
  readonly path: string;
  readonly pathFields: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string | number | { gb: number }>>;
  /** Where the list has it; undefined: it carries no tag. */
  readonly list: string | undefined;
  /** What the creation returns when it works, and what is returned when it was found. */
  readonly wrap: (thing: unknown) => unknown;
}

const INSTANCE: Thing = {
  rpc: 'vultr.v2.InstancesService/CreateInstance',
  path: '/v2/instances',
  pathFields: {},
  body: { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 },
  list: 'instances',
  wrap: (instance) => ({ instance }),
};
const DNS_RECORD: Thing = {
  rpc: 'vultr.v2.DnsService/CreateDnsDomainRecord',
  path: '/v2/domains/example.com/records',
  pathFields: { dns_domain: 'example.com' },
  body: { name: 'www', type: 'A', data: '192.0.2.1' },
  list: undefined,
  wrap: (record) => ({ record }),
};
/** Vultr returns it bare. */
const FILE_SYSTEM: Thing = {
  rpc: 'vultr.v2.VfsService/CreateVfs',
  path: '/v2/vfs',
  pathFields: {},
  body: { region: 'ewr', label: 'mine', storage_size: { gb: 10 } },
  list: 'vfs',
  wrap: (vfs) => vfs,
};

/** The service, before a Vultr that makes everything and responds as a test says. */
const opened = openForFile(async () => {
  const vultr = { list: 'things', responses: [] as readonly FakeAnswer[], made: [] as unknown[] };
  const upstream = await startFakeUpstream(({ method, body }) => {
    const { list, responses, made } = vultr;
    if (method === 'GET') return [200, { [list]: made, meta: { total: made.length } }];
    made.push({ ...JSON.parse(body), id: `made-${made.length + 1}` });
    return responses[Math.min(made.length, responses.length) - 1] ?? [500, {}];
  });
  const service = await startService({ upstream: upstream.url, httpListen: { host: '127.0.0.1', port: 0 } });
  return { vultr, service, call: connectAnyRpc(service.app.grpcAddress) };
});

/** Begins anew, with what Vultr responds to the creations of a thing from now on. */
function start({ rpc, path, pathFields, body, list = 'things' }: Thing, responses: readonly FakeAnswer[]) {
  const { vultr, service, call } = opened();
  Object.assign(vultr, { list, responses, made: [] });
  const create = {
    gRPC: (key: string) => call(rpc, { ...body, ...pathFields }, { 'idempotency-key': key }),
    HTTP: async (key: string | undefined) => {
      const headers = {
        authorization: `Bearer ${KEY}`,
        ...(key !== undefined && { 'idempotency-key': key }),
      };
      const { status, text } = await sendHttp(service.app.httpAddress ?? '', 'POST', path, body, headers);
      return { status, text };
    },
  };
  return { posts: () => vultr.made.length, create, call };
}

describe.each([
  ['an instance', INSTANCE],
  ['a file system, which is returned bare', FILE_SYSTEM],
])('%s whose creation gets a success that proves nothing is found by its tag', (_what, thing) => {
  test.each(KINDS)('%s, over gRPC', async (_kind, response) => {
    const { create, posts } = start(thing, [response]);
    const key = randomUUID();
    const found = await create.gRPC(key);
    expect(found).toMatchObject(thing.wrap({ id: 'made-1' }) as object);
    expect(await create.gRPC(key)).toEqual(found);
    expect(posts()).toBe(1);
  });

  test.each(KINDS)('%s, over HTTP', async (_kind, response) => {
    const { create, posts } = start(thing, [response]);
    const key = randomUUID();
    const found = await create.HTTP(key);
    expect(found.status).toBe(200);
    expect(JSON.parse(found.text)).toMatchObject(thing.wrap({ id: 'made-1' }) as object);
    expect(await create.HTTP(key)).toEqual(found);
    expect(posts()).toBe(1);
  });
});

describe('a DNS record, which carries no tag, is never taken for made, nor created again', () => {
  test.each(KINDS)('%s, over gRPC', async (_kind, response) => {
    const { create, posts } = start(DNS_RECORD, [response]);
    const key = randomUUID();
    for (let time = 0; time < 2; time += 1) {
      const failure = await failureOf(create.gRPC(key));
      expect(failure.code).toBe('FAILED_PRECONDITION');
      expect(failure.info?.reason).toBe('CREATE_UNCERTAIN');
    }
    expect(posts()).toBe(1);
  });

  test.each(KINDS)('%s, over HTTP', async (_kind, response) => {
    const { create, posts } = start(DNS_RECORD, [response]);
    const key = randomUUID();
    for (let time = 0; time < 2; time += 1) {
      const { status, text } = await create.HTTP(key);
      expect(status).toBe(400);
      expect(text).toContain('CREATE_UNCERTAIN');
    }
    expect(posts()).toBe(1);
  });
});

describe.each([
  ['an instance', INSTANCE],
  ['a DNS record', DNS_RECORD],
  ['a file system', FILE_SYSTEM],
])('%s that is refused by an error object in a success', (_what, thing) => {
  const refusal: FakeAnswer = [200, { error: 'Invalid plan.', status: 400 }];
  const success: FakeAnswer = [201, thing.wrap({ id: 'right' })];

  test('is refused over gRPC, and its key is free', async () => {
    const { create, posts } = start(thing, [refusal, success]);
    const key = randomUUID();
    const failure = await failureOf(create.gRPC(key));
    expect(failure.info?.reason).toBe('VULTR_REFUSED');
    expect(await create.gRPC(key)).toMatchObject(thing.wrap({ id: 'right' }) as object);
    expect(posts()).toBe(2);
  });

  test("is refused over HTTP with Vultr's response, and its key is free", async () => {
    const { create, posts } = start(thing, [refusal, success]);
    const key = randomUUID();
    expect((await create.HTTP(key)).text).toContain('Invalid plan.');
    expect(JSON.parse((await create.HTTP(key)).text)).toMatchObject(thing.wrap({ id: 'right' }) as object);
    expect(posts()).toBe(2);
  });
});

test.each(KINDS)(
  'without a key, %s is reported as uncertain over gRPC, and not repeated',
  async (_kind, response) => {
    const { call, posts } = start(INSTANCE, [response]);
    const failure = await failureOf(call(INSTANCE.rpc, INSTANCE.body));
    expect(failure.info?.reason).toBe('CREATE_UNCERTAIN');
    expect(failure.message).toMatch(/before you repeat/);
    expect(failure.retryDelayMs).toBeUndefined();
    expect(posts()).toBe(1);
  },
);

test('without a key, /v2 passes on what Vultr said', async () => {
  const { create } = start(INSTANCE, [[202, { account: { name: 'somebody' } }]]);
  expect(await create.HTTP(undefined)).toEqual({ status: 202, text: '{"account":{"name":"somebody"}}' });
});
