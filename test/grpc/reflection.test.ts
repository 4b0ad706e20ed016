import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../src/gen/grpc/reflection/v1/reflection.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startOnSandbox } from '../support/service.ts';

const set = fromBinary(
  FileDescriptorSetSchema,
  readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)),
);

const client = openForFile(async () => connectRaw((await startOnSandbox()).app.grpcAddress));

type Question = Parameters<typeof ServerReflectionRequest.fromPartial>[0];

async function ask(version: string, ...questions: Question[]): Promise<ServerReflectionResponse[]> {
  const requests = questions.map((question) =>
    ServerReflectionRequest.encode(ServerReflectionRequest.fromPartial(question)).finish(),
  );
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  return (await client().converse(path, requests)).map((bytes) => ServerReflectionResponse.decode(bytes));
}

/** A symbol of every kind, and the file that declares it. */
const SYMBOLS: Readonly<Record<string, string>> = {
  // A service.
  'vultr.cloud.v1.CloudService': 'vultr/cloud/v1/cloud_service.proto',
  // A method.
  'vultr.cloud.v1.CloudService.ListRegions': 'vultr/cloud/v1/cloud_service.proto',
  // A message.
  'vultr.cloud.v1.WatchCondition': 'vultr/cloud/v1/cloud_service.proto',
  // A nested message.
  'vultr.cloud.v1.CreateInstanceRequest.AppVariablesEntry': 'vultr/cloud/v1/cloud_service.proto',
  // A field of a map's entry.
  'vultr.cloud.v1.CreateInstanceRequest.AppVariablesEntry.key': 'vultr/cloud/v1/cloud_service.proto',
  // A field.
  'vultr.cloud.v1.WatchCondition.gone': 'vultr/cloud/v1/cloud_service.proto',
  // An oneof.
  'grpc.reflection.v1.ServerReflectionRequest.message_request': 'grpc/reflection/v1/reflection.proto',
  // An enum.
  'grpc.health.v1.HealthCheckResponse.ServingStatus': 'grpc/health/v1/health.proto',
  // A value of an enum.
  'grpc.health.v1.HealthCheckResponse.SERVING': 'grpc/health/v1/health.proto',
  // A value of an enum outside of messages.
  'vultr.options.v1.EFFECT_READ': 'vultr/options/v1/options.proto',
  // An extension.
  'google.api.http': 'google/api/annotations.proto',
  // A detail of errors.
  'google.rpc.BadRequest': 'google/rpc/error_details.proto',
  // The Status of errors.
  'google.rpc.Status': 'google/rpc/status.proto',
  // A well-known type.
  'google.protobuf.Struct': 'google/protobuf/struct.proto',
  // A name with a leading dot.
  '.google.protobuf.Any': 'google/protobuf/any.proto',
};

/** Questions that fail, each with the code of the error. */
const WRONG_QUESTIONS: readonly [Question, number][] = [
  [{ file_by_filename: '../../etc/passwd' }, 5],
  [{ file_by_filename: '' }, 5],
  [{ file_containing_symbol: 'vultr.cloud.v1.Nothing' }, 5],
  [{ file_containing_symbol: 'vultr.cloud.v1.WatchCondition.nothing' }, 5],
  [{ file_containing_symbol: 'vultr.cloud.v1.WatchCondition.gone.key' }, 5],
  [{ file_containing_symbol: 'vultr.cloud.v1.CreateInstanceRequest.AppVariablesEntry.nothing' }, 5],
  [{ file_containing_symbol: 'vultr.cloud.v1.CloudService.Nothing' }, 5],
  [{ file_containing_symbol: 'grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING' }, 5],
  [{ file_containing_symbol: 'Nothing' }, 5],
  [{ file_containing_symbol: '' }, 5],
  [{ file_containing_symbol: 'constructor' }, 5],
  [
    { file_containing_extension: { containing_type: 'google.protobuf.MethodOptions', extension_number: 1 } },
    5,
  ],
  [{ all_extension_numbers_of_type: 'a.B' }, 5],
  [{}, 3],
];

/** The names of the files in a response. */
function filesIn(response: ServerReflectionResponse | undefined): string[] {
  const files = response?.file_descriptor_response?.file_descriptor_proto ?? [];
  return files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  test('lists every service, itself included', async () => {
    const [response] = await ask(version, { list_services: '' });
    const names = response?.list_services_response?.service.map(({ name }) => name) ?? [];
    const declared = set.file.flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`));
    expect(names).toEqual(declared.sort());
    expect(names).toEqual(
      expect.arrayContaining([
        'vultr.cloud.v1.CloudService',
        'vultr.v2.InstancesService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ]),
    );
  });

  test('sends files as they were built, options included, with everything that they import', async () => {
    const [response] = await ask(version, { file_by_filename: 'vultr/cloud/v1/cloud_service.proto' });
    const names = filesIn(response);
    expect(names[0]).toBe('vultr/cloud/v1/cloud_service.proto');
    expect(new Set(names).size).toBe(names.length);
    const imports = set.file.filter(({ name }) => names.includes(name)).flatMap((file) => file.dependency);
    expect(imports.filter((name) => !names.includes(name))).toEqual([]);

    const built = readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url));
    for (const bytes of response?.file_descriptor_response?.file_descriptor_proto ?? []) {
      expect(built.includes(bytes), fromBinary(FileDescriptorProtoSchema, bytes).name).toBe(true);
    }
    // The HTTP rule is an option that a descriptor loses when it is decoded by halves.
    const [service] = response?.file_descriptor_response?.file_descriptor_proto ?? [];
    expect(Buffer.from(service ?? []).includes('/api/instances/{instance_id}:watch')).toBe(true);
  });

  test('finds the file of every kind of symbol', async () => {
    const questions = Object.keys(SYMBOLS).map((symbol) => ({ file_containing_symbol: symbol }));
    const responses = await ask(version, ...questions);
    const found = responses.map((response, index) => [
      questions[index]?.file_containing_symbol,
      filesIn(response)[0] ?? response.error_response?.error_message,
    ]);
    expect(Object.fromEntries(found)).toEqual(SYMBOLS);
  });

  test('knows extensions', async () => {
    const containing_type = 'google.protobuf.MethodOptions';
    const [numbers, file, none] = await ask(
      version,
      { all_extension_numbers_of_type: containing_type },
      { file_containing_extension: { containing_type, extension_number: 72_295_728 } },
      { all_extension_numbers_of_type: 'google.protobuf.Struct' },
    );
    expect(numbers?.all_extension_numbers_response?.base_type_name).toBe(containing_type);
    expect(numbers?.all_extension_numbers_response?.extension_number).toContain(72_295_728);
    expect(filesIn(file)[0]).toBe('google/api/annotations.proto');
    expect(none?.all_extension_numbers_response?.extension_number).toEqual([]);
  });

  test('reports unknown names as errors, and goes on', async () => {
    const questions = WRONG_QUESTIONS.map(([question]) => ({ host: 'here', ...question }));
    const responses = await ask(version, ...questions, { list_services: '' });
    for (const [index, [, error_code]] of WRONG_QUESTIONS.entries()) {
      expect(responses[index]).toMatchObject({
        valid_host: 'here',
        original_request: questions[index],
        error_response: { error_code, error_message: expect.stringMatching(/\.$/) },
      });
    }
    expect(responses.at(-1)?.list_services_response?.service.length).toBeGreaterThan(5);
  });

  test('refuses garbage', async () => {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const failure = await failureOf(client().converse(path, [Buffer.from([0xff, 0xff, 0xff])]));
    expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT', info: { reason: 'MALFORMED_MESSAGE' } });
  });
});
