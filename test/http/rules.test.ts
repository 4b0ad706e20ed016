import { describe, expect, test } from 'vitest';
import type { Contract } from '../../src/contract/load.ts';
import type { Message } from '../../src/transcoding/message.ts';
import { plain } from '../support/all-types.ts';
import { type HttpReply, sendHttp } from '../support/http-request.ts';
import { compileContract, recordingDispatcher, startServer } from '../support/http-server.ts';

const PROTO = `
syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "vultr/options/v1/options.proto";
enum Color { COLOR_NONE = 0; RED = 1; }
message Req {
  string name = 1; google.protobuf.Value value = 2; map<string, string> labels = 3; bool on = 4; double number = 5;
  int64 big = 6; repeated int64 bigs = 7; Color color = 8; google.protobuf.BoolValue maybe = 9; repeated bool many = 10;
  float small = 11; repeated Color colors = 12;
  google.protobuf.Struct additional_fields = 1000;
}
message Res {}
service S {
  rpc Get(Req) returns (Res) { option (google.api.http) = { get: "/api/get" }; }
  rpc Post(Req) returns (Res) {
    option (google.api.http) = { post: "/api/post" body: "*" };
    option (vultr.options.v1.effect) = EFFECT_CHANGE;
  }
  rpc Rest(Req) returns (Res) { option (google.api.http) = { get: "/rest/{name=**}" }; }
  rpc Files(Req) returns (Res) { option (google.api.http) = { get: "/files/**" }; }
  rpc AnyMethod(Req) returns (Res) {
    option (google.api.http) = { custom { kind: "*" path: "/any/{name}" } };
    option (vultr.options.v1.effect) = EFFECT_CHANGE;
  }
  rpc OneMethod(Req) returns (Res) { option (google.api.http) = { get: "/any/{name=*}" }; }
}
`;

const ROOT = `
syntax = "proto3";
package t;
import "google/api/annotations.proto";
message Req { string name = 1; }
message Res {}
service S { rpc Everything(Req) returns (Res) { option (google.api.http) = { get: "/{name=**}" }; } }
`;

const contracts = new Map<string, Promise<Contract>>();

/** A server of these protos, and what it understood of one request. */
async function understand(
  line: string,
  body?: unknown,
  proto = PROTO,
): Promise<{
  readonly reply: HttpReply;
  readonly rpc: string | undefined;
  readonly message: Message | undefined;
}> {
  const contract = contracts.get(proto) ?? compileContract(proto);
  contracts.set(proto, contract);
  const dispatcher = recordingDispatcher();
  const { url } = await startServer({ contract: await contract, dispatcher });
  const [method = '', target = ''] = line.split(' ');
  const reply = await sendHttp(new URL(url).host, method, target, body);
  const [seen] = dispatcher.seen;
  return { reply, rpc: seen?.incoming.operation.rpc, message: seen?.request };
}

/** What a refused request is told, field by field. */
function violations({ text }: HttpReply): Readonly<Record<string, string>> {
  const [, { fieldViolations }] = JSON.parse(text).details;
  return Object.fromEntries(
    fieldViolations.map(({ field, description }: Record<string, string>) => [field, description]),
  );
}

