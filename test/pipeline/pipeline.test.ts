import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Payload } from '../../src/payload/payload.ts';
import type { Call, Reply } from '../../src/rpc/call.ts';
import { anyReply } from '../../src/rpc/reply.ts';
import { CallError } from '../../src/status/call-error.ts';
import {
  CLOUD,
  drain,
  failure,
  fine,
  ID,
  incoming,
  KEY,
  pipelineOf,
  request,
} from '../support/pipeline-of.ts';

describe('a call', () => {
  test('is handed to its handler with everything that it needs, and logged once', async () => {
    const calls: Call[] = [];
    const { pipeline, log } = pipelineOf({
      unary: async (call) => {
        calls.push(call);
        return fine();
      },
    });
    await pipeline.unary(incoming('GetInstance', { deadline: Date.now() + 1_000 }));
    const [call] = calls;
    expect(call).toMatchObject({ request: { instance_id: ID }, credential: KEY });
    expect(call?.deadline).toBeGreaterThan(Date.now());
    expect(call?.deadline).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(log.lines()).toEqual([
      expect.objectContaining({
        method: `${CLOUD}GetInstance`,
        code: 'OK',
        level: 'info',
        transport: 'grpc',
        peer: '127.0.0.1:9',
        credential: 'authorization',
        request_id: call?.requestId,
        ms: expect.any(Number),
      }),
    ]);
    expect(log.text).not.toContain(KEY);
  });

  test.each([
    ['the default one when the caller names none', undefined, 5_000],
    ['its own', 7_000, 7_000],
    ['the maximum when the caller names one that is further away', 1e9, 50_000],
  ])('has a deadline: %s', async (_what, wantedMs, expectedMs) => {
    const due: number[] = [];
    const { pipeline } = pipelineOf({
      unary: async (call) => {
        due.push(call.deadline);
        return fine();
      },
      stream: async function* (call) {
        due.push(call.deadline);
        yield await fine();
      },
    });
    const before = systemClock.now();
    const deadline = wantedMs === undefined ? undefined : before + wantedMs;
    await pipeline.unary(incoming('GetInstance', { deadline }));
    await drain(pipeline.stream(incoming('WatchInstance', { deadline })));
    const after = systemClock.now();
    expect(due).toHaveLength(2);
    for (const each of due) {
      expect(each).toBeGreaterThanOrEqual(before + expectedMs);
      expect(each).toBeLessThanOrEqual(after + expectedMs);
    }
  });

  test.each([
    ['that throws', async () => Promise.reject(new Error(`secret ${KEY.slice(0, 4)}`))],
    ['that throws no error at all', async () => Promise.reject('secret')],
    [
      'that throws at once',
      () => {
        throw new TypeError('secret');
      },
    ],
  ])('with a handler %s tells the caller a fixed text and the log the rest', async (_what, unary) => {
    const { pipeline, log } = pipelineOf({ unary });
    const error = await failure(pipeline.unary(incoming('GetInstance')));
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'INTERNAL_ERROR' });
    expect(error.message).not.toContain('secret');
    const [line, ...others] = log.lines();
    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: 'warn', code: 'INTERNAL', reason: 'INTERNAL_ERROR' });
    expect(line?.['cause']).toContain('secret');
  });

  test('that a handler fails has the stack in the log, for the operator', async () => {
    const { pipeline, log } = pipelineOf({ unary: async () => Promise.reject(new Error('boom')) });
    await failure(pipeline.unary(incoming('GetInstance')));
    expect(log.lines()[0]?.['cause']).toMatch(/Error: boom\n\s+at .*pipeline\.test/);
  });

  test('whose response a Struct cannot carry has failed, in the log as well', async () => {
    const unary = async (): Promise<Reply> => anyReply(Payload.parse(Buffer.from('{"a":1e400}')));
    const { pipeline, log } = pipelineOf({ unary });
    const error = await failure(pipeline.unary(incoming('GetInstance')));
    expect(error.reason).toBe('NUMBER_NOT_REPRESENTABLE');
    expect(log.lines()).toEqual([
      expect.objectContaining({ code: 'INTERNAL', reason: 'NUMBER_NOT_REPRESENTABLE' }),
    ]);
    const overHttp = await pipeline.unary(incoming('GetInstance', { transport: 'http', form: undefined }));
    expect(Buffer.from(overHttp.toJson()).toString()).toContain('"value":{"a":1e400}');
  });

  test('with missing and malformed fields does not reach its handler', async () => {
    const { pipeline, log } = pipelineOf({ unary: () => Promise.reject(new Error('it was called')) });
    const error = await failure(
      pipeline.unary(
        incoming('GetInstance', {
          read: () => ({ kind: 'message', message: request({ instance_id: 'x' }) }),
        }),
      ),
    );
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', violations: [{ field: 'instance_id' }] });
    expect(log.lines()).toEqual([expect.objectContaining({ code: 'INVALID_ARGUMENT', level: 'info' })]);
  });

  test('without a handler is an inner fault, not a hang', async () => {
    const { pipeline } = pipelineOf({});
    expect((await failure(pipeline.unary(incoming('GetInstance')))).reason).toBe('INTERNAL_ERROR');
  });
});

