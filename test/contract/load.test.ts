import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { ContractError } from '../../src/contract/contract-error.ts';
import { type Contract, loadContract } from '../../src/contract/load.ts';
import { isVultrPath } from '../../src/contract/vultr-path.ts';
import { HealthService } from '../../src/gen/grpc/health/v1/health.ts';
import { ServerReflectionService as ReflectionV1 } from '../../src/gen/grpc/reflection/v1/reflection.ts';
import { ServerReflectionService as ReflectionV1Alpha } from '../../src/gen/grpc/reflection/v1alpha/reflection.ts';
import { CloudServiceService } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { compileProto } from '../support/compile-proto.ts';

const BYTES = readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url));
const contract = loadContract(BYTES);

interface Definition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

const KINDS: Readonly<Record<string, string>> = {
  'false false': 'unary',
  'false true': 'server_streaming',
  'true false': 'client_streaming',
  'true true': 'bidi_streaming',
};

describe('the table of operations', () => {
  const services: [string, Readonly<Record<string, Definition>>][] = [
    ['vultr.cloud.v1.CloudService', CloudServiceService],
    ['grpc.health.v1.Health', HealthService],
    ['grpc.reflection.v1.ServerReflection', ReflectionV1],
    ['grpc.reflection.v1alpha.ServerReflection', ReflectionV1Alpha],
  ];

  test.each(services)('agrees with the generated definition of %s', (service, generated) => {
    const ours = [...contract.operations.values()]
      .filter((operation) => operation.service === service)
      .map(({ name, kind }) => [`/${name}`, kind]);
    const theirs = Object.values(generated).map(({ path, requestStream, responseStream }) => [
      path,
      KINDS[`${requestStream} ${responseStream}`],
    ]);
    expect(ours.sort()).toEqual(theirs.sort());
  });

  test('knows what may be repeated and what needs no key', () => {
    const facts = ['ListRegions', 'CreateInstance', 'HaltInstance', 'RebootInstance'].map((rpc) => {
      const operation = contract.operations.get(`vultr.cloud.v1.CloudService/${rpc}`);
      return [rpc, operation?.idempotency, operation?.isPublic];
    });
    expect(facts).toEqual([
      ['ListRegions', 'NO_SIDE_EFFECTS', true],
      ['CreateInstance', 'IDEMPOTENCY_UNKNOWN', false],
      ['HaltInstance', 'IDEMPOTENT', false],
      ['RebootInstance', 'IDEMPOTENCY_UNKNOWN', false],
    ]);
  });

  test('every operation of Vultr is there, each with the HTTP rule by which Vultr is asked', () => {
    const forwarded = [...contract.operations.values()].filter(
      ({ service, isRaw, kind }) => service.startsWith('vultr.v2.') && !isRaw && kind === 'unary',
    );
    expect(forwarded.length).toBeGreaterThan(500);
    const paths = forwarded.map(({ name, bindings }) => [name, bindings[0]?.template.source ?? '']);
    expect(paths.filter(([, path = '']) => !isVultrPath(path))).toEqual([]);
  });
});

describe('the files of the contract', () => {
  test('are the bytes that were built', () => {
    const rebuilt = fromBinary(FileDescriptorSetSchema, BYTES);
    expect([...contract.files.keys()]).toEqual(rebuilt.file.map(({ name }) => name));
    // Not one is lost, and not one is changed: put together they are the whole.
    const length = [...contract.files.values()].reduce((sum, { length: size }) => {
      const prefix = size < 128 ? 2 : size < 16_384 ? 3 : size < 2_097_152 ? 4 : 5;
      return sum + prefix + size;
    }, 0);
    expect(length).toBe(BYTES.length);
  });

  test.each(['google/rpc/error_details.proto', 'google/rpc/status.proto', 'google/api/annotations.proto'])(
    'include %s',
    (name) => {
      const bytes = contract.files.get(name) ?? new Uint8Array();
      expect(fromBinary(FileDescriptorProtoSchema, bytes).name).toBe(name);
    },
  );

  test('are complete: every import is there', () => {
    const missing = [...contract.files.values()]
      .flatMap((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).dependency)
      .filter((name) => !contract.files.has(name));
    expect(missing).toEqual([]);
  });
});

describe('a contract with a fault is refused, and the rpc named', () => {
  const rpc = (options: string, fields = 'string id = 1;') => `
    syntax = "proto3";
    package test;
    import "google/api/annotations.proto";
    import "google/api/field_info.proto";
    service Shop { rpc Buy(BuyRequest) returns (BuyResponse) { ${options} } }
    message BuyRequest { ${fields} }
    message BuyResponse {}
  `;
  const load = async (source: string): Promise<Contract> => loadContract(await compileProto(source));

  test.each([
    ['a path variable that is no field', rpc('option (google.api.http) = {get: "/a/{nothing}"};'), 'nothing'],
    ['a body that is no field', rpc('option (google.api.http) = {put: "/a" body: "nothing"};'), 'nothing'],
    ['a path that does not parse', rpc('option (google.api.http) = {get: "/a/{id"};'), '/a/{id'],
    [
      'a format on a field that is no string',
      rpc('', 'int32 port = 1 [(google.api.field_info).format = IPV4];'),
      'port',
    ],
  ])('%s', async (_what, source, culprit) => {
    const loading = load(source);
    await expect(loading).rejects.toThrow(ContractError);
    await expect(loading).rejects.toThrow('test.Shop/Buy');
    await expect(loading).rejects.toThrow(culprit);
  });

  test('but not one without', async () => {
    const { operations } = await load(rpc('option (google.api.http) = {get: "/a/{id}"};'));
    expect(operations.get('test.Shop/Buy')?.bindings).toHaveLength(1);
  });

  test('bytes that are no descriptor set', () => {
    expect(() => loadContract(Buffer.from('garbage'))).toThrow();
  });

  test('a set that lacks an import', () => {
    const set = fromBinary(FileDescriptorSetSchema, BYTES);
    set.file = set.file.filter(({ name }) => name !== 'google/protobuf/any.proto');
    expect(() => createFileRegistry(set)).toThrow();
    expect(() => loadContract(toBinary(FileDescriptorSetSchema, set))).toThrow('any.proto');
  });
});
