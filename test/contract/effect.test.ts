import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { beforeAll, describe, expect, test } from 'vitest';
import { ContractError } from '../../src/contract/contract-error.ts';
import { effectOfUnknown } from '../../src/contract/effect.ts';
import { type Contract, loadContract } from '../../src/contract/load.ts';
import type { Operation } from '../../src/contract/operation.ts';
import { compileProto } from '../support/compile-proto.ts';

const CREATES = 'option (vultr.options.v1.effect) = EFFECT_CREATE;';
const CHANGES = 'option (vultr.options.v1.effect) = EFFECT_CHANGE;';
const POST = 'option (google.api.http) = { post: "/things" body: "*" };';
const GET = 'option (google.api.http) = { get: "/things" };';

function createOption(text: string): string {
  return `option (vultr.options.v1.create) = { ${text} };`;
}

/** What is wrong with each service: the options of its rpc Do, and what the error says besides the rpc's name. */
const FAULTS: Record<string, { options: string; problem: string }> = {
  Post: { options: POST, problem: 'has the method POST but does not state its effect' },
  Put: {
    options: 'option (google.api.http) = { put: "/things" body: "*" };',
    problem: 'has the method PUT but does not state its effect',
  },
  Patch: {
    options: 'option (google.api.http) = { patch: "/things" body: "*" };',
    problem: 'has the method PATCH but does not state its effect',
  },
  AnyMethod: {
    options: 'option (google.api.http) = { custom { kind: "*" path: "/things" } };',
    problem: 'has the method * but does not state its effect',
  },
  ChangeWithoutSideEffects: {
    options: `${POST} ${CHANGES} option idempotency_level = NO_SIDE_EFFECTS;`,
    problem: 'states the effect CHANGE but idempotency_level NO_SIDE_EFFECTS',
  },
  DeleteWithoutSideEffects: {
    options: 'option (google.api.http) = { delete: "/things" }; option idempotency_level = NO_SIDE_EFFECTS;',
    problem: 'states the effect DESTROY but idempotency_level NO_SIDE_EFFECTS',
  },
  IdempotentCreate: {
    options: `${POST} ${CREATES} ${createOption('untagged: "x"')} option idempotency_level = IDEMPOTENT;`,
    problem: 'states the effect CREATE but idempotency_level IDEMPOTENT',
  },
  CreateUnexplained: {
    options: `${POST} ${CREATES}`,
    problem: 'creates something but does not say how that is recognised',
  },
  ChangeWithCreate: {
    options: `${POST} ${CHANGES} ${createOption('untagged: "x"')}`,
    problem: 'has option (vultr.options.v1.create) but does not create anything',
  },
  ReadWithCreate: {
    options: `${GET} ${createOption('untagged: "x"')}`,
    problem: 'has option (vultr.options.v1.create) but does not create anything',
  },
  NoTagNoReason: {
    options: `${POST} ${CREATES} ${createOption('id: "thing.id"')}`,
    problem: 'names no tag_fields for what it creates',
  },
  TagWithoutList: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "label" }')}`,
    problem: 'names tag_fields but no list',
  },
  UnknownList: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "label" } list: "Nothing"')}`,
    problem: 'names the list Nothing, which is not an rpc with a GET',
  },
  ListIsNoGet: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "label" } list: "test.Lists/Delete"')}`,
    problem: 'names the list test.Lists/Delete, which is not an rpc with a GET',
  },
  ListNeedsMore: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "label" } list: "test.Lists/OfParent"')}`,
    problem: 'names the list test.Lists/OfParent, whose path needs parent_id',
  },
  UnknownTagField: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "nothing" } list: "test.Lists/All"')}`,
    problem: 'names the tag field nothing, which its request does not have',
  },
  RequiredTagField: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "name" } list: "test.Lists/All"')}`,
    problem: 'names the tag field name, which every caller must set',
  },
  TagFieldIsNoText: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "size" } list: "test.Lists/All"')}`,
    problem: 'names the tag field size, which is neither a string nor a list of strings',
  },
  UnknownFilter: {
    options: `${POST} ${CREATES} ${createOption('tag_fields { name: "label" filter: "nothing" } list: "test.Lists/All"')}`,
    problem: 'names the filter nothing, which test.Lists/All does not have',
  },
  UnknownRead: {
    options: `${POST} ${CREATES} ${createOption('untagged: "x" read: "Nothing"')}`,
    problem: 'names the read Nothing, which is not an rpc with a GET',
  },
  ReadIsNoGet: {
    options: `${POST} ${CREATES} ${createOption('untagged: "x" read: "test.Lists/Delete"')}`,
    problem: 'names the read test.Lists/Delete, which is not an rpc with a GET',
  },
  ReadWithoutReady: {
    options: `${POST} ${CREATES} ${createOption('untagged: "x" read: "test.Lists/OfParent"')}`,
    problem: 'names the read test.Lists/OfParent, which does not state when it is ready',
  },
  ReadWithoutId: {
    options: `${POST} ${CREATES} ${createOption('untagged: "x" read: "test.Lists/Newest"')}`,
    problem: 'names the read test.Lists/Newest, whose path must have one variable',
  },
  DestroysWithOnCreate: {
    options: `${POST} ${CREATES} ${createOption('untagged: "x"')} option (vultr.options.v1.destroys_with) = "label";`,
    problem: 'has option (vultr.options.v1.destroys_with) but is not a CHANGE',
  },
  DestroysWithNothing: {
    options: `${POST} ${CHANGES} option (vultr.options.v1.destroys_with) = "nothing";`,
    problem: 'destroys with nothing, which its request does not have',
  },
  RawWithCreate: {
    options: `option (vultr.options.v1.raw) = true; ${createOption('untagged: "x"')}`,
    problem: 'has option (vultr.options.v1.create) but does not create anything',
  },
};

