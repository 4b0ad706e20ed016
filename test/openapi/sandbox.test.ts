import { describe, expect, test } from 'vitest';
import { readBundledContract } from '../../src/contract/bundled.ts';
import { loadContract } from '../../src/contract/load.ts';
import { createOpenApi } from '../../src/openapi/document.ts';
import { EXAMPLE_ID } from '../../src/openapi/examples.ts';
import type { OpenApiOperation, Parameter, Response } from '../../src/openapi/types.ts';
import { type KnownOperation, readOperations } from '../facts/operations.ts';
import { askedFor, encodeBody, everyOperation, targetOf, type Values } from '../sandbox/operation-walk.ts';
import { type JsonSchema, schemaFaults } from '../support/json-schema.ts';
import { startOnSandbox } from '../support/service.ts';
import { connectHttp, type HttpReply, type SendHttp } from '../support/v2/gateway.ts';

const document = createOpenApi(loadContract(await readBundledContract()), { version: '0.0.0' });

/** Every operation that is known of Vultr, with its part of the document. The names in the paths may differ. */
const operations = readOperations().map((known) => {
  const found = Object.entries(document.paths).find(
    ([path, item]) => shapeOf(path) === shapeOf(known.path) && item[known.method.toLowerCase()] !== undefined,
  );
  const documented = found?.[1][known.method.toLowerCase()];
  if (found === undefined || documented === undefined) throw new Error(`${known.id} is not in the document.`);
  return { known, path: found[0], documented };
});

function shapeOf(path: string): string {
  return path.replace(/\{\w+\}/g, '{}');
}

/** What is asked of the sandbox. */
interface Sent extends HttpReply {
  readonly json: unknown;
}

describe('the document and the sandbox', () => {
  test('agree on status and form of every response', async () => {
    const { http, reset } = await start();
    const faults: string[] = [];
    for (const { known, documented } of operations) {
      reset();
      const response = await everyOperation.walk(known, (asked) => {
        const body = encodeBody(asked);
        return send(http, asked.operation.method, targetOf(asked), body, asked.key);
      });
      faults.push(...faultsOf(known, documented, response));
    }
    expect(faults).toEqual([]);
  });

  test('agree on the examples: they are accepted', async () => {
    const { http, reset } = await start();
    const faults: string[] = [];
    for (const { known, path, documented } of operations) {
      reset();
      const made = await makeParents(http, known);
      const { target, body } = exampleRequest(path, documented, known, made.values);
      const response = await send(http, known.method, target, body, made.key);
      faults.push(...faultsOf(known, documented, response));
    }
    expect(faults).toEqual([]);
  });
});

/** Parameters that are optional by themselves, and one of them is needed all the same. */
const NEEDED: ReadonlySet<string> = new Set(['list-logs start_time']);

async function start() {
  const lag = { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 };
  const { app, sandbox } = await startOnSandbox(
    { httpListen: { host: '127.0.0.1', port: 0 } },
    { lag, seed: 11 },
  );
  return { http: connectHttp(`http://${app.httpAddress}`), reset: () => sandbox.reset() };
}

async function send(
  http: SendHttp,
  method: string,
  target: string,
  body: { readonly text: string; readonly contentType: string } | undefined,
  key = 'any-key',
): Promise<Sent> {
  const response = await http(method, target, {
    body: body?.text,
    headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': body.contentType }) },
  });
  const text = response.body.toString();
  const isJson = /json/.test(String(response.headers['content-type']));
  return { ...response, json: isJson ? JSON.parse(text) : text };
}

/** What differs from the document in a response. */
function faultsOf(
  { id }: KnownOperation,
  { responses }: OpenApiOperation,
  { status, headers, json, body }: Sent,
): readonly string[] {
  const text = body.toString().slice(0, 300);
  if (status >= 400) return [`${id}: ${status} ${text}`];
  const entry = responses[status];
  if (entry === undefined) return [`${id}: ${status} is not documented: ${text}`];
  const response = ('$ref' in entry ? resolve(entry.$ref) : entry) as Response;
  const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
  const content = response.content ?? {};
  if (body.length === 0) return [];
  const media = content[type];
  if (media === undefined) return [`${id}: ${status} with ${type} is not documented: ${text}`];
  return schemaFaults(json, media.schema as JsonSchema, resolve).map((fault) => `${id}: ${fault}`);
}

function resolve(reference: string): JsonSchema {
  return reference
    .slice(2)
    .split('/')
    .reduce((held: unknown, name) => (held as Record<string, unknown>)[name], document) as JsonSchema;
}

/** Makes what the operation's path stands for, and does what has to be done before it. */
async function makeParents(http: SendHttp, known: KnownOperation) {
  const ask: Parameters<typeof everyOperation.walk>[1] = (asked) =>
    send(http, asked.operation.method, targetOf(asked), encodeBody(asked), asked.key);
  const values = await everyOperation.makeParents(known, ask);
  await everyOperation.prepare(known, ask, values);
  return { values, key: askedFor(known, values).key };
}

/** The request of the examples, with the ids of what was made. */
function exampleRequest(path: string, documented: OpenApiOperation, known: KnownOperation, made: Values) {
  const parameters = (documented.parameters ?? []).filter((each): each is Parameter => 'in' in each);
  const inPath = parameters.filter((each) => each.in === 'path');
  const inQuery = parameters.filter(
    (each) => each.in === 'query' && (each.required === true || NEEDED.has(`${known.id} ${each.name}`)),
  );
  const filled = inPath.reduce((target, { name, example }, index) => {
    const value = made[known.pathParameters[index] ?? ''] ?? example;
    return target.replace(`{${name}}`, encodeURIComponent(String(value)));
  }, path);
  const query = new URLSearchParams(inQuery.map(({ name, example }) => [name, String(example)])).toString();
  const [type, media] = Object.entries(documented.requestBody?.content ?? {})[0] ?? [];
  const example = withIds(media?.example, made);
  const text =
    type === 'application/x-www-form-urlencoded'
      ? new URLSearchParams(example as Record<string, string>).toString()
      : JSON.stringify(example);
  return {
    target: query === '' ? filled : `${filled}?${query}`,
    body: type === undefined || example === undefined ? undefined : { text, contentType: type },
  };
}

/** An example whose members that name something made before have its id. */
function withIds(example: unknown, made: Values): unknown {
  if (typeof example !== 'object' || example === null || Array.isArray(example)) return example;
  const id = (value: string): string => value.replaceAll(EXAMPLE_ID, made['role_id'] ?? EXAMPLE_ID);
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => {
      if (made[name] !== undefined) return [name, made[name]];
      const one = made[name.replace(/s$/, '')];
      if (Array.isArray(value) && one !== undefined) return [name, [one]];
      return [name, typeof value === 'string' ? id(value) : value];
    }),
  );
}
