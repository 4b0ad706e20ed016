import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type KnownOperation, readOperations } from '../facts/operations.ts';
import { faultsOf, readShapes, valuesAt } from '../facts/shapes.ts';
import { client, type Reply } from './client.ts';
import { askedFor, askWith, everyOperation } from './operation-walk.ts';

const operations = new Map(readOperations().map((operation) => [operation.id, operation]));
const byPath = new Map([...operations.values()].map((each) => [`${each.method} ${each.path}`, each]));
const shapes = new Map(readShapes().map((shape) => [shape.name, shape]));
const places = [...shapes.values()].flatMap((shape) =>
  shape.places.map((place) => ({ ...place, name: shape.name, shape })),
);

describe('what the documents say that a response holds', () => {
  const agent = new Agent({ keepAlive: true });
  let sandbox: Sandbox;
  let call: ReturnType<typeof client>;
  beforeAll(async () => {
    const lag = { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 };
    sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 13, lag });
    call = client(sandbox, agent);
  });
  afterAll(async () => {
    agent.destroy();
    await sandbox.close();
  });

  /** Asks for an operation, and for the one that makes what it lists before it. */
  async function askWithSomethingThere(operation: KnownOperation): Promise<Reply> {
    const ask = askWith(call);
    const values = await everyOperation.makeParents(operation, ask);
    const maker = byPath.get(`POST ${operation.path}`);
    if (operation.method === 'GET' && maker !== undefined) {
      await everyOperation.prepare(maker, ask, values);
      await ask(askedFor(maker, values));
    }
    await everyOperation.prepare(operation, ask, values);
    return await ask(askedFor(operation, values));
  }

  test.each(places)('$operation responds with a $name at $path', async ({ operation: id, path, shape }) => {
    const operation = operations.get(id);
    if (operation === undefined) throw new Error(`shapes.txt names the operation ${id}, which is unknown.`);
    sandbox.reset();
    const reply = await askWithSomethingThere(operation);
    const values = valuesAt(reply.json, path);
    expect(values.length, reply.text).toBeGreaterThan(0);
    const faults = values.flatMap((value) => faultsOf(value, shape, shapes));
    expect([...new Set(faults)], reply.text.slice(0, 600)).toEqual([]);
  });
});
