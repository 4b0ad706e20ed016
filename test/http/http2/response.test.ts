import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { sendOverHttp2 } from '../../../src/http/http2/response.ts';

/** A response of HTTP/1.1 whose body the test writes, on its way out, and what of it has been given to the stream so far. */
function start(headers: Readonly<Record<string, string>>) {
  const body = new PassThrough();
  const sent: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      sent.push(chunk.length > 100 ? `${chunk.length} bytes` : chunk.toString());
      done();
    },
    final: (done) => {
      sent.push('end');
      done();
    },
  });
  const stream = Object.assign(sink, {
    respond: ({ ':status': status }: { ':status': number }) => sent.push(`status ${status}`),
    close: (code: number) => sent.push(`reset ${code}`),
  });
  sendOverHttp2(
    stream as unknown as ServerHttp2Stream,
    Object.assign(body, { statusCode: 200, headers }) as unknown as IncomingMessage,
  );
  return { body, stream, sent };
}

const WITH_LENGTH = { 'content-length': '6' };

describe('a response with a length', () => {
  // Between its headers and its end, a caller who is still sending may break off: its stream is reset for that, and what is
  // not out by then is lost.
  test('is held back until it is whole', async () => {
    const { body, stream, sent } = start(WITH_LENGTH);
    await setImmediate();
    body.write('abc');
    await setImmediate();
    expect(sent).toEqual([]);
    body.end('def');
    await once(stream, 'finish');
    expect(sent).toEqual(['status 200', 'abcdef', 'end']);
  });

  test('is not held back when it is large', async () => {
    const { body, stream, sent } = start({ 'content-length': '100001' });
    body.write(Buffer.alloc(100_000));
    await setImmediate();
    expect(sent).toEqual(['status 200', '100000 bytes']);
    body.end('x');
    await once(stream, 'finish');
    expect(sent.slice(2)).toEqual(['x', 'end']);
  });

  test('may be empty', async () => {
    const { body, stream, sent } = start({ 'content-length': '0' });
    body.end();
    await once(stream, 'finish');
    expect(sent).toEqual(['status 200', 'end']);
  });

  test('is not sent at all when it breaks off', async () => {
    const { body, sent } = start(WITH_LENGTH);
    body.write('abc');
    const closed = new Promise((resolve) => body.once('close', resolve));
    body.destroy(new Error('gone'));
    await closed;
    expect(sent).toEqual(['reset 2']);
  });

  test('is not sent on a stream that has ended', async () => {
    const { body, stream, sent } = start(WITH_LENGTH);
    stream.destroy();
    body.end('abcdef');
    await once(body, 'close');
    expect(sent).toEqual([]);
  });
});

describe('a response without a length', () => {
  test('is sent in one piece when it is over at once', async () => {
    const { body, stream, sent } = start({});
    body.write('abc');
    body.end('def');
    await once(stream, 'finish');
    expect(sent).toEqual(['status 200', 'abcdef', 'end']);
  });

  test('begins without its body, which comes as it is there', async () => {
    const { body, stream, sent } = start({});
    await setImmediate();
    expect(sent).toEqual(['status 200']);
    for (const piece of ['abc', 'def']) {
      body.write(piece);
      await setImmediate();
    }
    body.end();
    await once(stream, 'finish');
    expect(sent).toEqual(['status 200', 'abc', 'def', 'end']);
  });
});