describe('a stream', () => {
  test('is logged once with the number of its messages', async () => {
    const { pipeline, log } = pipelineOf({
      async *stream() {
        yield await fine();
        yield await fine();
      },
    });
    expect(await drain(pipeline.stream(incoming('WatchInstance')))).toBe(2);
    expect(log.lines()).toEqual([expect.objectContaining({ code: 'OK', messages: 2 })]);
  });

  test('that fails in the middle is logged with what it failed of', async () => {
    const { pipeline, log } = pipelineOf({
      async *stream() {
        yield await fine();
        throw new Error('secret');
      },
    });
    const error = await failure(drain(pipeline.stream(incoming('WatchInstance'))));
    expect(error.message).not.toContain('secret');
    expect(log.lines()).toEqual([expect.objectContaining({ code: 'INTERNAL', messages: 1 })]);
  });

  test('one message of which a Struct cannot carry has failed, in the log as well', async () => {
    const { pipeline, log } = pipelineOf({
      async *stream() {
        yield anyReply(Payload.parse(Buffer.from('{"a":1e400}')));
      },
    });
    const error = await failure(drain(pipeline.stream(incoming('WatchInstance'))));
    expect(error.reason).toBe('NUMBER_NOT_REPRESENTABLE');
    expect(log.lines()).toEqual([expect.objectContaining({ reason: 'NUMBER_NOT_REPRESENTABLE' })]);
  });

  test('that its reader leaves lets its handler clean up', async () => {
    let isCleanedUp = false;
    const { pipeline } = pipelineOf({
      async *stream() {
        try {
          for (;;) yield await fine();
        } finally {
          isCleanedUp = true;
        }
      },
    });
    for await (const _ of pipeline.stream(incoming('WatchInstance'))) break;
    expect(isCleanedUp).toBe(true);
  });
});

describe('the request id', () => {
  async function idFor(given: string | undefined): Promise<[string | undefined, string | undefined]> {
    let seen: string | undefined;
    const { pipeline } = pipelineOf({
      unary: async (call) => {
        seen = call.requestId;
        return fine();
      },
    });
    const responseMetadata = new Map<string, string>();
    const metadata = new Map([['authorization', `Bearer ${KEY}`]]);
    if (given !== undefined) metadata.set('x-request-id', given);
    await pipeline.unary(incoming('GetInstance', { metadata, responseMetadata }));
    return [seen, responseMetadata.get('x-request-id')];
  }

  test('of the caller is used and sent back', async () => {
    expect(await idFor('req-1/2:3')).toEqual(['req-1/2:3', 'req-1/2:3']);
  });

  test.each([
    ['nothing', undefined],
    ['an empty one', ''],
    ['a long one', 'x'.repeat(129)],
    ['one with a line break', 'a\nb'],
    ['one with spaces', 'a b'],
    ['one that is no ASCII', 'ключ'],
  ])('is made when the caller sends %s', async (_what, given) => {
    const [id, sent] = await idFor(given);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(sent).toBe(id);
  });
});

test('a request that belongs to no operation is logged with a bounded target', () => {
  const { pipeline, log } = pipelineOf({});
  const error = new CallError('UNIMPLEMENTED', 'ROUTE_NOT_FOUND', 'There is no operation at this path.');
  pipeline.refused({ transport: 'http', peer: '127.0.0.1:9', target: `/${'x'.repeat(5_000)}` }, error);
  const [line] = log.lines();
  expect(line).toMatchObject({ code: 'UNIMPLEMENTED', reason: 'ROUTE_NOT_FOUND' });
  expect(String(line?.['method'])).toHaveLength(200);
});

test('a caller cannot forge lines of the log', async () => {
  const { pipeline, log } = pipelineOf({ unary: fine });
  const metadata = new Map([
    ['authorization', `Bearer ${KEY}`],
    ['user-agent', `x"}\n{"level":"error","msg":"forged"}${'y'.repeat(1_000)}`],
  ]);
  await pipeline.unary(incoming('GetInstance', { metadata }));
  expect(log.text.trimEnd().split('\n')).toHaveLength(1);
  expect(String(log.lines()[0]?.['user_agent'])).toHaveLength(200);
});
