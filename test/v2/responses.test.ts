import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../support/grpc-failure.ts';
import type { RecordingUpstream } from '../support/v2/recording-upstream.ts';
import { start, TARGET, UPDATE, update } from '../support/v2/update-instance.ts';

describe('a response', () => {
  test('with a number that a double does not hold is exact over HTTP and refused over gRPC', async () => {
    const { http, grpc, upstream } = await start();
    for (const number of [
      '9007199254740993',
      '-9007199254740993',
      '1e400',
      '1e-400',
      '0.1000000000000000055511151231257827',
      `1${'0'.repeat(350)}`,
    ]) {
      const body = `{"instance":{"id":"i-1","odd":[${number}]}}`;
      upstream.answer = { ...upstream.answer, body };
      expect(String((await http('PATCH', TARGET, { body: '{}' })).body)).toBe(body);
      const failure = await failureOf(grpc(UPDATE, update({})));
      expect(failure, number).toMatchObject({
        code: 'INTERNAL',
        info: { reason: 'NUMBER_NOT_REPRESENTABLE', metadata: { member: 'odd' } },
      });
      expect(failure.message).toContain('Vultr did what was asked');
    }
  });

  test('with a number that a double holds is carried over both', async () => {
    const { http, grpc, upstream } = await start();
    for (const number of ['9007199254740992', '9223372036854775808', '1.50', '-0.0', '1E3', '0.1']) {
      upstream.answer = { ...upstream.answer, body: `{"n":${number}}` };
      expect(String((await http('PATCH', TARGET, { body: '{}' })).body)).toBe(`{"n":${number}}`);
      expect((await grpc(UPDATE, update({})))['n']).toBe(Number(number));
    }
  });

  const carried: readonly [string, RecordingUpstream['answer'], JsonObject][] = [
    [
      'YAML',
      { status: 200, contentType: 'application/yaml', body: 'kind: Secret\ndata: é\n' },
      { content_type: 'application/yaml', body: 'kind: Secret\ndata: é\n' },
    ],
    [
      'an array',
      { status: 200, contentType: 'application/json', body: '[ {"a":1}, null ]' },
      { value: [{ a: 1 }, null] },
    ],
    ['null', { status: 200, contentType: 'application/json', body: 'null' }, { value: null }],
    ['nothing, with 200', { status: 200, contentType: 'application/json', body: '' }, {}],
    ['nothing, with 202', { status: 202, body: '' }, {}],
    ['nothing, with 204', { status: 204, body: '' }, {}],
    [
      'JSON in another spelling',
      { status: 201, contentType: 'application/json; charset=utf-8', body: ' {\n"a" : "\\u00e9\\/" }' },
      { a: 'é/' },
    ],
    [
      'the names that JavaScript has for itself',
      { status: 200, contentType: 'application/json', body: '{"__proto__":{"a":1},"constructor":null}' },
      JSON.parse('{"__proto__":{"a":1},"constructor":null}'),
    ],
  ];
  test('of another kind is carried over both', async () => {
    const { http, grpc, upstream } = await start();
    for (const [name, answer, struct] of carried) {
      upstream.answer = answer;
      const { status, headers, body } = await http('PATCH', TARGET, { body: '{}' });
      expect([status, String(body)], name).toEqual([answer.status, answer.body]);
      expect(headers['content-type'], name).toBe(answer.body === '' ? undefined : answer.contentType);
      expect(JSON.stringify(await grpc(UPDATE, update({}))), name).toBe(JSON.stringify(struct));
    }
  });

  const refused: readonly [string, RecordingUpstream['answer']][] = [
    ['a page', { status: 200, contentType: 'text/html; charset=utf-8', body: '<html>' }],
    ['something without a type', { status: 200, body: '{"a":1}' }],
    ['half of a JSON text', { status: 200, contentType: 'application/json', body: '{"a":' }],
    [
      'JSON that is not UTF-8',
      {
        status: 200,
        contentType: 'application/json',
        body: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d),
      },
    ],
    [
      'bytes that are no text',
      { status: 200, contentType: 'application/octet-stream', body: Uint8Array.of(0xff, 0xfe) },
    ],
  ];
  test('that is neither JSON nor text is passed on over HTTP and refused over gRPC', async () => {
    const { http, grpc, upstream } = await start();
    for (const [name, answer] of refused) {
      upstream.answer = answer;
      const { status, headers, body } = await http('PATCH', TARGET, { body: '{}' });
      expect([status, headers['content-type'], body], name).toEqual([
        answer.status,
        answer.contentType,
        Buffer.from(answer.body),
      ]);
      const failure = await failureOf(grpc(UPDATE, update({})));
      expect(failure, name).toMatchObject({ code: 'INTERNAL', info: { reason: 'BAD_UPSTREAM_RESPONSE' } });
    }
  });

  test('that redirects is passed on and not followed, with its location', async () => {
    const { http, grpc, upstream } = await start();
    const location = 'https://issuer.example.com/login?state=a%20b';
    upstream.answer = { status: 302, headers: { location }, body: '' };
    const { status, headers } = await http('GET', '/v2/oidc/authorize?client_id=c');
    expect([status, headers['location']]).toEqual([302, location]);
    expect(upstream.take().target).toBe('/v2/oidc/authorize?client_id=c');
    expect(await grpc(UPDATE, update({}))).toEqual({ status: 302, location });
  });

  test('that refuses is passed on as it came over HTTP, with its Retry-After, and is an error over gRPC', async () => {
    const { http, grpc, upstream } = await start();
    const body = '{"status": 422,"error": "label is too long","is_external_error":true}\n';
    const type = 'application/problem+json; charset=utf-8';
    upstream.answer = { status: 422, contentType: type, headers: { 'retry-after': '7' }, body };
    const answer = await http('PATCH', TARGET, { body: '{}' });
    expect([answer.status, String(answer.body)]).toEqual([422, body]);
    expect(answer.headers).toMatchObject({ 'content-type': type, 'retry-after': '7' });
    const failure = await failureOf(grpc(UPDATE, update({})));
    expect(failure).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'Vultr answered 422: label is too long',
    });
  });

  test('that hides an error in a success is an error over gRPC, and as it came over HTTP', async () => {
    const { http, grpc, upstream } = await start();
    for (const [body, code] of [
      ['{"error": "Server is currently locked", "status": 500}', 'FAILED_PRECONDITION'],
      ['{"status":404,"error":"instance not found"}', 'NOT_FOUND'],
      ['{"error":"It broke."}', 'INTERNAL'],
    ] as const) {
      upstream.answer = { status: 200, contentType: 'application/json', body };
      const answer = await http('PATCH', TARGET, { body: '{}' });
      expect([answer.status, String(answer.body)]).toEqual([200, body]);
      expect((await failureOf(grpc(UPDATE, update({})))).code, body).toBe(code);
    }
  });
});
