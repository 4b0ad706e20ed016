import { createFileRegistry, type DescMethod, type Registry } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test } from 'vitest';
import { HttpRuleError } from '../../src/transcoding/binding.ts';
import { compileHttpBindings } from '../../src/transcoding/http-rule.ts';
import { compileRegistry } from '../support/compile-routes.ts';

const PROTO = `
syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/protobuf/struct.proto";

message Inner { string leaf = 1; Inner inner = 2; }
message Req {
  string id = 1; Inner inner = 2; repeated string tags = 3; map<string, string> labels = 4;
  google.protobuf.Struct free = 5; repeated Inner inners = 6;
}
message Res { string out = 1; }

service S {
  rpc None(Req) returns (Res);
  rpc Plain(Req) returns (Res) {
    option (google.api.http) = {
      post: "/a/{id}/{inner.inner.leaf=x/**}:go" body: "inners" response_body: "out"
      additional_bindings { delete: "/b" body: "*" }
      additional_bindings { custom { kind: "OPTIONS" path: "/c" } }
      additional_bindings { custom { kind: "*" path: "/d" } }
    };
  }
  rpc Streaming(Req) returns (stream Res) { option (google.api.http) = { get: "/s" }; }

  rpc BadTemplate(Req) returns (Res) { option (google.api.http) = { get: "/a/{id" }; }
  rpc BadSecond(Req) returns (Res) { option (google.api.http) = { get: "/a" additional_bindings { get: "b" } }; }
  rpc UnknownField(Req) returns (Res) { option (google.api.http) = { get: "/a/{nope}" }; }
  rpc UnknownNested(Req) returns (Res) { option (google.api.http) = { get: "/a/{inner.nope}" }; }
  rpc JsonNameOnly(Req) returns (Res) { option (google.api.http) = { get: "/a/{innerLeaf}" }; }
  rpc ThroughScalar(Req) returns (Res) { option (google.api.http) = { get: "/a/{id.x}" }; }
  rpc Repeated(Req) returns (Res) { option (google.api.http) = { get: "/a/{tags}" }; }
  rpc RepeatedOnTheWay(Req) returns (Res) { option (google.api.http) = { get: "/a/{inners.leaf}" }; }
  rpc MapField(Req) returns (Res) { option (google.api.http) = { get: "/a/{labels}" }; }
  rpc MessageField(Req) returns (Res) { option (google.api.http) = { get: "/a/{inner}" }; }
  rpc StructField(Req) returns (Res) { option (google.api.http) = { get: "/a/{free}" }; }
  rpc Twice(Req) returns (Res) { option (google.api.http) = { get: "/a/{id}/{id}" }; }
  rpc BodyNoField(Req) returns (Res) { option (google.api.http) = { post: "/a" body: "nope" }; }
  rpc BodyNested(Req) returns (Res) { option (google.api.http) = { post: "/a" body: "inner.leaf" }; }
  rpc BodyInPath(Req) returns (Res) { option (google.api.http) = { post: "/a/{id}" body: "id" }; }
  rpc GetBody(Req) returns (Res) { option (google.api.http) = { get: "/a" body: "*" }; }
  rpc CustomBody(Req) returns (Res) { option (google.api.http) = { custom { kind: "GET" path: "/a" } body: "*" }; }
  rpc ResponseNoField(Req) returns (Res) { option (google.api.http) = { get: "/a" response_body: "nope" }; }
  rpc NoPattern(Req) returns (Res) { option (google.api.http) = { body: "*" }; }
  rpc BadKind(Req) returns (Res) { option (google.api.http) = { custom { kind: "GE T" path: "/a" } }; }
  rpc EmptyKind(Req) returns (Res) { option (google.api.http) = { custom { kind: "" path: "/a" } }; }
  rpc NestedBindings(Req) returns (Res) {
    option (google.api.http) = { get: "/a" additional_bindings { get: "/b" additional_bindings { get: "/c" } } };
  }
  rpc ClientStream(stream Req) returns (Res) { option (google.api.http) = { post: "/a" body: "*" }; }
  rpc Bidi(stream Req) returns (stream Res) { option (google.api.http) = { get: "/a/{id}" }; }
}
`;

