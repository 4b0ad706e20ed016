import { describe, expect, test } from 'vitest';
import { ConnectionFailure } from '../../src/vultr/connection-errors.ts';
import {
  closed,
  context,
  failure,
  OK,
  request,
  startClient,
  startHttp,
  startRaw,
  startTcp,
} from '../support/vultr.ts';

describe('a broken response is INTERNAL, BAD_UPSTREAM_RESPONSE', () => {
  const large = 'x'.repeat(2_000);
  test.each([
    ['cut off within its length', `${OK}Content-Length: 100\r\n\r\n{"a":`, 'close', 'cut off'],
    ['reset within its length', `${OK}Content-Length: 100\r\n\r\n{"a":`, 'reset', 'cut off'],
    ['cut off between chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n`, 'close', 'cut off'],
    ['cut off within a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n50\r\n{"a":`, 'close', 'cut off'],
    ['with a broken chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}`, 'hang', 'not HTTP'],
    ['with a length that is too large', `${OK}Content-Length: 2000\r\n\r\n${large}`, 'hang', 'too large'],
    ['too large in one chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n7d0\r\n${large}`, 'hang', 'too large'],
    ['too large without a length', `${OK}Connection: close\r\n\r\n${large}`, 'hang', 'too large'],
    ['with more headers than fit', `${OK}X-A: ${'a'.repeat(20_000)}\r\n\r\n`, 'hang', 'headers'],
    ['that is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'hang', 'not HTTP'],
    [
      'that switches protocols',
      'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      'hang',
      'asked',
    ],
    ['that goes on after a 100', 'HTTP/1.1 100 Continue\r\n\r\n', 'hang', 'asked'],
    [
      'that is compressed',
      `${OK}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`,
      'hang',
      'compressed',
    ],
  ] as const)('%s', async (_, answer, end, words) => {
    const upstream = await startRaw(answer, end);
    const client = startClient(upstream.url, { limits: { maxResponseBytes: 1_000, headersTimeoutMs: 900 } });
    const error = await failure(client.send(request(), context()));
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'BAD_UPSTREAM_RESPONSE' });
    expect(error.message).toContain(words);
    expect(error.vultr).toBeUndefined();
  });

  test('and the connection is closed when the bound is reached, though the response would go on for ever', async () => {
    const upstream = await startHttp((_, response) => {
      response.writeHead(200);
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    });
    const client = startClient(upstream.url, { limits: { maxResponseBytes: 1_000_000 } });
    expect((await failure(client.send(request(), context()))).message).toContain('too large');
    await closed(upstream.connections[0]);
    expect(upstream.connections[0]?.bytesWritten).toBeLessThan(20_000_000);
  });

  test('but one of exactly the largest size is fine', async () => {
    const upstream = await startHttp((_, response) => response.end('x'.repeat(1_000)));
    const client = startClient(upstream.url, { limits: { maxResponseBytes: 1_000 } });
    expect((await client.send(request(), context())).body).toHaveLength(1_000);
  });

  test('when nothing more comes for the body timeout', async () => {
    const upstream = await startRaw(`${OK}Content-Length: 100\r\n\r\n{`, 'hang');
    const client = startClient(upstream.url, { limits: { bodyTimeoutMs: 50 } });
    expect(await failure(client.send(request(), context()))).toMatchObject({
      reason: 'BAD_UPSTREAM_RESPONSE',
      message: expect.stringContaining('cut off'),
    });
    await closed(upstream.connections[0]);
  });
});

describe('a failed connection is UNAVAILABLE', () => {
  const unavailable = { code: 'UNAVAILABLE', reason: 'VULTR_UNAVAILABLE', retryDelayMs: 1_000 };

  test('when it is refused: nothing was sent', async () => {
    const upstream = await startTcp(() => undefined);
    await upstream.close();
    const error = await failure(startClient(upstream.url).send(request({ kind: 'change' }), context()));
    expect(error).toMatchObject(unavailable);
    expect(error.message).toBe('Vultr cannot be reached. Nothing was sent.');
    expect(error.cause).toMatchObject({ phase: 'connect' });
  });

  test('when the name is unknown', async () => {
    const error = await failure(startClient('http://nowhere.invalid').send(request(), context()));
    expect(error).toMatchObject({ ...unavailable, cause: expect.objectContaining({ phase: 'connect' }) });
  });

  test('when the other side does not speak TLS', async () => {
    const upstream = await startTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const url = upstream.url.replace('http:', 'https:');
    expect(await failure(startClient(url).send(request(), context()))).toMatchObject(unavailable);
  });

  test.each([
    ['closed before a response', '', 'close'],
    ['reset before a response', '', 'reset'],
    ['closed within the head of a response', 'HTTP/1.1 200 OK\r\nContent-', 'close'],
  ] as const)('when it is %s', async (_, answer, end) => {
    const upstream = await startRaw(answer, end);
    const error = await failure(startClient(upstream.url).send(request(), context()));
    expect(error).toMatchObject(unavailable);
    expect(error.cause).toBeInstanceOf(ConnectionFailure);
    expect(error.cause).toMatchObject({ phase: 'headers' });
  });

  test('when no response begins in time', async () => {
    const upstream = await startTcp(() => undefined);
    const client = startClient(upstream.url, { limits: { headersTimeoutMs: 50 } });
    expect(await failure(client.send(request(), context()))).toMatchObject(unavailable);
    await closed(upstream.connections[0]);
  });

  test('and says of a change that it may have been carried out, of a read nothing', async () => {
    const upstream = await startRaw('', 'reset');
    const client = startClient(upstream.url);
    const change = await failure(client.send(request({ kind: 'change' }), context()));
    const read = await failure(client.send(request(), context()));
    expect(change.message).toContain('not known: check before you repeat it');
    expect(read.message).toBe('The connection to Vultr failed before a response came.');
  });
});
