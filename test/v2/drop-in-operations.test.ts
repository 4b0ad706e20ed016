import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { closeAtEnd } from '../support/opened.ts';
import { KEY } from '../support/service.ts';
import { connectHttp, type Gateway, type SendHttp, startGateway } from '../support/v2/gateway.ts';
import {
  type Ask,
  type Asked,
  encodeBody,
  operations,
  targetOf,
  walk,
} from '../support/v2/operation-walk.ts';

/** 569 operations, each with what it needs, by several ways: more than the default time on a busy machine. */
const TIMEOUT_MS = 180_000;

/** Operations that redirect a browser. */
const REDIRECTS: readonly string[] = ['authorize-oidc'];

const responding = operations.filter(({ id }) => !REDIRECTS.includes(id));

/** A response as text, so that two ways can be compared byte for byte. */
interface Response {
  readonly status: number;
  readonly contentType: string | string[] | undefined;
  readonly location: string | string[] | undefined;
  readonly text: string;
  readonly json: unknown;
}

test('every operation over HTTP gets the response that the sandbox gives directly, byte for byte', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { sandbox, direct, gateway } = await start();
  for (const operation of operations) {
    sandbox.reset();
    const expected = await walk(operation, overHttp(direct));
    sandbox.reset();
    const response = await walk(operation, overHttp(gateway.http));
    expect(response, operation.id).toEqual(expected);
    if (REDIRECTS.includes(operation.id)) expect(response.status).toBe(302);
    else expect(operation.success, `${operation.id}: ${response.text}`).toContain(response.status);
  }
});

test('every operation over gRPC succeeds with the same response as a Struct', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { sandbox, direct, gateway } = await start();
  for (const operation of responding) {
    sandbox.reset();
    const expected = await walk(operation, overHttp(direct));
    sandbox.reset();
    const { json } = await walk(operation, overGrpc(gateway));
    expect(json, operation.id).toEqual(structOf(expected));
  }
});

test('an operation that redirects gives its location over gRPC, and the redirect is not followed', async () => {
  const { sandbox, direct, gateway } = await start();
  for (const operation of operations.filter(({ id }) => REDIRECTS.includes(id))) {
    sandbox.reset();
    const { location } = await walk(operation, overHttp(direct));
    const direct302 = sandbox.requests.list().length;
    sandbox.reset();
    expect((await walk(operation, overGrpc(gateway))).json).toEqual({ status: 302, location });
    expect(sandbox.requests.list().length).toBe(direct302);
  }
});

test("an operation on a thing that is not there fails with Vultr's own error", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { sandbox, direct, gateway } = await start();
  let refusals = 0;
  for (const operation of operations) {
    const { rpc } = operation;
    const last = rpc.input.fields.findLast(({ name }) => rpc.pathFields.includes(name));
    const name = operation.pathParameters.at(-1);
    if (last === undefined || name === undefined) continue;
    const missing = { [name]: last.scalar === 9 ? 'no-such-thing' : '999999' };
    sandbox.reset();
    const expected = await walk(operation, overHttp(direct), missing);
    // Some lists are empty for what nobody knows, as with Vultr.
    if (expected.status < 400) continue;
    refusals += 1;
    sandbox.reset();
    expect(await walk(operation, overHttp(gateway.http), missing), operation.id).toEqual(expected);
    sandbox.reset();
    const failure = await failureOf(walk(operation, overGrpc(gateway), missing));
    expect(failure.message, operation.id).toContain(reasonIn(expected));
    expect(failure.info, operation.id).toMatchObject({
      domain: 'vultr.com',
      metadata: { http_status: String(expected.status) },
    });
  }
  expect(refusals).toBeGreaterThan(300);
});

async function start(): Promise<{ sandbox: Sandbox; direct: SendHttp; gateway: Gateway }> {
  const sandbox = await startSandbox({
    rateLimitPerSecond: 0,
    seed: 11,
    lag: { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 },
    clock: { nowMs: () => Date.UTC(2026, 8, 1) },
  });
  closeAtEnd(() => sandbox.close());
  return { sandbox, direct: connectHttp(sandbox.url), gateway: await startGateway(new URL(sandbox.url)) };
}

function overHttp(send: SendHttp): Ask<Response> {
  return async (asked) => {
    const encoded = encodeBody(asked);
    const { status, headers, body } = await send(asked.operation.method, targetOf(asked), {
      body: encoded?.text,
      headers: {
        authorization: `Bearer ${asked.key ?? KEY}`,
        ...(encoded !== undefined && { 'content-type': encoded.contentType }),
      },
    });
    const text = String(body);
    const contentType = headers['content-type'];
    const isJson = contentType?.includes('json') === true && text !== '';
    const json = isJson ? JSON.parse(text) : undefined;
    return { status, contentType, location: headers['location'], text, json };
  };
}

function overGrpc(gateway: Gateway): Ask<{ readonly json: JsonObject }> {
  return async (asked) => {
    const { rpc } = asked.operation;
    return { json: await gateway.grpc(rpc, fromJson(rpc.input, requestJson(asked)), asked.key) };
  };
}

/** A request as proto3 JSON, read by protobuf-es, which knows no additional fields and refuses what is not modelled. */
function requestJson({ operation: { rpc, pathParameters }, path, query, body }: Asked): JsonObject {
  const values = pathParameters.map((name) => path[name] ?? '');
  return {
    // The contract may name the parameters differently, but not order them differently.
    ...Object.fromEntries(rpc.pathFields.map((name, index) => [name, values[index] ?? ''])),
    ...Object.fromEntries(new URLSearchParams(query)),
    ...(Array.isArray(body) ? { [rpc.body]: body } : (body as Record<string, JsonValue> | undefined)),
  };
}

/** The Struct that stands for an HTTP response. */
function structOf({ text, contentType, json }: Response): unknown {
  if (text === '') return {};
  if (json === undefined) return { content_type: contentType, body: text };
  return Array.isArray(json) ? { value: json } : json;
}

/** The reason in Vultr's own error object; managed databases have it under another name. */
function reasonIn({ json }: Response): string {
  const { error, message } = json as { readonly error?: string; readonly message?: string };
  return error ?? message ?? 'no reason';
}
