import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type KnownField, type KnownOperation, readOperations } from '../facts/operations.ts';
import { client, VALID_CREATE } from './client.ts';
import { MISSING_TEXTS } from './operation-refusals.ts';
import { BEFORE, EXTRA_FIELDS, KEYS, PARENTS, QUERIES, SAMPLES, UNSEEN_KEYS } from './operation-samples.ts';

const operations = readOperations();

describe('every documented operation', () => {
  const agent = new Agent({ keepAlive: true });
  let sandbox: Sandbox;
  let call: ReturnType<typeof client>;
  beforeAll(async () => {
    const lag = { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 };
    sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 11, lag });
    call = client(sandbox, agent);
  });
  afterAll(async () => {
    agent.destroy();
    await sandbox.close();
  });

  const byPath = new Map(operations.map((each) => [`${each.method} ${each.path}`, each]));
  const byId = new Map(operations.map((each) => [each.id, each]));

  test('there are 569', () => expect(operations).toHaveLength(569));

  test.each(operations)('$method $path answers as documented', async (operation) => {
    sandbox.reset();
    const values = await makeParents(operation.path);
    const reply = await send(operation, values);
    expect(operation.success, reply.text).toContain(reply.status);
    const unseen = UNSEEN_KEYS[operation.id] ?? [];
    for (const key of operation.responseKeys.filter((each) => !unseen.includes(each)))
      expect(topLevelKeys(reply), `${key} in ${reply.text}`).toContain(key);
    if (operation.listKey !== undefined) expect(reply.json[operation.listKey]).toBeInstanceOf(Array);
    if (reply.status === 204) expect(reply.text).toBe('');
  });

  const withKey = operations.filter(({ isPublic }) => !isPublic);
  test.each(withKey)('$method $path needs a key', async ({ method, path }) => {
    const reply = await call(`${method} ${path.replaceAll(/[{}]/g, '')}`, { key: null });
    expect(reply.json).toEqual({ error: 'Invalid API token.', status: 401 });
  });

  const withId = operations.flatMap((operation) =>
    parametersOf(operation.path).map((name) => ({ ...operation, name })),
  );
  test.each(withId)('$method $path without its $name says so', async (operation) => {
    sandbox.reset();
    const values = await makeParents(operation.path);
    const key = operation.path.slice(0, operation.path.indexOf(`{${operation.name}}`) - 1);
    const text = MISSING_TEXTS[`${key}/{${operation.name}}`] ?? MISSING_TEXTS[operation.name];
    if (text === null) return;
    for (const step of BEFORE[operation.id] ?? []) await prepare(step, values);
    const reply = await sendOnly(operation, { ...values, [operation.name]: 'no-such-thing' });
    expect([400, 404], reply.text).toContain(reply.status);
    const said = expect.stringMatching(text ?? /^$/);
    // Managed databases write their refusals differently.
    const shape =
      operation.name === 'database_id' ? { message: said } : { error: said, status: reply.status };
    expect(reply.json).toEqual(shape);
  });

  const living = operations.filter(({ method, path }) => {
    const item = operations.find((other) => isDeletionBelow(other, path));
    return (
      method === 'POST' && item !== undefined && byPath.has(`GET ${path}`) && byPath.has(`GET ${item.path}`)
    );
  });
  test.each(living)('what $method $path makes is listed, read, deleted and gone', async ({ path }) => {
    sandbox.reset();
    const item = operations.find((other) => isDeletionBelow(other, path));
    const list = byPath.get(`GET ${path}`);
    const read = byPath.get(`GET ${item?.path}`);
    if (item === undefined || list === undefined || read === undefined) throw new Error('no such operations');
    // A machine is not deleted while other things need it: take one of its own.
    const own = item.path.endsWith('{instance_id}') ? { instance_id: await newInstance() } : {};
    const values = { ...(await makeParents(item.path)), ...own };
    for (const step of BEFORE[item.id] ?? []) await prepare(step, values);
    const total = async () => (await sendOnly(list, values)).json[list.listKey ?? ''].length;
    const count = await total();
    expect((await sendOnly(read, values)).status).toBe(200);
    expect((await sendOnly(item, values)).status).toBe(204);
    expect(await total()).toBe(count - 1);
    const gone = await sendOnly(read, values);
    expect([400, 404], gone.text).toContain(gone.status);
    expect((await sendOnly(item, values)).status).toBe(gone.status);
  });

  async function newInstance(): Promise<string> {
    return (await call('POST /v2/instances', { body: VALID_CREATE })).json.instance.id;
  }

  /** Creates what the parameters of a path stand for, outermost first. */
  async function makeParents(path: string): Promise<Record<string, string>> {
    // A parent's own operation may have the one example instance in its path.
    const values: Record<string, string> = { instance_id: String(PARENTS['instance_id']) };
    for (const step of keyOf(path)?.before ?? []) await prepare(step, values);
    for (const name of parametersOf(path)) {
      const prefix = path.slice(0, path.indexOf(`{${name}}`));
      const parent = PARENTS[`${prefix}{${name}}`] ?? PARENTS[name];
      if (parent === undefined) throw new Error(`the samples do not say where ${name} of ${path} comes from`);
      if (typeof parent === 'string') values[name] = parent;
      else await prepare([parent[0], { [name]: parent[1] }], values);
    }
    return values;
  }

  /** Sends an operation and keeps values of its answer. */
  async function prepare([id, keep = {}]: [string, Record<string, string>?], values: Record<string, string>) {
    const operation = byId.get(id);
    if (operation === undefined) throw new Error(`no operation ${id}`);
    const reply = await send(operation, values);
    if (reply.status >= 300) throw new Error(`${id}: ${reply.text}`);
    for (const [name, at] of Object.entries(keep)) {
      values[name] = String(at.split('.').reduce((json, key) => json?.[key], reply.json));
    }
  }

  async function send(operation: KnownOperation, values: Record<string, string>) {
    for (const step of BEFORE[operation.id] ?? []) await prepare(step, values);
    return sendOnly(operation, values);
  }

  function sendOnly(operation: KnownOperation, values: Record<string, string>) {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ''));
    const query = QUERIES[operation.id] ?? '';
    const held = keyOf(operation.path);
    const key = held === undefined ? {} : { key: values[held.key] ?? '' };
    if (operation.body === undefined) return call(`${operation.method} ${path}${query}`, key);
    const fields = operation.body.fields.filter(({ required }) => required !== false);
    const sampled = Object.fromEntries(fields.map((field) => [field.name, sampleOf(field)]));
    const body = { ...sampled, ...resolve(EXTRA_FIELDS[operation.id] ?? {}, values) };
    if (operation.body.kind === 'form') {
      const rawBody = new URLSearchParams(body as Record<string, string>).toString();
      return call(`${operation.method} ${path}${query}`, {
        rawBody,
        contentType: 'application/x-www-form-urlencoded',
      });
    }
    return call(`${operation.method} ${path}${query}`, {
      ...key,
      body: operation.body.kind === 'array' ? [body] : body,
    });
  }

  const sampleOf = ({ name, type }: KnownField): unknown => {
    if (Object.hasOwn(SAMPLES, name)) return SAMPLES[name];
    if (type.startsWith('array')) return [];
    return { string: 'sample', integer: 1, number: 1, boolean: true, object: {} }[type];
  };

  const resolve = (extra: Record<string, unknown>, values: Record<string, string>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(extra).map(([name, value]) => [
        name,
        typeof value === 'function' ? value(values) : value,
      ]),
    );
});

/** Where the key comes from of an operation that takes another than the account's. */
const keyOf = (path: string) => Object.entries(KEYS).find(([prefix]) => path.startsWith(prefix))?.[1];

/** True for the operation that deletes one of the things listed at `path`. */
const isDeletionBelow = (operation: KnownOperation, path: string): boolean =>
  operation.method === 'DELETE' && /^\/\{\w+\}$/.test(operation.path.replace(path, ''));

const parametersOf = (path: string): string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');

/** The keys of a JSON object, or of the YAML that one operation answers. */
function topLevelKeys({ json, text }: { json: unknown; text: string }): string[] {
  if (typeof json === 'object' && json !== null) return Object.keys(json);
  return [...text.matchAll(/^(\w+):/gm)].map(([, name]) => name ?? '');
}
