import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { HttpLimits } from '../../src/http/options.ts';
import { jsonReply, rawExchange, startThings, type TestHandlers } from '../support/http-server.ts';

function start(limits: Partial<HttpLimits>, handlers: TestHandlers = {}) {
  return startThings(handlers, { limits });
}

const HEAD = 'POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

/** An answer of the service's own, whoever found the fault: status, JSON body, a closed connection. */
function expectRefusal(answer: string, status: number, reason: string, text: string): void {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head.toLowerCase()).toContain('content-type: application/json');
  expect(head.toLowerCase()).toContain('connection: close');
  expect(head.toLowerCase()).toContain(`content-length: ${Buffer.byteLength(body)}`);
  const json = JSON.parse(body) as {
    message: string;
    details: { reason: string; metadata: { http_status: string } }[];
  };
  expect(json.message).toContain(text);
  expect(json.details[0]).toMatchObject({ reason, metadata: { http_status: String(status) } });
}

describe('a body', () => {
  test('at the limit is taken', async () => {
    const { url } = await start({ maxBodyBytes: 100 });
    const body = JSON.stringify({ id: 'x'.repeat(91) });
    expect(body).toHaveLength(100);
    const response = await fetch(`${url}/api/things`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(200);
  });

  test('that announces more is 413', async () => {
    const { port } = await start({ maxBodyBytes: 100 });
    const answer = await rawExchange(port, `${HEAD}Content-Length: 101\r\n\r\n`, 'x'.repeat(101));
    expectRefusal(answer, 413, 'REQUEST_TOO_LARGE', 'over 100 bytes');
  });

  test('that turns out to be more is 413, also while it is still being sent', async () => {
    const { port } = await start({ maxBodyBytes: 100_000 });
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const answer = await rawExchange(
      port,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n`,
      ...Array.from({ length: 20 }, () => chunk),
    );
    expectRefusal(answer, 413, 'REQUEST_TOO_LARGE', 'over 100000 bytes');
  });

  test('that never ends is 408', async () => {
    const { port, dispatcher } = await start({ requestTimeoutMs: 150 });
    const answer = await rawExchange(port, `${HEAD}Content-Length: 100\r\n\r\n{"id":`);
    expectRefusal(answer, 408, 'REQUEST_TIMEOUT', 'within 150 milliseconds');
    expect(dispatcher.seen[0]?.error).toMatchObject({ reason: 'REQUEST_TIMEOUT' });
  });

  test('that is compressed is 415', async () => {
    const { port } = await start({});
    const answer = await rawExchange(port, `${HEAD}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`);
    expectRefusal(answer, 415, 'UNSUPPORTED_MEDIA_TYPE', 'gzip');
  });

  test('that no operation reads does not keep the connection for ever', async () => {
    const { port } = await start({ requestTimeoutMs: 150 });
    const answer = await rawExchange(
      port,
      'GET /api/things/i HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('headers', () => {
  test('over the limit are 431', async () => {
    const { port, dispatcher } = await start({ maxHeaderBytes: 2_000 });
    const answer = await rawExchange(
      port,
      `GET /api/things/i HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(3_000)}\r\n\r\n`,
    );
    expectRefusal(answer, 431, 'REQUEST_TOO_LARGE', 'over 2000 bytes');
    expect(dispatcher.refusals).toMatchObject([{ error: { reason: 'REQUEST_TOO_LARGE' } }]);
  });

  test('over the limit are 431 also when the caller goes on sending', async () => {
    const { port } = await start({ maxHeaderBytes: 2_000 });
    const line = `X-Long: ${'a'.repeat(50_000)}\r\n`;
    const answer = await rawExchange(
      port,
      'GET /api/things/i HTTP/1.1\r\nHost: x\r\n',
      ...Array.from({ length: 20 }, () => line),
    );
    expectRefusal(answer, 431, 'REQUEST_TOO_LARGE', 'over 2000 bytes');
  });

  test('a request line over the limit is 431', async () => {
    const { port } = await start({ maxHeaderBytes: 2_000 });
    const answer = await rawExchange(
      port,
      `GET /api/things/${'a'.repeat(3_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    expectRefusal(answer, 431, 'REQUEST_TOO_LARGE', 'over 2000 bytes');
  });

  test('that never end are 408', async () => {
    const { port } = await start({ requestTimeoutMs: 150 });
    const answer = await rawExchange(port, 'GET /api/things/i HTTP/1.1\r\nHost: x\r\nX-Half: ');
    expectRefusal(answer, 408, 'REQUEST_TIMEOUT', 'within 150 milliseconds');
  });
});

describe('bytes that are no HTTP', () => {
  test.each([
    ['garbage', '\u0000\u0001garbage\r\n\r\n'],
    ['a TLS handshake', Buffer.from('160301020001000001fc0303', 'hex')],
    ['an unknown method', 'NOSUCH /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a control character in a header', 'GET /api/things/i HTTP/1.1\r\nHost: x\r\nX: a\u0001b\r\n\r\n'],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length and chunks', `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['no host', 'GET /api/things/i HTTP/1.1\r\n\r\n'],
    ['a malformed chunk', `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ])('%s is 400', async (_name, bytes) => {
    const { port, url } = await start({});
    expectRefusal(await rawExchange(port, bytes), 400, 'MALFORMED_HTTP', 'not valid HTTP/1.1');
    expect((await fetch(`${url}/api/things/i`)).status).toBe(200);
  });

  test('another expectation than 100-continue is 417', async () => {
    const { port } = await start({});
    const answer = await rawExchange(port, `${HEAD}Expect: a-miracle\r\nContent-Length: 0\r\n\r\n`);
    expectRefusal(answer, 417, 'MALFORMED_HTTP', '100-continue');
  });
});

describe('connections', () => {
  test('without a request are closed after a while', async () => {
    const { port } = await start({ keepAliveTimeoutMs: 50 });
    const answer = await rawExchange(port, 'GET /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.toLowerCase()).toContain('connection: keep-alive');
  });

  test('of a caller that does not read its response are closed', async () => {
    const large = { text: 'x'.repeat(32 * 1024 * 1024) };
    const { port, dispatcher } = await start({ writeTimeoutMs: 200 }, { unary: () => jsonReply(large) });
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.write('GET /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    await expect
      .poll(() => dispatcher.seen[0]?.incoming.ending.signal.aborted, { timeout: 20_000 })
      .toBe(true);
    socket.resume();
    await once(socket, 'close');
    expect(socket.bytesRead).toBeLessThan(large.text.length);
  });

  test('can be used again after an error', async () => {
    const { port } = await start({});
    const answer = await rawExchange(
      port,
      `${HEAD}Content-Length: 3\r\n\r\n{x}`,
      'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /api/things/i HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  });
});
