import { beforeEach, describe, expect, test } from 'vitest';
import cases from '../cases/curl-lines.json' with { type: 'json' };
import { type HttpReply, sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

/** 40 s of booting pass in 4 s, so that a busy machine misses none of the states. */
const opened = openForFile(() =>
  startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } }, { timeScale: 10 }),
);
beforeEach(() => opened().sandbox.reset());

function send(line: string, body?: unknown, headers: Record<string, string> = {}): Promise<HttpReply> {
  const [method = '', target = ''] = line.split(' ');
  return sendHttp(opened().app.httpAddress ?? '', method, target, body, headers);
}

interface Envelope {
  readonly data: { readonly '@type': string; readonly value: Readonly<Record<string, unknown>> };
}

/** The payload of a CloudService answer, whose envelope has to be the documented one. */
function payload({ status, headers, text }: HttpReply): Readonly<Record<string, unknown>> {
  expect([status, headers['content-type']], text).toEqual([200, 'application/json']);
  const { data, ...others } = JSON.parse(text) as Envelope;
  expect([others, data['@type']]).toEqual([{}, 'type.googleapis.com/google.protobuf.Struct']);
  return data.value;
}

interface CurlLine {
  readonly line: string;
  readonly body?: object;
  readonly list?: string;
  readonly member?: object;
  readonly one?: object;
}

describe('the lines of the original README', () => {
  test.each(cases as CurlLine[])('$line', async ({ line, body, list, member, one }) => {
    const value = payload(await send(line, body));
    if (list !== undefined) {
      expect(Object.keys(value)).toEqual([list, 'meta']);
      expect(value[list]).toEqual(expect.arrayContaining([expect.objectContaining(member)]));
      expect(value['meta']).toEqual({ Links: { next: '', prev: '' }, total: (value[list] as []).length });
    } else if (one === undefined) {
      expect(value).toEqual({});
    } else {
      expect(value).toEqual({ instance: expect.objectContaining(one) });
    }
  });
});

test('an instance is created, watched, halted, started, rebooted, terminated and gone', async () => {
  const accessToken = KEY;
  const create = { accessToken, region: 'ams', plan: 'vc2-1c-1gb', image_id: '124', hostname: 'test' };
  const { instance } = payload(await send('POST /api/instance', create)) as { instance: { id: string } };
  const instanceId = instance.id;
  const watch = async (until: string): Promise<Record<string, unknown>[]> => {
    const reply = await send(`GET /api/instances/${instanceId}:watch?accessToken=${KEY}&${until}`);
    expect([reply.status, reply.headers['content-type']], reply.text).toEqual([200, 'application/x-ndjson']);
    const lines = reply.text.trimEnd().split('\n').filter(Boolean);
    return lines.map(
      (line) => (JSON.parse(line) as Envelope).data.value['instance'] as Record<string, unknown>,
    );
  };
  const act = (line: string): Promise<HttpReply> => send(line, { accessToken, instanceId });

  const states = await watch('until.status=active&until.serverStatus=ok');
  expect(states[0]).toMatchObject({ status: 'pending', main_ip: '0.0.0.0' });
  expect(states.at(-1)).toMatchObject({ status: 'active', server_status: 'ok' });
  expect(payload(await act('PUT /api/instances/stop'))).toEqual({});
  expect((await watch('until.power_status=stopped')).at(-1)).toMatchObject({ power_status: 'stopped' });
  expect(payload(await act('PUT /api/instance/start'))).toEqual({});
  expect((await watch('until.power_status=running')).at(-1)).toMatchObject({ power_status: 'running' });
  expect(payload(await act('PUT /api/instance/reboot'))).toEqual({});
  expect(payload(await act('PUT /api/instance/terminate'))).toEqual({});
  expect(await watch('until.gone=true')).toEqual([]);
  const gone = await send(`GET /api/instances/${instanceId}?accessToken=${KEY}`);
  expect([gone.status, JSON.parse(gone.text)]).toMatchObject([404, { code: 5, message: expect.any(String) }]);
  expect(opened().log.text).not.toContain(KEY);
});

test('a failure is the JSON of google.rpc.Status, with every violation', async () => {
  const { status, text, headers } = await send('POST /api/instance', { accessToken: KEY });
  expect([status, JSON.parse(text)]).toEqual([
    400,
    {
      code: 3,
      message: expect.any(String),
      details: [
        expect.objectContaining({
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'INVALID_REQUEST',
          domain: 'vultr-grpc',
        }),
        {
          '@type': 'type.googleapis.com/google.rpc.BadRequest',
          fieldViolations: [
            { field: 'region', description: expect.any(String) },
            { field: 'plan', description: expect.any(String) },
          ],
        },
        { '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: headers['x-request-id'] },
      ],
    },
  ]);
});

test('one call is one line of the log, and the request id is in the reply', async () => {
  const { log } = opened();
  const reply = await send(`GET /api/instances?accessToken=${KEY}`, undefined, {
    'x-request-id': 'req-http',
  });
  expect(reply.headers['x-request-id']).toBe('req-http');
  expect(log.lines({ request_id: 'req-http' })).toEqual([
    expect.objectContaining({
      method: 'vultr.cloud.v1.CloudService/ListInstances',
      transport: 'http',
      code: 'OK',
      credential: 'request',
    }),
  ]);
});

test('a key is not logged, wherever it was put', async () => {
  await send(`GET /api/nothing?accessToken=${KEY}`);
  await send(`GET /api/instances?accessToken=${KEY}&per_page=${KEY}`);
  await send(`PATCH /api/instances?accessToken=${KEY}`);
  await send('GET /api/instances', undefined, { authorization: KEY });
  await send('POST /api/instance', { accessToken: KEY, accesToken: KEY });
  await send('POST /api/instance', { accessToken: [KEY] });
  await send('GET /v2/instances', undefined, { authorization: `Bearer ${KEY}` });
  // Below /v2 the query is the caller's own, and goes on as it is; it is not logged either.
  const before = opened().sandbox.requests.list().length;
  await send(`GET /v2/instances?access_token=${KEY}`, undefined, { authorization: `Bearer ${KEY}` });
  expect(opened().log.text).not.toContain(KEY);
  expect(
    opened()
      .sandbox.requests.list()
      .slice(0, before)
      .map(({ path, query }) => path + query)
      .join(),
  ).not.toContain(KEY);
});
