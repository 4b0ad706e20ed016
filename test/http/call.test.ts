import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { jsonReply, rawExchange, startThings } from '../support/http-server.ts';

describe('an ordinary call', () => {
  test('reaches its operation and gets JSON back', async () => {
    const { url, dispatcher } = await startThings();
    const response = await fetch(`${url}/api/things/a%2Fb?name=x`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ rpc: 'Get', request: { id: 'a/b', name: 'x' } });
    expect(dispatcher.seen[0]?.incoming).toMatchObject({ transport: 'http', deadline: undefined });
    expect(dispatcher.seen[0]?.incoming.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('may have a chunked body, in any number of pieces', async () => {
    const { port } = await startThings();
    const answer = await rawExchange(
      port,
      'POST /api/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      '4\r\n{"na\r\n',
      'c\r\nme":"\u00e9x"}  \r\n0\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('{"rpc":"Create","request":{"name":"éx"}}');
  });

  test('is sent its body only after 100 Continue, when it asks for that', async () => {
    const { port } = await startThings();
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/api/things',
      headers: { expect: '100-continue', 'content-type': 'application/json', 'content-length': 2 },
    });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('{}');
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  test('is not asked for a body that will be refused', async () => {
    const { port } = await startThings({}, { limits: { maxBodyBytes: 10 } });
    const head = 'Host: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nConnection: close\r\n';
    const tooLarge = await rawExchange(
      port,
      `POST /api/things HTTP/1.1\r\n${head}Content-Length: 11\r\n\r\n`,
    );
    expect(tooLarge).toMatch(/^HTTP\/1\.1 413 /);
    expect(await rawExchange(port, `POST /nothing HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 404 /,
    );
  });

  test('may name its target in the absolute form', async () => {
    const { port } = await startThings();
    const answer = await rawExchange(
      port,
      'GET http://elsewhere/api/things/i HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('{"rpc":"Get","request":{"id":"i"}}');
  });

  test.each([
    '/api/things/../x',
    '/api/things/%2e%2e',
    '//api/things/x',
    '/api/things/x/',
    '/api/./things/x',
  ])('is not led elsewhere by %s', async (path) => {
    const { port, dispatcher } = await startThings();
    expect(await rawExchange(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 404 /,
    );
    expect(dispatcher.seen).toEqual([]);
    expect(dispatcher.refusals.map(({ target }) => target)).toEqual([path]);
  });

  test('gets only the field of its response_body', async () => {
    const { url } = await startThings({ unary: () => jsonReply({ list: ['a', 'b'], name: 'x' }) });
    expect(await (await fetch(`${url}/api/part`)).json()).toEqual(['a', 'b']);
    const empty = await startThings({ unary: () => jsonReply({}) });
    expect(await (await fetch(`${empty.url}/api/part`)).json()).toBeNull();
  });

  test('of method HEAD gets the headers of GET without content', async () => {
    const { url } = await startThings();
    const get = await fetch(`${url}/api/things/i`);
    const head = await fetch(`${url}/api/things/i`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
    expect(await head.text()).toBe('');
  });

  test('gets a response that is passed through, status and type included', async () => {
    const http = { status: 201, contentType: 'application/yaml', body: Buffer.from('a: b\n') };
    const { url } = await startThings({ unary: () => jsonReply({}, { http }) });
    const response = await fetch(`${url}/v2/things/i`);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      201,
      'application/yaml',
      'a: b\n',
    ]);
  });

  test('gets 204 without content and without its headers', async () => {
    const http = { status: 204, contentType: undefined, body: new Uint8Array() };
    const { url } = await startThings({ unary: () => jsonReply({}, { http }) });
    const response = await fetch(`${url}/v2/things/i`, { method: 'DELETE' });
    expect(response.status).toBe(204);
    expect(response.headers.has('content-type')).toBe(false);
    expect(response.headers.has('content-length')).toBe(false);
  });

  test('gets response metadata as headers', async () => {
    const { url } = await startThings({
      unary: ({ responseMetadata }) => {
        for (const name of [
          'x-request-id',
          'x-cache',
          'etag',
          'cache-control',
          'age',
          'retry-after',
          'other',
          'content-length',
        ]) {
          responseMetadata.set(name, `v-${name}`);
        }
        responseMetadata.set('bad name', 'x').set('x-odd', 'a\r\nb: é');
        return jsonReply({});
      },
    });
    const headers = Object.fromEntries((await fetch(`${url}/api/things/i`)).headers);
    expect(headers).toMatchObject({
      'x-request-id': 'v-x-request-id',
      'x-cache': 'v-x-cache',
      etag: 'v-etag',
      'cache-control': 'v-cache-control',
      age: 'v-age',
      'retry-after': 'v-retry-after',
      'grpc-metadata-other': 'v-other',
      'grpc-metadata-content-length': 'v-content-length',
      'content-length': '2',
      'x-odd': 'a??b: ?',
    });
    expect(Object.keys(headers).some((name) => name.includes('bad'))).toBe(false);
  });
});

describe('compression', () => {
  const large = { text: 'x'.repeat(5_000) };

  test.each([
    { accept: 'gzip', coding: 'gzip' },
    { accept: 'br', coding: 'br' },
    { accept: 'gzip, br', coding: 'br' },
    { accept: 'br;q=0.5, gzip;q=0.8', coding: 'gzip' },
    { accept: 'gzip;q=0, br;q=0', coding: undefined },
    { accept: 'identity, gzip;q=0.5', coding: undefined },
    { accept: '*', coding: 'br' },
    { accept: '*;q=0', coding: undefined },
    { accept: 'br;q=0, *', coding: 'gzip' },
    { accept: 'deflate, zstd', coding: undefined },
    { accept: 'gzip;q=nonsense', coding: undefined },
    { accept: '', coding: undefined },
  ])('for Accept-Encoding "$accept" is $coding', async ({ accept, coding }) => {
    const { port } = await startThings({ unary: () => jsonReply(large) });
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/api/things/i',
      headers: { 'accept-encoding': accept },
    });
    request.end();
    const [response] = await once(request, 'response');
    const body = Buffer.concat(await Array.fromAsync<Buffer>(response));
    expect(response.headers['content-encoding']).toBe(coding);
    expect(response.headers.vary).toBe('Accept-Encoding');
    expect(response.headers['content-length']).toBe(String(body.length));
    const text = coding === 'gzip' ? gunzipSync(body) : coding === 'br' ? brotliDecompressSync(body) : body;
    expect(JSON.parse(text.toString())).toEqual(large);
  });

  test('leaves small responses alone and makes a strong entity tag weak', async () => {
    const { url } = await startThings({
      unary: ({ responseMetadata }, { request }) => {
        responseMetadata.set('etag', '"abc"');
        return jsonReply(request?.['id'] === 'large' ? large : {});
      },
    });
    const small = await fetch(`${url}/api/things/small`);
    expect(small.headers.get('content-encoding')).toBeNull();
    expect(small.headers.get('etag')).toBe('"abc"');
    const compressed = await fetch(`${url}/api/things/large`, { headers: { 'accept-encoding': 'gzip' } });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(compressed.headers.get('etag')).toBe('W/"abc"');
  });
});
