import { CallError } from '../status/call-error.ts';
import { CODES } from '../status/code.ts';
import { REASONS } from '../status/reasons.ts';
import { toStatusJson } from '../status/rpc-status.ts';
import type { SchemaWriter } from './schemas.ts';
import type { Reference, Response, Schema } from './types.ts';

/** The two forms of an error: google.rpc.Status on /api, and Vultr's object, with that behind it, on Vultr's own paths. */
export type ErrorForm = 'Api' | 'Vultr';

/** A failure as an example, and when it can occur. */
interface Failure {
  readonly error: CallError;
  /** Whether only an operation with a body can fail like this. */
  readonly needsBody?: true;
  /** Whether it can come from Vultr only, as it came. */
  readonly isVultrs?: number;
}

/** The request id of the examples. */
const EXAMPLE_REQUEST_ID = '5f1c1c5e-9d2f-4a6b-8f3a-0d6f3c1b2a4e';

/** One example for each status, in the order of the statuses. */
const FAILURES: readonly Failure[] = [
  { error: CallError.invalid([{ field: 'region', description: 'Must be given.' }]) },
  { error: new CallError('UNAUTHENTICATED', 'CREDENTIAL_MISSING', REASONS.CREDENTIAL_MISSING) },
  { error: new CallError('PERMISSION_DENIED', 'ACCESS_DENIED', REASONS.ACCESS_DENIED) },
  { error: new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', REASONS.VULTR_NOT_FOUND) },
  { error: sized(408, 'DEADLINE_EXCEEDED', 'REQUEST_TIMEOUT'), needsBody: true },
  { error: new CallError('ABORTED', 'VULTR_CONFLICT', REASONS.VULTR_CONFLICT) },
  { error: sized(412, 'FAILED_PRECONDITION', 'VULTR_REFUSED'), isVultrs: 412 },
  { error: sized(413, 'RESOURCE_EXHAUSTED', 'REQUEST_TOO_LARGE'), needsBody: true },
  { error: sized(415, 'INVALID_ARGUMENT', 'UNSUPPORTED_MEDIA_TYPE'), needsBody: true },
  { error: sized(422, 'INVALID_ARGUMENT', 'VULTR_REFUSED'), isVultrs: 422 },
  {
    error: new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', REASONS.RATE_LIMITED, { retryDelayMs: 1_500 }),
  },
  { error: new CallError('INTERNAL', 'VULTR_FAILED', REASONS.VULTR_FAILED) },
  { error: new CallError('UNIMPLEMENTED', 'VULTR_METHOD_NOT_ALLOWED', REASONS.VULTR_METHOD_NOT_ALLOWED) },
  { error: sized(502, 'UNAVAILABLE', 'VULTR_UNAVAILABLE'), isVultrs: 502 },
  { error: new CallError('UNAVAILABLE', 'BREAKER_OPEN', REASONS.BREAKER_OPEN, { retryDelayMs: 5_000 }) },
  { error: new CallError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', REASONS.DEADLINE_EXCEEDED) },
];

function sized(
  httpStatus: number,
  code: ConstructorParameters<typeof CallError>[0],
  reason: keyof typeof REASONS,
): CallError {
  return new CallError(code, reason, REASONS[reason], { httpStatus });
}

function statusOf({ error }: Failure): number {
  return error.httpStatus ?? CODES[error.code].http;
}

function applies({ isVultrs, needsBody }: Failure, form: ErrorForm, hasBody: boolean): boolean {
  return (isVultrs === undefined || form === 'Vultr') && (needsBody === undefined || hasBody);
}

/** References to the failures of an operation, by status; `default` is for what Vultr may think of besides. */
export function failuresOf(form: ErrorForm, hasBody: boolean): Readonly<Record<string, Reference>> {
  const statuses = FAILURES.filter((failure) => applies(failure, form, hasBody)).map((failure) =>
    String(statusOf(failure)),
  );
  return Object.fromEntries(
    [...statuses, 'default'].map((status) => [
      status,
      { $ref: `#/components/responses/${form}${name(status)}` },
    ]),
  );
}

function name(status: string): string {
  return status === 'default' ? 'Failure' : `Failure${status}`;
}

/** The responses that all operations share, by name, with their schemas added. */
export function failureResponses(schemas: SchemaWriter): Readonly<Record<string, Response>> {
  const responses: [string, Response][] = [];
  for (const form of ['Api', 'Vultr'] as const) {
    const schema = form === 'Api' ? statusSchema(schemas) : vultrErrorSchema(schemas);
    for (const failure of FAILURES.filter((each) => applies(each, form, true))) {
      responses.push([`${form}${name(String(statusOf(failure)))}`, failureResponse(failure, form, schema)]);
    }
    responses.push([
      `${form}${name('default')}`,
      { description: 'Any other failure.', content: { 'application/json': { schema } } },
    ]);
  }
  return Object.fromEntries(responses);
}

function failureResponse({ error, isVultrs }: Failure, form: ErrorForm, schema: Schema): Response {
  const json = toStatusJson(error, EXAMPLE_REQUEST_ID);
  const status = isVultrs ?? statusOf({ error });
  const example = form === 'Api' ? json : { error: json.message, status, ...json };
  return {
    description: `${error.code}, for example with reason ${error.reason}: ${REASONS[error.reason]}`,
    ...(error.retryDelayMs !== undefined && {
      headers: {
        'Retry-After': { description: 'Seconds to wait before the next try.', schema: { type: 'integer' } },
      },
    }),
    content: { 'application/json': { schema, example } },
  };
}

function statusSchema(schemas: SchemaWriter): Schema {
  return schemas.named('Status', {
    type: 'object',
    description: 'google.rpc.Status: why a call failed.',
    properties: statusProperties(schemas),
    required: ['code', 'message', 'details'],
  });
}

function statusProperties(schemas: SchemaWriter): Readonly<Record<string, Schema>> {
  return {
    code: { type: 'integer', description: 'The gRPC status code, such as 5 for NOT_FOUND.' },
    message: { type: 'string', description: 'What went wrong, for people.' },
    details: {
      type: 'array',
      description: 'Facts for programs. ErrorInfo is always among them.',
      items: { anyOf: [errorInfo, badRequest, retryInfo, requestInfo].map((write) => write(schemas)) },
    },
  };
}

function errorInfo(schemas: SchemaWriter): Schema {
  return detail(schemas, 'ErrorInfo', 'The reason, as a constant.', {
    reason: { type: 'string', enum: Object.keys(REASONS), description: 'What happened. See docs/errors.md.' },
    domain: { type: 'string', enum: ['vultr.com', 'vultr-grpc'], description: 'Who found the fault.' },
    metadata: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Further facts; `http_status` is always there.',
    },
  });
}

function badRequest(schemas: SchemaWriter): Schema {
  return detail(schemas, 'BadRequest', 'Every field that is missing or malformed.', {
    fieldViolations: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          field: { type: 'string', description: 'The path of the field, such as `until.status`.' },
          description: { type: 'string', description: 'What is wrong and what would be right.' },
        },
        required: ['field', 'description'],
      },
    },
  });
}

