import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { closeAtEnd } from '../support/opened.ts';
import { connectHttp, type Gateway, type SendHttp, startGateway } from '../support/v2/gateway.ts';
import { type Ask, type Asked, operations, targetOf, walk } from '../support/v2/operation-walk.ts';

/** 472 operations, each with what it needs, by several ways: more than the default time on a busy machine. */
const TIMEOUT_MS = 120_000;

/** Operations that redirect a browser. The service follows no redirect and passes none on; it says so. */
const REDIRECTS: readonly string[] = ['authorize-oidc'];

/** An answer as text, so that two ways can be compared byte for byte. */
interface Answer {
  readonly status: number;
  readonly contentType: string | string[] | undefined;
  readonly text: string;
  readonly json: unknown;
}

describe.skipIf(operations.length === 0)(
  'every operation against the sandbox (skipped without the facts)',
  () => {
    const answered = operations.filter(({ id }) => !REDIRECTS.includes(id));

    test('over HTTP is answered as the sandbox answers itself, as documented', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const { sandbox, direct, gateway } = await start();
      for (const operation of answered) {
        sandbox.reset();
        const expected = await walk(operation, overHttp(direct));
        sandbox.reset();
        const answer = await walk(operation, overHttp(gateway.http));
        expect(operation.success, `${operation.id}: ${answer.text}`).toContain(answer.status);
        expect(answer, operation.id).toEqual(expected);
      }
    });

    test('over gRPC succeeds with the same answer as a Struct', { timeout: TIMEOUT_MS }, async () => {
      const { sandbox, direct, gateway } = await start();
      for (const operation of answered) {
        sandbox.reset();
        const expected = await walk(operation, overHttp(direct));
        sandbox.reset();
        const { json } = await walk(operation, overGrpc(gateway));
        expect(json, operation.id).toEqual(structOf(expected));
        if (expected.contentType?.includes('json') !== true) continue;
        for (const key of operation.response_keys) expect(json, operation.id).toHaveProperty([key]);
      }
    });

    test('that redirects is refused over HTTP and gRPC, and the redirect is not followed', async () => {
      const { sandbox, direct, gateway } = await start();
      for (const operation of operations.filter(({ id }) => REDIRECTS.includes(id))) {
        sandbox.reset();
        expect((await walk(operation, overHttp(direct))).status).toBe(302);
        const answer = await walk(operation, overHttp(gateway.http));
        expect(answer.json).toMatchObject({ status: 500, error: expect.stringContaining('status 302') });
        const failure = await failureOf(walk(operation, overGrpc(gateway)));
        expect(failure).toMatchObject({ code: 'INTERNAL', info: { reason: 'BAD_UPSTREAM_RESPONSE' } });
        expect(sandbox.requests.count({})).toBe(3);
      }
    });

    test("on a thing that is not there fails with Vultr's own error", { timeout: TIMEOUT_MS }, async () => {
      const { sandbox, direct, gateway } = await start();
      let refusals = 0;
      for (const operation of operations) {
        const last = operation.rpc.input.fields.findLast(({ name }) =>
          operation.rpc.pathFields.includes(name),
        );
        if (last === undefined) continue;
        const missing = { [last.name]: last.scalar === 9 ? 'no-such-thing' : '999999' };
        sandbox.reset();
        const expected = await walk(operation, overHttp(direct), missing);
        // Some lists are empty for what nobody knows, as with Vultr.
        if (expected.status < 400) continue;
        refusals += 1;
        sandbox.reset();
        const answer = await walk(operation, overHttp(gateway.http), missing);
        expect(answer.status, operation.id).toBe(expected.status);
        expect(answer.text, operation.id).toMatch(startOf(expected.text));
        sandbox.reset();
        const failure = await failureOf(walk(operation, overGrpc(gateway), missing));
        expect(failure.message, operation.id).toContain((expected.json as { error: string }).error);
        expect(failure.info, operation.id).toMatchObject({
          domain: 'vultr.com',
          metadata: { http_status: String(expected.status) },
        });
      }
      expect(refusals).toBeGreaterThan(250);
    });
  },
);

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

function overHttp(send: SendHttp): Ask<Answer> {
  return async (asked) => {
    const { body } = asked;
    const {
      status,
      headers,
      body: bytes,
    } = await send(asked.operation.rpc.httpMethod, targetOf(asked), {
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = String(bytes);
    const contentType = headers['content-type'];
    const isJson = contentType?.includes('json') === true && text !== '';
    return { status, contentType, text, json: isJson ? JSON.parse(text) : undefined };
  };
}

function overGrpc(gateway: Gateway): Ask<{ readonly json: JsonObject }> {
  return async (asked) => ({
    json: await gateway.grpc(asked.operation.rpc, fromJson(asked.operation.rpc.input, requestJson(asked))),
  });
}

/** A request as proto3 JSON, read by protobuf-es, which knows no additional fields and refuses what is not modelled. */
function requestJson({ operation: { rpc }, path, query, body }: Asked): JsonObject {
  return {
    ...Object.fromEntries(rpc.pathFields.map((name) => [name, path[name] ?? ''])),
    ...Object.fromEntries(new URLSearchParams(query)),
    ...(Array.isArray(body) ? { [rpc.body]: body } : (body as Record<string, JsonValue> | undefined)),
  };
}

/** The Struct that stands for an HTTP answer. */
function structOf({ text, contentType, json }: Answer): unknown {
  if (text === '') return {};
  if (json === undefined) return { content_type: contentType, body: text };
  return Array.isArray(json) ? { value: json } : json;
}

/** A pattern for Vultr's own error object with more members behind it. */
function startOf(error: string): RegExp {
  const { error: text, status } = JSON.parse(error);
  const start = JSON.stringify({ error: text, status }).slice(0, -1);
  return new RegExp(`^${start.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')},"code":\\d+,`);
}