const READY = `option (vultr.options.v1.states) = { ready: "true" };`;

const PROTO = `
syntax = "proto3";
package test;
import "google/api/annotations.proto";
import "google/api/field_behavior.proto";
import "vultr/options/v1/options.proto";
message Request {
  string name = 1 [(google.api.field_behavior) = REQUIRED];
  string label = 2; repeated string tags = 3; int32 size = 4;
}
message ListRequest { string label = 1; string parent_id = 2; }
message Response {}
service Lists {
  rpc All(ListRequest) returns (Response) { option (google.api.http) = { get: "/things" }; }
  rpc OfParent(ListRequest) returns (Response) { option (google.api.http) = { get: "/parents/{parent_id}/things" }; }
  rpc Delete(ListRequest) returns (Response) { option (google.api.http) = { delete: "/things" }; }
  rpc One(Request) returns (Response) { option (google.api.http) = { get: "/things/{name}" }; ${READY} }
  rpc Newest(Request) returns (Response) { option (google.api.http) = { get: "/newest" }; ${READY} }
}
service Sound {
  rpc Get(Request) returns (Response) { ${GET} }
  rpc Head(Request) returns (Response) { option (google.api.http) = { custom { kind: "HEAD" path: "/head" } }; }
  rpc Delete(Request) returns (Response) { option (google.api.http) = { delete: "/things" }; }
  rpc Secret(Request) returns (Response) { ${GET} option (vultr.options.v1.effect) = EFFECT_SECRET; }
  rpc ActingGet(Request) returns (Response) { ${GET} ${CHANGES} }
  rpc ReadingPost(Request) returns (Response) { ${POST} option (vultr.options.v1.effect) = EFFECT_READ; }
  rpc WithoutRule(Request) returns (Response);
  rpc Raw(Request) returns (Response) { option (vultr.options.v1.raw) = true; }
  rpc Change(Request) returns (Response) { ${POST} ${CHANGES} option (vultr.options.v1.destroys_with) = "size"; }
  rpc List(ListRequest) returns (Response) { ${GET} }
  rpc Untagged(Request) returns (Response) { ${POST} ${CREATES} ${createOption('id: "a.b" untagged: "It has no label"')} }
  rpc ByShortName(Request) returns (Response) {
    ${POST} ${CREATES} ${createOption('id: "thing.id" id: "things.0.id" tag_fields { name: "tags" } tag_fields { name: "label" filter: "label" } list: "List"')}
  }
  rpc ByFullName(Request) returns (Response) {
    ${POST} ${CREATES} ${createOption('tag_fields { name: "label" } list: "test.Lists/All" read: "test.Lists/One"')}
  }
}
service TwoRaw {
  rpc First(Request) returns (Response) { option (vultr.options.v1.raw) = true; }
  rpc Second(Request) returns (Response) { option (vultr.options.v1.raw) = true; }
}
${Object.entries(FAULTS)
  .map(([name, { options }]) => `service ${name} { rpc Do(Request) returns (Response) { ${options} } }`)
  .join('\n')}
`;

let set: FileDescriptorSet;

beforeAll(async () => {
  set = fromBinary(FileDescriptorSetSchema, await compileProto(PROTO));
});

/** Loads the proto above with only some of its services. */
function load(...services: string[]): Contract {
  const file = set.file.map((each) =>
    each.name === 'test.proto'
      ? { ...each, service: each.service.filter(({ name }) => services.includes(name)) }
      : each,
  );
  return loadContract(toBinary(FileDescriptorSetSchema, { ...set, file }));
}

