import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CallEnd } from '../../src/rpc/call-end.ts';
import { CallError } from '../../src/status/call-error.ts';
import { drain, failure, fine, incoming, never, pipelineOf } from '../support/pipeline-of.ts';

describe('a call ends in time', () => {
  test.each(['unary', 'stream'] as const)(
    'when its deadline passes, whatever its handler does: %s',
    async (kind) => {
      const { pipeline, log } = pipelineOf({
        unary: never,
        async *stream() {
          yield await fine();
          await never();
        },
      });
      const deadline = Date.now() + 30;
      const work =
        kind === 'unary'
          ? pipeline.unary(incoming('GetInstance', { deadline }))
          : drain(pipeline.stream(incoming('WatchInstance', { deadline })));
      expect(await failure(work)).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' });
      expect(log.lines()).toEqual([expect.objectContaining({ code: 'DEADLINE_EXCEEDED', level: 'warn' })]);
    },
  );

  test('and so does what is still under way when its handler has failed', async () => {
    const left = Promise.withResolvers<unknown>();
    const { pipeline } = pipelineOf({
      unary: async ({ signal }) => {
        signal.addEventListener('abort', () => left.resolve(signal.reason));
        throw new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'There is no such region.');
      },
    });
    expect((await failure(pipeline.unary(incoming('GetInstance')))).code).toBe('NOT_FOUND');
    expect(await left.promise).toMatchObject({ code: 'CANCELLED', reason: 'CALL_CANCELLED' });
  });

  test('and what begins only after that ends at once', async () => {
    const after = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<AbortSignal>();
    const { pipeline } = pipelineOf({
      unary: async (call) => {
        void after.promise.then(() => begun.resolve(call.signal));
        throw new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'There is no such region.');
      },
    });
    await failure(pipeline.unary(incoming('GetInstance')));
    after.resolve();
    const { aborted, reason } = await begun.promise;
    expect({ aborted, reason }).toMatchObject({ aborted: true, reason: { reason: 'CALL_CANCELLED' } });
  });

  test('when its deadline has passed already', async () => {
    const { pipeline } = pipelineOf({ unary: never });
    const work = pipeline.unary(incoming('GetInstance', { deadline: Date.now() - 1_000 }));
    expect((await failure(work)).code).toBe('DEADLINE_EXCEEDED');
  });

  test('when the request never arrives', async () => {
    const { pipeline } = pipelineOf({ unary: fine });
    const work = pipeline.unary(incoming('GetInstance', { read: never, deadline: Date.now() + 30 }));
    expect((await failure(work)).code).toBe('DEADLINE_EXCEEDED');
  });

  test.each(['unary', 'stream'] as const)('when the caller leaves: %s', async (kind) => {
    const ending = new CallEnd();
    const signals: AbortSignal[] = [];
    const { pipeline, log } = pipelineOf({
      unary: (call) => {
        signals.push(call.signal);
        return never();
      },
      async *stream(call) {
        signals.push(call.signal);
        yield await fine();
        await never();
      },
    });
    const work =
      kind === 'unary'
        ? pipeline.unary(incoming('GetInstance', { ending }))
        : drain(pipeline.stream(incoming('WatchInstance', { ending })));
    setTimeout(() => ending.begin(new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left.')), 20);
    expect(await failure(work)).toMatchObject({ code: 'CANCELLED', reason: 'CALL_CANCELLED' });
    expect(signals[0]?.aborted).toBe(true);
    expect(log.lines()).toEqual([expect.objectContaining({ code: 'CANCELLED', level: 'info' })]);
  });

  test('when the caller had left before it began', async () => {
    const ending = new CallEnd();
    ending.begin(new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left.'));
    const { pipeline } = pipelineOf({ unary: never });
    expect((await failure(pipeline.unary(incoming('GetInstance', { ending })))).code).toBe('CANCELLED');
  });

  test('a failure that the end has caused is not reported in its place', async () => {
    const { pipeline } = pipelineOf({
      unary: async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new Error('the connection was cut by us');
      },
    });
    const work = pipeline.unary(incoming('GetInstance', { deadline: Date.now() + 20 }));
    expect((await failure(work)).code).toBe('DEADLINE_EXCEEDED');
  });
});

describe('going down', () => {
  const SHUTTING_DOWN = { code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN', retryDelayMs: expect.any(Number) };

  test('ends streams and lets unary calls end by themselves', async () => {
    let finish: () => void = () => undefined;
    const { pipeline } = pipelineOf({
      unary: async () => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return fine();
      },
      async *stream() {
        yield await fine();
        await never();
      },
    });
    const stream = failure(drain(pipeline.stream(incoming('WatchInstance'))));
    const unary = pipeline.unary(incoming('GetInstance'));
    await sleep(10);
    pipeline.abortStreams();
    expect(await stream).toMatchObject(SHUTTING_DOWN);
    finish();
    await expect(unary).resolves.toBeDefined();
  });

  test('ends everything in the end, and what comes later at once', async () => {
    const { pipeline } = pipelineOf({ unary: never });
    const work = failure(pipeline.unary(incoming('GetInstance')));
    pipeline.abortAll();
    expect(await work).toMatchObject(SHUTTING_DOWN);
    expect(await failure(pipeline.unary(incoming('GetInstance')))).toMatchObject(SHUTTING_DOWN);
  });
});

test('callers who learn together that the service goes down get different times to come back', async () => {
  const { pipeline } = pipelineOf({ unary: never });
  const calls = Array.from({ length: 50 }, () => failure(pipeline.unary(incoming('GetInstance'))));
  pipeline.abortAll();
  const delays = (await Promise.all(calls)).map((error) => (error as CallError).retryDelayMs ?? 0);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...delays)).toBeLessThanOrEqual(2_000);
  expect(new Set(delays).size).toBeGreaterThan(40);
});

test('a creation that was sent when its call was ended says that its outcome is open', async () => {
  const uncertain = new CallError('FAILED_PRECONDITION', 'CREATE_UNCERTAIN', 'It may have been created.');
  const { pipeline, log } = pipelineOf({
    unary: (call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => reject(uncertain));
      }),
  });
  const work = failure(pipeline.unary(incoming('GetInstance')));
  await setImmediate();
  pipeline.abortAll();
  expect(await work).toBe(uncertain);
  expect(log.lines()).toEqual([expect.objectContaining({ reason: 'CREATE_UNCERTAIN' })]);
});