describe('a query', () => {
  test.each([
    ['true', true],
    ['True', true],
    ['TRUE', true],
    ['t', true],
    ['T', true],
    ['1', true],
    ['false', false],
    ['False', false],
    ['f', false],
    ['0', false],
  ])('takes %s for the boolean %s, on its own, wrapped and repeated', async (text, expected) => {
    const { message } = await understand(`GET /api/get?on=${text}&maybe=${text}&many=${text}&many=${text}`);
    expect(plain(message)).toEqual(
      plain({ on: expected, maybe: { value: expected }, many: [expected, expected] }),
    );
  });

  test.each(['yes', '2', '', 'tRuE!'])('does not take %j for a boolean', async (text) => {
    const { reply } = await understand(`GET /api/get?on=${text}`);
    expect([reply.status, Object.keys(violations(reply))]).toEqual([400, ['on']]);
  });

  test.each([
    ['value.string_value=x', 'value.string_value'],
    ['value.list_value.values=x', 'value.list_value.values'],
    ['value.struct_value.fields[a]=x', 'value.struct_value.fields[a]'],
    ['value.nullValue=0', 'value.nullValue'],
    ['value.a.b.c=1', 'value.a.b.c'],
  ])('that leads into a Value is refused by name: %s', async (query, field) => {
    const { reply } = await understand(`GET /api/get?${query}`);
    expect([reply.status, Object.keys(violations(reply))]).toEqual([400, [field]]);
  });

  test('gives a Value its text', async () => {
    expect(plain((await understand('GET /api/get?value=5')).message)).toEqual(plain({ value: '5' }));
  });

  test('gives a map its entries', async () => {
    const { message } = await understand('GET /api/get?labels[env]=x&labels%5Ba.b%5D=y');
    expect(plain(message)).toEqual(plain({ labels: { env: 'x', 'a.b': 'y' } }));
  });

  test.each([['name[env]=x'], ['bigs[0]=1'], ['label[env]=x'], ['labels=x'], ['labels.env=x'], ['nme=x']])(
    'does not drop what leads nowhere: %s',
    async (query) => {
      const { reply } = await understand(`GET /api/get?${query}`);
      expect(reply.status).toBe(400);
      expect(Object.keys(violations(reply))).toHaveLength(1);
    },
  );

  test('keeps every digit of an integer and the sign of a zero', async () => {
    const { message } = await understand(
      'GET /api/get?big=1234567890123456800&bigs=1234567890123456800&bigs=-9223372036854775808&number=-0&small=-0.0',
    );
    expect(message).toMatchObject({
      big: 1234567890123456800n,
      bigs: [1234567890123456800n, -9223372036854775808n],
    });
    expect([message?.['number'], message?.['small']]).toEqual([-0, -0]);
  });

  test('gives an enum a number that its declaration does not have', async () => {
    expect((await understand('GET /api/get?color=7&colors=RED&colors=9')).message).toMatchObject({
      color: 7,
      colors: [1, 9],
    });
  });
});

describe('a body', () => {
  /** JSON text, as JSON.stringify would not write it. */
  const raw = (text: string): unknown => JSON.rawJSON(text);

  test('keeps every digit in fields, lists, Values and members that nobody knows', async () => {
    const number = raw('1234567890123456800');
    const { message } = await understand('POST /api/post', {
      big: number,
      bigs: [number, '1234567890123456800'],
      value: [number],
      new: { inner: [number] },
    });
    expect(message).toMatchObject({
      big: 1234567890123456800n,
      bigs: [1234567890123456800n, 1234567890123456800n],
    });
    const written = JSON.stringify(message, (_key, value) =>
      typeof value === 'bigint' ? raw(String(value)) : value,
    );
    expect(written.match(/1234567890123456800/g)).toHaveLength(5);
    expect(written).not.toContain('768');
  });

  test('keeps the sign of a zero', async () => {
    const { message } = await understand('POST /api/post', {
      number: raw('-0'),
      small: raw('-0.0'),
      value: [raw('-0')],
    });
    expect([message?.['number'], message?.['small'], message?.['value']]).toEqual([-0, -0, [-0]]);
  });

  test('gives an enum a number that its declaration does not have', async () => {
    expect((await understand('POST /api/post', { color: 7, colors: ['RED', -3] })).message).toMatchObject({
      color: 7,
      colors: [1, -3],
    });
  });
});

describe('a rule', () => {
  test.each([
    ['GET /rest', 'Rest', { name: '' }],
    ['GET /rest/a/b', 'Rest', { name: 'a/b' }],
    ['GET /files', 'Files', {}],
    ['GET /files/a/b', 'Files', {}],
  ])('with ** matches no segment, too: %s', async (line, rpc, message) => {
    const found = await understand(line);
    expect([found.rpc, plain(found.message)]).toEqual([rpc, plain(message)]);
  });

  test.each(['GET /', 'GET /a', 'GET /a/b'])('with ** at the root matches everything: %s', async (line) => {
    const { rpc, message } = await understand(line, undefined, ROOT);
    expect([rpc, plain(message)]).toEqual(['Everything', plain({ name: line.slice('GET /'.length) })]);
  });

  test.each([
    ['GET', 'OneMethod'],
    ['HEAD', 'OneMethod'],
    ['POST', 'AnyMethod'],
    ['PATCH', 'AnyMethod'],
    ['DELETE', 'AnyMethod'],
  ])('for every method is not hidden by one of the same shape: %s leads to %s', async (method, rpc) => {
    expect((await understand(`${method} /any/x`)).rpc).toBe(rpc);
  });
});
