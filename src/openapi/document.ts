import type { DescService } from '@bufbuild/protobuf';
import type { Contract } from '../contract/load.ts';
import type { Operation } from '../contract/operation.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { createCommentReader, firstSentence, type ReadComment } from './comments.ts';
import { failureResponses, failuresOf } from './failures.ts';
import { envelopeSuccess, type Success, vultrSuccess } from './replies.ts';
import {
  openApiPath,
  parametersOf,
  type RequestContext,
  requestBodyOf,
  SHARED_PARAMETERS,
} from './requests.ts';
import { createSchemaWriter } from './schemas.ts';
import type { OpenApiDocument, OpenApiOperation } from './types.ts';

/** What the document cannot know from the contract. */
export interface OpenApiOptions {
  /** The version of this service. */
  readonly version: string;
  /** How a caller may prove who it is. Default: with a key, or not at all. */
  readonly security?: SecurityOptions;
}

/** How a caller may prove who it is. */
export interface SecurityOptions {
  /** Whether a call without a key is served: the service has a key of its own, or lets anybody in. */
  readonly isOptional: boolean;
  /** Whether a client certificate counts. */
  readonly hasClientCertificates?: boolean;
}

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'PUT',
  'POST',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'PATCH',
  'TRACE',
]);

const ABOUT = `The Vultr cloud over HTTP. Below \`/api\` is CloudService, the calls that most programs need, whose replies are a
google.protobuf.Any that holds a Struct. Below \`/v2\` and \`/scim\` is Vultr's own API: what arrives is what is sent, and
Vultr's response comes back as it is, operations and members included that this document does not know.

Any GET below \`/v2\` can be watched with \`Accept: text/event-stream\`, and any list walked to its end with
\`Accept: application/x-ndjson\`.

Errors on \`/api\` are google.rpc.Status; on Vultr's own paths they are Vultr's object, \`error\` and \`status\`.

Any call may have the header \`grpc-timeout\`, for example \`10S\` or \`500m\` (milliseconds): its deadline.
\`x-vultr-effect\` says what an operation does: READ; SECRET, a read that returns credentials; CREATE, which buys or makes
something; CHANGE; DESTROY. \`x-vultr-destroys-with\` names the fields that make a CHANGE a DESTROY. Every operation is also an
rpc, which \`x-grpc-method\` names.`;

/**
 * Writes the contract as an OpenAPI 3.1 document: every operation that has an HTTP rule. The same contract always makes the
 * same document.
 * @throws Error when an rpc cannot be described, such as one whose comment does not say what it replies with
 */
export function createOpenApi(contract: Contract, options: OpenApiOptions): OpenApiDocument {
  const readComment = createCommentReader(contract.files);
  const schemas = createSchemaWriter(contract.registry, readComment);
  const context: RequestContext = { registry: contract.registry, schemas, readComment };
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  const services = new Set<DescService>();
  for (const operation of contract.operations.values()) {
    for (const [index, binding] of operation.bindings.entries()) {
      if (!METHODS.has(binding.httpMethod)) continue;
      services.add(operation.descriptor.parent);
      const path = openApiPath(binding);
      paths[path] = {
        ...paths[path],
        [binding.httpMethod.toLowerCase()]: describe(operation, binding, index, context),
      };
    }
  }
  const responses = failureResponses(schemas);
  return {
    openapi: '3.1.1',
    info: {
      title: 'vultr-grpc',
      version: options.version,
      summary: 'The Vultr cloud over HTTP and JSON.',
      description: ABOUT.replace(/(?<!\n)\n(?!\n)/g, ' '),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The service that this document comes from.' }],
    security: security(options.security),
    tags: tagsOf(services, readComment),
    paths: sorted(paths),
    components: {
      schemas: sorted(Object.fromEntries(schemas.components)),
      parameters: SHARED_PARAMETERS,
      responses,
      securitySchemes: securitySchemes(options.security),
    },
  };
}

function describe(
  operation: Operation,
  binding: HttpBinding,
  index: number,
  context: RequestContext,
): OpenApiOperation {
  const { schemas, readComment } = context;
  const isVultr = isVultrPath(binding.template.source);
  const success: Success = (isVultr ? vultrSuccess : envelopeSuccess)(operation, schemas, readComment);
  const parameters = parametersOf(operation, binding, context);
  const requestBody = requestBodyOf(operation, binding, context);
  const name = `${simpleName(operation.service)}_${operation.rpc}`;
  return {
    operationId: index === 0 ? name : `${name}_${index + 1}`,
    tags: [tagOf(operation.service)],
    summary: firstSentence(success.description),
    ...(success.description !== '' && { description: success.description }),
    ...(operation.descriptor.deprecated && { deprecated: true }),
    ...(operation.isPublic && { security: [{}, { key: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody !== undefined && { requestBody }),
    responses: { ...success.responses, ...failuresOf(isVultr ? 'Vultr' : 'Api', requestBody !== undefined) },
    'x-vultr-effect': operation.effect,
    ...(operation.destroysWith.length > 0 && { 'x-vultr-destroys-with': operation.destroysWith }),
    'x-grpc-method': operation.name,
  };
}

function simpleName(service: string): string {
  return service.slice(service.lastIndexOf('.') + 1);
}

/** The resource of a service: its name without `Service`. */
function tagOf(service: string): string {
  return simpleName(service).replace(/Service$/, '');
}

function tagsOf(services: ReadonlySet<DescService>, readComment: ReadComment): OpenApiDocument['tags'] {
  return [...services]
    .map((service) => ({ name: tagOf(service.typeName), description: readComment(service) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function security(options: SecurityOptions = { isOptional: true }): OpenApiDocument['security'] {
  return [
    { key: [] },
    ...(options.hasClientCertificates === true ? [{ certificate: [] }] : []),
    ...(options.isOptional ? [{}] : []),
  ];
}

function securitySchemes(
  { hasClientCertificates }: SecurityOptions = { isOptional: true },
): OpenApiDocument['components']['securitySchemes'] {
  return {
    key: {
      type: 'http',
      scheme: 'bearer',
      description: 'A Vultr API key, or what the operator of this service gave you in its place.',
    },
    ...(hasClientCertificates === true && {
      certificate: { type: 'mutualTLS', description: 'A client certificate that the service knows.' },
    }),
  };
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