describe('a contract whose effects are at fault does not load', () => {
  test.each(Object.entries(FAULTS))('%s', (service, { problem }) => {
    const loading = () => load('Lists', service);
    expect(loading).toThrow(ContractError);
    expect(loading).toThrow(`test.${service}/Do ${problem}`);
  });

  test('with two raw rpcs, and both are named', () => {
    expect(() => load('TwoRaw')).toThrow(ContractError);
    expect(() => load('TwoRaw')).toThrow('test.TwoRaw/First and test.TwoRaw/Second have option');
  });
});

describe('the effects of a sound contract', () => {
  let operations: ReadonlyMap<string, Operation>;
  beforeAll(() => {
    ({ operations } = load('Lists', 'Sound'));
  });

  test('are those stated, or follow from the method', () => {
    const effects = [...operations.values()]
      .filter(({ service }) => service === 'test.Sound')
      .map(({ rpc, effect }) => [rpc, effect]);
    expect(Object.fromEntries(effects)).toEqual({
      Get: 'READ',
      Head: 'READ',
      Delete: 'DESTROY',
      Secret: 'SECRET',
      ActingGet: 'CHANGE',
      ReadingPost: 'READ',
      WithoutRule: 'READ',
      Raw: 'CREATE',
      Change: 'CHANGE',
      List: 'READ',
      Untagged: 'CREATE',
      ByShortName: 'CREATE',
      ByFullName: 'CREATE',
    });
  });

  test('say how what is created is recognised, the list found by its short or its full name', () => {
    expect(operations.get('test.Sound/ByShortName')?.create).toEqual({
      idPaths: [
        ['thing', 'id'],
        ['things', '0', 'id'],
      ],
      tagFields: [
        { name: 'tags', isList: true, filter: undefined },
        { name: 'label', isList: false, filter: 'label' },
      ],
      list: operations.get('test.Sound/List'),
      read: undefined,
    });
    expect(operations.get('test.Sound/ByFullName')?.create?.read?.name).toBe('test.Lists/One');
    expect(operations.get('test.Sound/ByFullName')?.create?.list?.name).toBe('test.Lists/All');
    expect(operations.get('test.Sound/Untagged')?.create).toEqual({
      idPaths: [['a', 'b']],
      tagFields: [],
      list: undefined,
      read: undefined,
    });
    expect(operations.get('test.Sound/Raw')?.create).toBeUndefined();
    expect(operations.get('test.Sound/Change')).toMatchObject({ create: undefined, destroysWith: ['size'] });
  });

  test('of an undeclared request are the strictest that its method allows', () => {
    const methods = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH', 'PURGE'];
    expect(methods.map(effectOfUnknown)).toEqual([
      ...['SECRET', 'SECRET', 'SECRET', 'DESTROY'],
      ...['CREATE', 'CREATE', 'CREATE', 'CREATE'],
    ]);
  });
});

describe('the effects of the real contract', () => {
  const operations = [
    ...loadContract(
      readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)),
    ).operations.values(),
  ];

  test('cover every kind', () => {
    const counts = Map.groupBy(operations, ({ effect }) => effect);
    for (const effect of ['READ', 'SECRET', 'CREATE', 'CHANGE', 'DESTROY'] as const)
      expect(counts.get(effect)?.length ?? 0, effect).toBeGreaterThan(0);
  });

  test('let every GET that only reads be repeated; those that act are these', () => {
    const gets = operations.filter(({ bindings }) => bindings[0]?.httpMethod === 'GET');
    const isReading = ({ effect }: Operation) => effect === 'READ' || effect === 'SECRET';
    const repeatable = ({ idempotency }: Operation) => idempotency === 'NO_SIDE_EFFECTS';
    expect(gets.filter((get) => isReading(get) && !repeatable(get)).map(({ name }) => name)).toEqual([]);
    expect(gets.filter((get) => !isReading(get)).map(({ name }) => name)).toEqual([
      // Empties a cache.
      'vultr.v2.CdnService/PurgePullzone',
      // Issues an authorization code.
      'vultr.v2.OidcService/AuthorizeOidc',
    ]);
    expect(gets.length).toBeGreaterThan(200);
  });

  test('name for each creation a list that can be asked, or no tag', () => {
    const creates = operations.filter(({ effect, isRaw }) => effect === 'CREATE' && !isRaw);
    for (const { name, create } of creates) {
      expect(create, name).toBeDefined();
      expect((create?.tagFields.length ?? 0) > 0, name).toBe(create?.list !== undefined);
    }
  });
});
