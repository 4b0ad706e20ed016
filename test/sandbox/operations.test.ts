import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type KnownOperation, readOperations } from '../facts/operations.ts';
import { client, type Reply, VALID_CREATE } from './client.ts';
import { MISSING_TEXTS } from './operation-refusals.ts';
import { UNSEEN_KEYS } from './operation-samples.ts';
import { type Asked, askedFor, askWith, everyOperation, type Values } from './operation-walk.ts';

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

  test('there are 569', () => expect(operations).toHaveLength(569));

  test.each(operations)('$method $path responds as documented', async (operation) => {
    sandbox.reset();
    const reply = await everyOperation.walk(operation, ask);
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
    operation.pathParameters.map((name) => ({ ...operation, name })),
  );
  test.each(withId)('$method $path without its $name says so', async (operation) => {
    sandbox.reset();
    const key = operation.path.slice(0, operation.path.indexOf(`{${operation.name}}`) - 1);
    const text = MISSING_TEXTS[`${key}/{${operation.name}}`] ?? MISSING_TEXTS[operation.name];
    if (text === null) return;
    const reply = await everyOperation.walk(operation, ask, { [operation.name]: 'no-such-thing' });
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
    const values = { ...(await everyOperation.makeParents(item, ask)), ...own };
    await everyOperation.prepare(item, ask, values);
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

  const ask = (asked: Asked): Promise<Reply> => askWith(call)(asked);

  /** Sends an operation whose requirements are met. */
  const sendOnly = (operation: KnownOperation, values: Values): Promise<Reply> =>
    ask(askedFor(operation, values));
});

/** True for the operation that deletes one of the things listed at `path`. */
const isDeletionBelow = (operation: KnownOperation, path: string): boolean =>
  operation.method === 'DELETE' && /^\/\{\w+\}$/.test(operation.path.replace(path, ''));

/** The keys of a JSON object, or of the YAML that one operation answers. */
function topLevelKeys({ json, text }: { json: unknown; text: string }): string[] {
  if (typeof json === 'object' && json !== null) return Object.keys(json);
  return [...text.matchAll(/^(\w+):/gm)].map(([, name]) => name ?? '');
}