/** What each faulty rule is told, besides the name of its rpc. */
const FAULTS: Record<string, string> = {
  BadTemplate: 'column 7 of path template "/a/{id": expected \'}\', found the end',
  BadSecond: 'column 1 of path template "b"',
  UnknownField: 'binds {nope}, but t.Req has no field nope',
  UnknownNested: 'binds {inner.nope}, but t.Inner has no field nope',
  JsonNameOnly: 'has no field innerLeaf',
  ThroughScalar: 'id is not a message',
  Repeated: 'tags is a repeated field',
  RepeatedOnTheWay: 'inners is a repeated field',
  MapField: 'labels is a map',
  MessageField: 'which is a message (t.Inner)',
  StructField: 'which is a message (google.protobuf.Struct)',
  Twice: 'binds {id} twice',
  BodyNoField: 'has body "nope", which is neither a field of t.Req nor',
  BodyNested: 'has body "inner.leaf", which is neither a field',
  BodyInPath: 'has body "id", which its path already binds',
  GetBody: 'has a body "*" for GET',
  ResponseNoField: 'has response_body "nope", which is not a field of t.Res',
  NoPattern: 'without a pattern',
  BadKind: 'of kind "GE T"',
  EmptyKind: 'of kind ""',
  NestedBindings: 'additional_bindings inside additional_bindings',
  ClientStream: 'takes a stream of requests',
  Bidi: 'takes a stream of requests',
};

let registry: Registry;
let methods: readonly DescMethod[];

beforeAll(async () => {
  const files = await compileRegistry(PROTO);
  registry = files;
  methods = files.getService('t.S')?.methods ?? [];
});

function rpc(name: string): DescMethod {
  const method = methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`the test has no rpc ${name}`);
  return method;
}

describe('the HTTP rules of an rpc', () => {
  test('an rpc without a rule has no bindings', () => {
    expect(compileHttpBindings(rpc('None'), registry)).toEqual([]);
  });

  test('a rule and its additional bindings are compiled in order, bound to their fields', () => {
    const bindings = compileHttpBindings(rpc('Plain'), registry);
    expect(bindings.map(({ httpMethod, template }) => `${httpMethod} ${template.source}`)).toEqual([
      'POST /a/{id}/{inner.inner.leaf=x/**}:go',
      'DELETE /b',
      'OPTIONS /c',
      '* /d',
    ]);
    for (const binding of bindings) {
      expect(binding.rpc).toBe('t.S/Plain');
      expect(binding.input.typeName).toBe('t.Req');
    }
    const [first, second, third] = bindings;
    expect(first?.variables.map((path) => path.map(({ name }) => name))).toEqual([
      ['id'],
      ['inner', 'inner', 'leaf'],
    ]);
    expect(first?.body).toMatchObject({ name: 'inners', fieldKind: 'list' });
    expect(first?.responseBody).toMatchObject({ name: 'out' });
    expect(second).toMatchObject({ body: 'message', variables: [], responseBody: undefined });
    expect(third).toMatchObject({ body: 'none' });
  });

  test('a server-streaming rpc may have one', () => {
    expect(compileHttpBindings(rpc('Streaming'), registry)).toHaveLength(1);
  });

  test('a custom rule may give a GET a body, which a plain one may not', () => {
    expect(compileHttpBindings(rpc('CustomBody'), registry)).toMatchObject([
      { httpMethod: 'GET', body: 'message' },
    ]);
  });

  test('there are none in a descriptor set without google.api.http', () => {
    expect(compileHttpBindings(rpc('Plain'), createFileRegistry())).toEqual([]);
  });

  test.each(Object.entries(FAULTS))('%s is refused by name', (name, problem) => {
    const compile = () => compileHttpBindings(rpc(name), registry);
    expect(compile).toThrow(HttpRuleError);
    expect(compile).toThrow(problem);
    expect(compile).toThrow(`t.S/${name} `);
  });

  test('every faulty rpc of this file has its case', () => {
    const sound = ['None', 'Plain', 'Streaming', 'CustomBody'];
    expect(methods.map(({ name }) => name).filter((name) => !sound.includes(name))).toEqual(
      Object.keys(FAULTS),
    );
  });
});
