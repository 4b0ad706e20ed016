import { readFileSync } from 'node:fs';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { CallError } from '../../src/status/call-error.ts';
import { decodeHttpRequest } from '../../src/transcoding/decode-http.ts';
import { encodeRequest } from '../../src/vultr/encode.ts';
import cases from '../cases/v2-bodies.json' with { type: 'json' };
import { failureOf } from '../support/grpc-failure.ts';
import { type Declared, rpc } from '../support/v2/declared.ts';
import { start, TARGET, UPDATE, update } from '../support/v2/update-instance.ts';

const OPTIONS = rpc('UpdateAdvancedOptions');
const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

/** An object with so many levels of nesting, itself included; the last one is empty. */
function nested(levels: number): JsonObject {
  let object: JsonObject = {};
  for (let level = 1; level < levels; level += 1) object = { a: object };
  return object;
}

/** The request of a JSON body, read by the rule of an rpc and written again for Vultr. */
function readAndWrite({ name }: Declared, values: readonly string[], body: string): string {
  const operation = contract.operations.get(name);
  const [binding] = operation?.bindings ?? [];
  if (operation === undefined || binding === undefined) throw new Error(`${name} has no rule.`);
  const parts = { values, query: '', contentType: 'application/json', body: Buffer.from(body) };
  const request = encodeRequest(operation, decodeHttpRequest(binding, parts));
  return Buffer.from(request.body ?? []).toString();
}

describe('over HTTP', () => {
  test('a body arrives byte for byte, whatever it says', async () => {
    const { http, upstream } = await start();
    const bodies = [...cases.forwarded, ...cases.refused].map(({ body }) => body);
    for (const body of [...bodies, 'no JSON', '{"a":1,"a":2}', '{}\n', '[1', JSON.stringify(nested(101))]) {
      const answer = await http('PATCH', TARGET, { body });
      expect(answer.status, `${body}: ${answer.body}`).toBe(200);
      expect(upstream.take().body).toBe(body);
    }
  });
});

describe('read by its rule', () => {
  test('a body keeps all that it says', () => {
    for (const { name, body, forwarded = body } of cases.forwarded)
      expect(readAndWrite(UPDATE, ['i-1'], body), name).toBe(forwarded);
  });

  test('a body of which something would be lost or guessed is refused', () => {
    for (const { name, body, words } of cases.refused) {
      const error = failureOfWork(() => readAndWrite(UPDATE, ['i-1'], body));
      expect(error.code, name).toBe('INVALID_ARGUMENT');
      for (const word of words) expect(error.message, name).toContain(word);
    }
  });

  test('members that are not modelled, null, [] and {} are kept at every level', () => {
    const body =
      '{"health_check":{"protocol":null,"port":80,"x":{"y":null}},"forwarding_rules":[{"frontend_port":1,"x":[]},{}],' +
      '"ssl":{},"sticky_session":null,"firewall_rules":[],"auto_ssl":null,"nat":[null]}';
    expect(JSON.parse(readAndWrite(rpc('UpdateLoadBalancer'), ['l-1'], body))).toEqual(JSON.parse(body));
  });
});

function failureOfWork(work: () => unknown): CallError {
  try {
    work();
  } catch (error) {
    if (error instanceof CallError) return error;
    throw error;
  }
  throw new Error('It succeeded.');
}

describe('over gRPC', () => {
  const forwarded: readonly [string, Record<string, unknown>, string][] = [
    ['nothing at all', {}, '{}'],
    [
      'zero, false and the empty string',
      { label: '', enableIpv6: false, appId: 0n },
      '{"app_id":0,"enable_ipv6":false,"label":""}',
    ],
    [
      'null and empty lists',
      { additionalFields: { label: null, tags: [], app_id: null } },
      '{"label":null,"tags":[],"app_id":null}',
    ],
    ['integers beyond 2^53', { appId: 2n ** 63n - 1n }, '{"app_id":9223372036854775807}'],
    [
      'names that JavaScript has for itself',
      { additionalFields: JSON.parse('{"__proto__":{"__proto__":1},"constructor":{}}') },
      '{"__proto__":{"__proto__":1},"constructor":{}}',
    ],
  ];
  test('a message is sent on with all that it says', async () => {
    const { grpc, upstream } = await start();
    for (const [name, fields, body] of forwarded) {
      await grpc(UPDATE, update(fields));
      expect(upstream.take().body, name).toBe(body);
    }
  });

  const refused: readonly [string, Record<string, unknown>, string][] = [
    [
      'a member that is set twice',
      { label: 'a', additionalFields: { label: 'b' } },
      'additional_fields.label',
    ],
    ['a path value that is empty', { instanceId: '' }, 'instance_id'],
    ['a path value that names another path', { instanceId: '..' }, 'instance_id'],
  ];
  test('a message that contradicts itself or means another path is refused, and Vultr is not asked', async () => {
    const { grpc, upstream } = await start();
    for (const [name, fields, field] of refused) {
      const { code, violations } = await failureOf(grpc(UPDATE, update(fields)));
      expect([code, Object.keys(violations)], name).toEqual(['INVALID_ARGUMENT', [field]]);
    }
    expect(upstream.untaken).toBe(0);
  });
});

describe('nesting', () => {
  test('of 100 levels is carried both ways over both transports', async () => {
    const { http, grpc, upstream } = await start();
    const object = nested(100);
    upstream.answer = { ...upstream.answer, body: JSON.stringify(object) };
    const overHttp = await http('PATCH', TARGET, { body: JSON.stringify(object) });
    expect(upstream.take().body).toBe(JSON.stringify(object));
    expect(String(overHttp.body)).toBe(JSON.stringify(object));
    const overGrpc = await grpc(UPDATE, update({ additionalFields: object }));
    expect(upstream.take().body).toBe(JSON.stringify(object));
    expect(JSON.stringify(overGrpc)).toBe(JSON.stringify(object));
  });

  test('of 101 levels is refused in a message', async () => {
    const { grpc, upstream } = await start();
    const failure = await failureOf(grpc(UPDATE, update({ additionalFields: nested(101) })));
    expect(failure).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('100 levels'),
    });
    expect(upstream.untaken).toBe(0);
  });

  test('of 101 levels in a response is passed on over HTTP and refused over gRPC', async () => {
    const { http, grpc, upstream } = await start();
    const body = JSON.stringify(nested(101));
    upstream.answer = { ...upstream.answer, body };
    expect(String((await http('PATCH', TARGET, { body: '{}' })).body)).toBe(body);
    const failure = await failureOf(grpc(UPDATE, update({})));
    expect(failure).toMatchObject({ code: 'INTERNAL', info: { reason: 'BAD_UPSTREAM_RESPONSE' } });
    expect(failure.message).toContain('100 levels');
  });
});

test('a double over gRPC arrives digit by digit', async () => {
  const { grpc, upstream } = await start();
  for (const [value, text] of [
    [0.1, '0.1'],
    [-0, '-0'],
    [2 ** 63, '9223372036854775808'],
    [1e21, '1e+21'],
  ] as const) {
    await grpc(
      OPTIONS,
      create(OPTIONS.input, { databaseId: 'd-1', autovacuumAnalyzeScaleFactor: value } as never),
    );
    expect(upstream.take().body).toBe(`{"autovacuum_analyze_scale_factor":${text}}`);
  }
});
