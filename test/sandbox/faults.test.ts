import { describe, expect, test } from 'vitest';
import { type Fault, parseFaults, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { sandboxFor, VALID_CREATE } from './client.ts';

const create = { body: VALID_CREATE };

describe('faults', () => {
  test('drop-before does no work, drop-after does', async () => {
    const { sandbox, call } = await sandboxFor();
    sandbox.faults.set([{ method: 'POST', path: '/v2/instances', kind: 'drop-before', times: 1 }]);
    await expect(call('POST /v2/instances', create)).rejects.toThrow();
    expect(sandbox.state.instancesCreated).toBe(0);
    sandbox.faults.set([{ method: 'POST', path: '/v2/instances', kind: 'drop-after', times: 1 }]);
    await expect(call('POST /v2/instances', create)).rejects.toThrow();
    expect(sandbox.state.instancesCreated).toBe(1);
    expect((await call('POST /v2/instances', create)).status).toBe(202);
    expect(sandbox.requests.list().map(({ fault, status }) => [fault, status])).toEqual([
      ['drop-before', 0],
      ['drop-after', 0],
      [undefined, 202],
    ]);
  });

  test.each([
    [false, 0],
    [true, 1],
  ])('status answers a page, with after=%s the work is done %d times', async (after, created) => {
    const { sandbox, call } = await sandboxFor({ faults: [{ kind: 'status', status: 504, after }] });
    const reply = await call('POST /v2/instances', create);
    expect([reply.status, reply.headers['content-type']]).toEqual([504, 'text/html']);
    expect(reply.text).toHaveLength(82);
    expect(sandbox.state.instancesCreated).toBe(created);
  });

  test.each<[Partial<Fault>, number, unknown]>([
    [{}, 200, { error: 'Internal server error', status: 500 }],
    [{ status: 202, text: 'No.' }, 202, { error: 'No.', status: 500 }],
    [{ status: 422, text: 'No.' }, 422, { error: 'No.', status: 422 }],
    [{ status: 404, text: 'No.', member: 'message' }, 404, { message: 'No.' }],
    [{ member: 'message' }, 200, { message: 'Internal server error' }],
  ])('error with %o is an error object with status %i', async (options, status, json) => {
    const { sandbox, call } = await sandboxFor({ faults: [{ kind: 'error', ...options }] });
    const reply = await call('POST /v2/instances', create);
    expect([reply.status, reply.json]).toEqual([status, json]);
    expect(reply.headers['content-type']).toBe('application/json');
    expect(sandbox.state.instancesCreated).toBe(0);
    sandbox.faults.set([{ kind: 'error', after: true, ...options }]);
    expect((await call('POST /v2/instances', create)).json).toEqual(json);
    expect(sandbox.state.instancesCreated).toBe(1);
  });

  test('status can be a success with any body, after the work', async () => {
    const body = '<html><title>Sign in</title></html>';
    const { sandbox, call } = await sandboxFor({
      faults: [{ kind: 'status', status: 200, body, after: true }],
    });
    const reply = await call('POST /v2/instances', create);
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([200, 'text/html', body]);
    expect(sandbox.state.instancesCreated).toBe(1);
  });

  test('a 429 is that of the edge, with Retry-After when asked for', async () => {
    const limited = { kind: 'status', status: 429 } as const;
    const { sandbox, call } = await sandboxFor({ faults: [{ ...limited, retryAfter: '2' }] });
    const reply = await call('GET /v2/regions');
    expect([reply.status, reply.text]).toEqual([429, '{"status": 429,"error": "rate limit exceeded"}']);
    expect(reply.headers['retry-after']).toBe('2');
    sandbox.faults.set([limited]);
    expect((await call('GET /v2/regions')).headers['retry-after']).toBeUndefined();
    const date = 'Wed, 21 Oct 2026 07:28:00 GMT';
    sandbox.faults.set([{ kind: 'error', status: 503, retryAfter: date }]);
    expect((await call('GET /v2/regions')).headers['retry-after']).toBe(date);
  });

  test('cut-body ends before the length it promised', async () => {
    const { sandbox, call } = await sandboxFor({ faults: [{ kind: 'cut-body' }] });
    await expect(call('POST /v2/instances', create)).rejects.toThrow('aborted');
    expect(sandbox.state.instancesCreated).toBe(1);
  });

  test('not-json says JSON and is none', async () => {
    const { call } = await sandboxFor({ faults: [{ kind: 'not-json' }] });
    const reply = await call('GET /v2/regions');
    expect([reply.status, reply.headers['content-type'], reply.json]).toEqual([
      200,
      'application/json',
      undefined,
    ]);
  });

  test('slow-body arrives whole, latency lets the response through', async () => {
    const { sandbox, call } = await sandboxFor({ faults: [{ kind: 'slow-body', latencyMs: 30 }] });
    expect((await call('GET /v2/regions')).json.regions).toHaveLength(32);
    sandbox.faults.set([{ kind: 'latency', latencyMs: 5 }]);
    expect((await call('GET /v2/regions')).json.regions).toHaveLength(32);
    expect(sandbox.requests.list().map(({ fault }) => fault)).toEqual(['slow-body', 'latency']);
  });

  test('hang never responds, and close ends it', async () => {
    const { sandbox, call } = await sandboxFor({ faults: [{ kind: 'hang', path: '/v2/os' }] });
    const hanging = call('GET /v2/os').then(
      () => 'answered',
      () => 'ended',
    );
    expect((await call('GET /v2/regions')).status).toBe(200);
    expect(sandbox.requests.list()[0]?.status).toBe(0);
    await sandbox.close();
    expect(await hanging).toBe('ended');
  });

  test('method, path with *, skip and times choose the requests', async () => {
    const { sandbox, call } = await sandboxFor();
    sandbox.faults.set([
      { method: 'GET', path: '/v2/instances/*', kind: 'status', status: 503, skip: 1, times: 2 },
    ]);
    const path = 'GET /v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60';
    const statuses = [];
    for (const line of [path, 'GET /v2/instances', path, path, path])
      statuses.push((await call(line)).status);
    expect(statuses).toEqual([200, 200, 503, 503, 200]);
    expect(sandbox.faults.list()[0]?.hits).toBe(2);
  });

  test('probability hits about its share, repeatably', async () => {
    const run = async () => {
      const { sandbox, call } = await sandboxFor({
        faults: [{ kind: 'status', status: 500, probability: 0.5 }],
      });
      for (let count = 0; count < 60; count++) await call('GET /v2/iso-public');
      return sandbox.requests.list().map(({ status }) => status);
    };
    const statuses = await run();
    expect(new Set(statuses)).toEqual(new Set([200, 500]));
    expect(await run()).toEqual(statuses);
  });

  test.each<[string, unknown, string]>([
    ['no array', { kind: 'hang' }, 'faults must be an array'],
    ['no object', [7], 'faults[0] must be an object'],
    ['no kind', [{}], 'faults[0].kind is missing'],
    ['an unknown kind', [{ kind: 'fire' }], 'faults[0].kind must be one of latency, drop-before'],
    ['an unknown member', [{ kind: 'hang', pth: '/' }], 'faults[0].pth is unknown'],
    [
      'a wrong probability',
      [{ kind: 'hang', probability: 2 }],
      'faults[0].probability must be a number from 0 to 1',
    ],
    ['a status fault without status', [{ kind: 'status' }], 'faults[0].status is missing'],
    ['a latency without time', [{ kind: 'hang' }, { kind: 'latency' }], 'faults[1].latencyMs is missing'],
    [
      'a lower-case method',
      [{ kind: 'hang', method: 'get' }],
      'faults[0].method must be an upper-case HTTP method',
    ],
    [
      'a status below 200',
      [{ kind: 'status', status: 100 }],
      'faults[0].status must be an HTTP status from 200',
    ],
    [
      'an unknown member for the text',
      [{ kind: 'error', member: 'detail' }],
      'faults[0].member must be error or message',
    ],
    [
      'a header with a line break',
      [{ kind: 'error', retryAfter: '1\r\nx: y' }],
      'faults[0].retryAfter must be seconds or a date',
    ],
    ['a relative path', [{ kind: 'hang', path: 'v2' }], 'faults[0].path must be a path that starts with /'],
  ])('%s is refused by name', (_, value, message) => {
    expect(() => parseFaults(value)).toThrow(message);
  });
});

describe('control over HTTP', () => {
  test('faults are set, shown and cleared without a key', async () => {
    const { call } = await sandboxFor();
    const faults: Fault[] = [{ kind: 'status', status: 502 }];
    expect((await call('PUT /_sandbox/faults', { key: null, contentType: null, body: faults })).status).toBe(
      200,
    );
    expect((await call('GET /v2/regions')).status).toBe(502);
    expect((await call('GET /_sandbox/faults')).json.faults).toEqual([{ ...faults[0], hits: 1 }]);
    expect((await call('DELETE /_sandbox/faults')).status).toBe(204);
    expect((await call('GET /v2/regions')).status).toBe(200);
  });

  test('wrong values are 400 with the reason, unknown controls 404', async () => {
    const { call } = await sandboxFor();
    const wrong = await call('PUT /_sandbox/faults', { body: [{ kind: 'fire' }] });
    expect([wrong.status, wrong.json.error]).toEqual([400, expect.stringContaining('faults[0].kind')]);
    expect((await call('POST /_sandbox/advance', { body: { ms: -1 } })).status).toBe(400);
    expect((await call('POST /_sandbox/advance', { body: {} })).status).toBe(400);
    expect((await call('PUT /_sandbox/faults', { rawBody: '[' })).status).toBe(400);
    expect((await call('GET /_sandbox/nothing')).status).toBe(404);
  });

  test('the log shows requests without keys, advance moves time, reset forgets all', async () => {
    const { sandbox, call } = await sandboxFor();
    await call('POST /v2/instances', { ...create, key: 'my-secret-key' });
    const { json, text } = await call('GET /_sandbox/requests');
    expect(json.summary).toMatchObject({
      total: 1,
      byStatus: { 202: 1 },
      byMethod: { POST: 1 },
      maxPerSecond: 1,
    });
    expect(json.requests[0]).toMatchObject({ method: 'POST', path: '/v2/instances', status: 202 });
    expect(text).not.toContain('my-secret-key');
    const beforeMs = sandbox.nowMs();
    expect((await call('POST /_sandbox/advance', { body: { ms: 60_000 } })).status).toBe(204);
    expect(sandbox.nowMs() - beforeMs).toBeGreaterThanOrEqual(60_000);
    expect((await call('GET /_sandbox/state')).json).toMatchObject({
      instances_created: 1,
      instances: { length: 3 },
    });
    expect((await call('POST /_sandbox/reset')).status).toBe(204);
    expect([sandbox.state.instancesCreated, sandbox.requests.count()]).toEqual([0, 0]);
    expect(sandbox.state.instances()).toHaveLength(2);
  });
});

describe('options', () => {
  test.each<[string, SandboxOptions, string]>([
    ['listen', { listen: 'nowhere' }, 'listen must be host:port'],
    ['a port beyond 65535', { listen: '127.0.0.1:70000' }, 'listen must be host:port'],
    ['timeScale', { timeScale: 0 }, 'timeScale must be a number above 0'],
    ['rateLimitPerSecond', { rateLimitPerSecond: 1.5 }, 'rateLimitPerSecond must be an integer >= 0'],
    ['lag', { lag: { bootMs: -1 } }, 'bootMs must be an integer >= 0'],
    ['faults', { faults: [{ kind: 'status' }] }, 'faults[0].status is missing'],
  ])('a wrong %s is refused by name', async (_, options, message) => {
    await expect(startSandbox(options)).rejects.toThrow(message);
  });

  test('an address in use is refused', async () => {
    const { sandbox } = await sandboxFor();
    await expect(startSandbox({ listen: new URL(sandbox.url).host })).rejects.toThrow('EADDRINUSE');
  });
});