function retryInfo(schemas: SchemaWriter): Schema {
  return detail(schemas, 'RetryInfo', 'When to try again.', {
    retryDelay: { type: 'string', description: 'Seconds with an s, such as `1.5s`.' },
  });
}

function requestInfo(schemas: SchemaWriter): Schema {
  return detail(schemas, 'RequestInfo', 'Names the request in the log of this service.', {
    requestId: { type: 'string', description: 'The same as in the header `x-request-id`.' },
  });
}

function detail(
  schemas: SchemaWriter,
  type: string,
  description: string,
  properties: Readonly<Record<string, Schema>>,
): Schema {
  return schemas.named(type, {
    type: 'object',
    description: `google.rpc.${type}: ${description}`,
    properties: {
      '@type': { type: 'string', const: `type.googleapis.com/google.rpc.${type}` },
      ...properties,
    },
    required: ['@type', ...Object.keys(properties)],
  });
}

/** Vultr's own errors come as they are: usually `error` and `status`, sometimes only `message`. */
function vultrErrorSchema(schemas: SchemaWriter): Schema {
  return schemas.named('VultrError', {
    type: 'object',
    description:
      "Vultr's error object as it came, usually `error` and `status`. When this service itself refuses the request, " +
      'google.rpc.Status follows in the same object.',
    properties: {
      error: { type: 'string', description: 'What went wrong, for people.' },
      status: { anyOf: [{ type: 'integer' }, { type: 'string' }], description: 'The HTTP status.' },
      ...statusProperties(schemas),
    },
    additionalProperties: true,
  });
}
