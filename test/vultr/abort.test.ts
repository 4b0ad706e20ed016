import { describe, expect, onTestFinished, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { createTransport } from '../../src/vultr/transport.ts';
import { closed, context, failure, request, startClient, startHttp, startTcp } from '../support/vultr.ts';

describe('an abort ends the exchange at once and closes the connection', () => {
  test('before a response', async () => {
    const upstream = await startHttp(() => controller.abort());
    const controller = new AbortController();
    const error = await failure(
      startClient(upstream.url).send(request(), context(10_000, controller.signal)),
    );
    expect(error).toMatchObject({ code: 'CANCELLED', reason: 'CALL_CANCELLED' });
    await closed(upstream.connections[0]);
  });

  test('within a response', async () => {
    const controller = new AbortController();
    const upstream = await startHttp((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{', () => setTimeout(() => controller.abort(), 20));
    });
    const error = await failure(
      startClient(upstream.url).send(request(), context(10_000, controller.signal)),
    );
    expect(error.code).toBe('CANCELLED');
    await closed(upstream.connections[0]);
  });

  test('while it waits for a connection, which then never sees the request', async () => {
    const arrived: string[] = [];
    const upstream = await startHttp((message, response) => {
      arrived.push(message.url ?? '');
      if (message.url === '/v2/second') response.end('{}');
      else firstArrived.resolve(() => response.end('{}'));
    });
    const firstArrived = Promise.withResolvers<() => void>();
    const client = startClient(upstream.url, { limits: { maxConnections: 1 } });
    const first = client.send(request({ path: '/v2/first' }), context());
    const release = await firstArrived.promise;

    const controller = new AbortController();
    const queued = failure(client.send(request({ path: '/v2/queued' }), context(10_000, controller.signal)));
    controller.abort();
    expect((await queued).code).toBe('CANCELLED');

    release();
    await first;
    await client.send(request({ path: '/v2/second' }), context());
    expect(arrived).toEqual(['/v2/first', '/v2/second']);
  });

  test('while it waits for a connection to stand', async () => {
    const controller = new AbortController();
    const upstream = await startTcp(() => controller.abort());
    const url = upstream.url.replace('http:', 'https:');
    const error = await failure(
      startClient(url, { limits: { closeTimeoutMs: 20 } }).send(
        request(),
        context(10_000, controller.signal),
      ),
    );
    expect(error.code).toBe('CANCELLED');
  });

  test('and other requests go on', async () => {
    const upstream = await startHttp((message, response) => {
      if (message.url === '/v2/slow') controller.abort();
      else response.end('{}');
    });
    const controller = new AbortController();
    const client = startClient(upstream.url);
    const slow = failure(client.send(request({ path: '/v2/slow' }), context(10_000, controller.signal)));
    expect((await slow).code).toBe('CANCELLED');
    expect((await client.send(request(), context())).status).toBe(200);
  });
});

test('the transport itself rejects with the reason of the abort', async () => {
  const reason = new CallError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'Too late.');
  const controller = new AbortController();
  const upstream = await startHttp(() => controller.abort(reason));
  const transport = createTransport({ baseUrl: upstream.url, userAgent: 'test', limits: {} });
  onTestFinished(() => transport.close());
  expect(await failure(transport.send(request(), context(10_000, controller.signal)))).toBe(reason);
});
