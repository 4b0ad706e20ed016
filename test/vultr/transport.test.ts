import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import { closed, context, failure, OK, request, startClient, startHttp, startRaw } from '../support/vultr.ts';

/** An upstream that answers `{}` and notes what it was asked. */
async function startEcho() {
  const seen: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  const upstream = await startHttp(async (message, response) => {
    const chunks = await message.toArray();
    const { method = '', url = '', headers } = message;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(200, { 'content-type': 'application/json', 'x-user': 'me@example.com' });
    response.end('{}');
  });
  return { ...upstream, seen };
}

describe('a request on the wire', () => {
  test('carries path and query byte for byte, behind the prefix of the base URL', async () => {
    const upstream = await startEcho();
    const path = '/v2/a/%2e%2e/../b%2Fc//d';
    await startClient(upstream.url).send(request({ path, query: 'label=a%20b&x=' }), context());
    await startClient(`${upstream.url}/some/prefix/`).send(request({ path }), context());
    expect(upstream.seen.map(({ url }) => url)).toEqual([`${path}?label=a%20b&x=`, `/some/prefix${path}`]);
  });

  test('asks for JSON, also without a body, and for nothing compressed', async () => {
    const upstream = await startEcho();
    const client = startClient(upstream.url, { userAgent: 'vultr-grpc/9.9' });
    for (const method of ['GET', 'DELETE', 'POST', 'PATCH', 'PUT', 'OPTIONS']) {
      await client.send(request({ method }), context());
    }
    expect(upstream.seen).toHaveLength(6);
    for (const { headers, body } of upstream.seen) {
      expect(headers).toMatchObject({
        accept: 'application/json',
        'accept-encoding': 'identity',
        'content-type': 'application/json',
        'user-agent': 'vultr-grpc/9.9',
        authorization: 'Bearer KEY-0123456789ABCDEF',
      });
      expect(body).toBe('');
    }
  });

  test('carries its body', async () => {
    const upstream = await startEcho();
    const body = Buffer.from('{"region":"ams","label":"é"}');
    await startClient(upstream.url).send(request({ method: 'POST', body }), context());
    expect(upstream.seen[0]).toMatchObject({ method: 'POST', body: body.toString() });
  });

  test('carries no credential when it is public, whatever was given', async () => {
    const upstream = await startEcho();
    await startClient(upstream.url).send(request({ isPublic: true }), context());
    expect(upstream.seen[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ['none', undefined, 'CREDENTIAL_MISSING'],
    ['an empty key', '', 'INVALID_API_KEY'],
    ['a key with a line break', 'SECRET\r\nx: y', 'INVALID_API_KEY'],
    ['a key beyond ASCII', 'SECRET\u00e9', 'INVALID_API_KEY'],
  ])('is not sent with %s where a key is needed', async (_, credential, reason) => {
    const upstream = await startEcho();
    const error = await failure(startClient(upstream.url).send(request({ credential }), context()));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason });
    expect(JSON.stringify([error, error.message, error.stack])).not.toContain('SECRET');
    expect(upstream.connections).toHaveLength(0);
  });
});

describe('a response', () => {
  test('comes with status, content type and bytes, without its headers', async () => {
    const upstream = await startEcho();
    const response = await startClient(upstream.url).send(request(), context());
    expect({ ...response, body: Buffer.from(response.body).toString() }).toEqual({
      status: 200,
      contentType: 'application/json',
      body: '{}',
      attempts: 1,
    });
  });

  test.each([201, 202, 204, 206])('of status %i is a success', async (status) => {
    const upstream = await startHttp((_, response) => response.writeHead(status).end());
    const response = await startClient(upstream.url).send(request(), context());
    expect(response).toMatchObject({ status, contentType: '' });
    expect(response.body).toHaveLength(0);
  });

  test('is not followed elsewhere when it redirects', async () => {
    const other = await startEcho();
    const upstream = await startHttp((_, response) =>
      response.writeHead(307, { location: `${other.url}/v2/account` }).end(),
    );
    const response = await startClient(upstream.url).send(request(), context());
    expect(response).toMatchObject({ status: 307, location: `${other.url}/v2/account` });
    expect(other.connections).toHaveLength(0);
  });

  test('may come after a 103', async () => {
    const upstream = await startRaw(
      `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}Content-Length: 2\r\n\r\n{}`,
      'hang',
    );
    expect(await startClient(upstream.url).send(request(), context())).toMatchObject({ status: 200 });
  });
});

describe('connections', () => {
  test('are kept: a thousand requests in a row need two at most, and none is left open after close', async () => {
    const upstream = await startHttp((_, response) => response.end('{"ok":true}'));
    const client = startClient(upstream.url);
    for (let count = 0; count < 1_000; count++) {
      expect((await client.send(request(), context())).body).toHaveLength(11);
    }
    // Two, because undici uses a connection again one turn of the event loop after its response.
    expect(upstream.connections.length).toBeLessThanOrEqual(2);
    const end = Promise.all(upstream.connections.map(closed));
    await client.close();
    await end;
  });

  test('are never more than allowed, and every request gets one', async () => {
    const upstream = await startHttp((_, response) => setImmediate(() => response.end('{}')));
    const client = startClient(upstream.url, { limits: { maxConnections: 3 } });
    const all = await Promise.all(Array.from({ length: 50 }, () => client.send(request(), context())));
    expect(all.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(upstream.connections).toHaveLength(3);
  });

  // The timeout lies below the four seconds that undici would keep them by itself.
  test.each([
    ['says nothing about it', ''],
    ['would keep them longer', 'Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n'],
  ])(
    'are closed by us when they are unused, also when the other side %s',
    { timeout: 3_000 },
    async (_, header) => {
      const upstream = await startRaw(`${OK}${header}Content-Length: 2\r\n\r\n{}`, 'hang');
      await startClient(upstream.url, { limits: { keepAliveMs: 50 } }).send(request(), context());
      await closed(upstream.connections[0]);
    },
  );
});

describe('close', () => {
  test('lets a running request end and refuses a new one', async () => {
    const upstream = await startHttp((_, response) => arrived.resolve(() => response.end('{}')));
    const arrived = Promise.withResolvers<() => void>();
    const client = startClient(upstream.url);
    const running = client.send(request(), context());
    const release = await arrived.promise;
    const closing = client.close();
    expect(await failure(client.send(request(), context()))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'SHUTTING_DOWN',
    });
    release();
    expect((await running).status).toBe(200);
    await closing;
  });

  test('cuts a request off that does not end in time', async () => {
    const upstream = await startHttp(() => arrived.resolve());
    const arrived = Promise.withResolvers<void>();
    const client = startClient(upstream.url, { limits: { closeTimeoutMs: 20 } });
    const running = failure(client.send(request({ kind: 'change' }), context()));
    await arrived.promise;
    await client.close();
    const error = await running;
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    expect(error.message).toContain('check before you repeat it');
    await closed(upstream.connections[0]);
  });

  test('may be called again', async () => {
    const client = startClient('http://127.0.0.1:1');
    await client.close();
    await client.close();
  });
});
