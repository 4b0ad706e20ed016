import { describe, expect, test } from 'vitest';
import { readBundledContract } from '../../src/contract/bundled.ts';
import { loadContract } from '../../src/contract/load.ts';
import { toErrorResponse } from '../../src/http/errors.ts';
import { createOpenApi } from '../../src/openapi/document.ts';
import type { OpenApiOperation, Response, Schema } from '../../src/openapi/types.ts';
import { CallError } from '../../src/status/call-error.ts';
import { compileProto } from '../support/compile-proto.ts';
import { schemaFaults } from '../support/json-schema.ts';

const bytes = await readBundledContract();
const contract = loadContract(bytes);
const document = createOpenApi(contract, { version: '1.2.3' });
const operations = Object.values(document.paths).flatMap((item) => Object.values(item));

function operation(id: string): OpenApiOperation {
  const found = operations.find(({ operationId }) => operationId === id);
  if (found === undefined) throw new Error(`There is no operation ${id}.`);
  return found;
}

function resolve(reference: string): Record<string, unknown> {
  return reference
    .slice(2)
    .split('/')
    .reduce((held: unknown, name) => (held as Record<string, unknown>)[name], document) as Record<
    string,
    unknown
  >;
}

describe('the OpenAPI document', () => {
  test('has every HTTP rule of the contract, under ids that are not used twice', () => {
    const rules = [...contract.operations.values()].flatMap(({ name, bindings }) =>
      bindings.map(({ httpMethod }) => `${httpMethod} ${name}`),
    );
    const documented = Object.values(document.paths).flatMap((item) =>
      Object.entries(item).map(([method, each]) => `${method.toUpperCase()} ${each['x-grpc-method']}`),
    );
    expect(documented.toSorted()).toEqual(rules.toSorted());
    expect(documented).toHaveLength(584);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(584);
  });

  test('is the same each time', () => {
    const again = createOpenApi(loadContract(bytes), { version: '1.2.3' });
    expect(JSON.stringify(again)).toBe(JSON.stringify(document));
  });

  test('refers only to what it has, and has no schema that nothing refers to', () => {
    const references = new Set(
      [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => reference),
    );
    for (const reference of references) expect(resolve(reference), reference).toBeDefined();
    for (const kind of ['schemas', 'responses', 'parameters'] as const) {
      for (const name of Object.keys(document.components[kind]))
        expect(references, name).toContain(`#/components/${kind}/${name}`);
    }
  });

  test('describes every operation, parameter and member with the comments of the protos', () => {
    for (const { operationId, summary, description, parameters = [] } of operations) {
      expect(summary, operationId).not.toBe('');
      expect(description, operationId).toContain(summary);
      for (const parameter of parameters)
        if ('in' in parameter) expect(parameter.description, `${operationId} ${parameter.name}`).not.toBe('');
    }
    for (const [name, { properties = {} }] of Object.entries(document.components.schemas)) {
      if (!name.endsWith('Request') || name === 'BadRequest') continue;
      for (const [member, { description }] of Object.entries(properties))
        expect(description, `${name}.${member}`).toBeTruthy();
    }
  });

  test('has parameters, body, effect, key and status of an operation', () => {
    const create = operation('InstancesService_CreateInstance');
    expect(create).toMatchObject({ tags: ['Instances'], 'x-vultr-effect': 'CREATE' });
    expect(create.parameters).toEqual([
      { $ref: '#/components/parameters/IdempotencyKey' },
      { $ref: '#/components/parameters/Prefer' },
    ]);
    expect(create.responses['202']).toMatchObject({ headers: { 'preference-applied': {} } });
    expect(Object.keys(create.responses)).toContain('202');
    expect(create.security).toBeUndefined();
    expect(operation('RegionsService_ListRegions').security).toEqual([{}, { key: [] }]);
    const update = operation('InstancesService_UpdateInstance');
    expect(update['x-vultr-destroys-with']).toEqual(['os_id', 'app_id', 'image_id']);
    expect(update.parameters).toMatchObject([{ name: 'instance_id', in: 'path', required: true }]);
    const body = document.components.schemas['UpdateInstanceRequest'] as Schema;
    expect(Object.keys(body.properties ?? {})).not.toContain('instance_id');
    expect(body.additionalProperties).toBe(true);
  });

  test('has GET with a body, OPTIONS, a form, a list as a body, and what is not JSON', () => {
    expect(document.paths['/v2/clusters/availability']?.['get']?.requestBody).toBeDefined();
    expect(document.paths['/v2/registry/{registry_id}/docker-credentials']?.['options']).toBeDefined();
    const sts = operation('OrganizationsService_AssumeOrganizationRoleByAwsSts');
    expect(Object.keys(sts.requestBody?.content ?? {})).toEqual(['application/x-www-form-urlencoded']);
    expect(mediaTypes(sts, '200')).toEqual(['text/xml']);
    const exports = operation('StorageGatewaysService_AddStorageGatewayExport');
    expect(exports.requestBody?.content['application/json']?.schema.type).toBe('array');
    expect(mediaTypes(operation('BillingService_PendingChargesCsv'), '200')).toEqual(['text/csv']);
    expect(mediaTypes(operation('CloudService_WatchInstance'), '200')).toEqual([
      'application/x-ndjson',
      'text/event-stream',
    ]);
  });

  test('marks what is deprecated', () => {
    expect(operation('Vpc2Service_ListVpc2').deprecated).toBe(true);
    expect(operation('VpcsService_ListVpcs').deprecated).toBeUndefined();
    const create = document.components.schemas['CloudCreateInstanceRequest'];
    expect(create?.properties?.['tag']?.deprecated).toBe(true);
  });

  test('says how to prove who is calling', () => {
    const strict = createOpenApi(contract, {
      version: '1',
      security: { isOptional: false, hasClientCertificates: true },
    });
    expect(strict.security).toEqual([{ key: [] }, { certificate: [] }]);
    expect(Object.keys(strict.components.securitySchemes)).toEqual(['key', 'certificate']);
    expect(document.security).toEqual([{ key: [] }, {}]);
  });

  test('has errors as the HTTP side writes them', () => {
    const error = CallError.invalid([{ field: 'region', description: 'Must be given.' }]);
    for (const [form, path] of [
      ['Api', '/api/instance'],
      ['Vultr', '/v2/instances'],
    ] as const) {
      const written = JSON.parse(
        Buffer.from(
          toErrorResponse(error, {
            path,
            accept: undefined,
            requestId: '5f1c1c5e-9d2f-4a6b-8f3a-0d6f3c1b2a4e',
          }).body,
        ).toString(),
      );
      const media = (resolve(`#/components/responses/${form}Failure400`) as unknown as Response).content?.[
        'application/json'
      ];
      expect(media?.example).toEqual(written);
      expect(schemaFaults(written, media?.schema as Record<string, unknown>, resolve)).toEqual([]);
    }
  });

  test('is not made of an rpc on a path of Vultr whose comment does not say what comes back', async () => {
    const silent = await compileProto(`
      syntax = "proto3";
      package sample;
      import "google/api/annotations.proto";
      import "google/protobuf/empty.proto";
      service Silent {
        // Says nothing.
        rpc Get(google.protobuf.Empty) returns (google.protobuf.Empty) { option (google.api.http) = {get: "/v2/silent"}; }
      }`);
    expect(() => createOpenApi(loadContract(silent), { version: '1' })).toThrow(
      /comment of .*Silent\/Get does not say/,
    );
  });
});

function mediaTypes({ responses }: OpenApiOperation, status: string): string[] {
  return Object.keys((responses[status] as Response).content ?? {});
}
