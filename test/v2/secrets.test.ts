import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { client, type Reply } from '../sandbox/client.ts';
import { type Asked, encodeBody, operations, targetOf, walk } from '../support/v2/operation-walk.ts';

/** Names of members that hold credentials, or text that is full of them. */
const SECRET_NAME =
  /password|passphrase|secret|credential|(?:^|_)token$|(?:access|api|private)_key|kube_?config|user_data|^(?:script|auth)$/i;

const contract = loadContract(
  readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)),
).operations;

describe('an operation whose effect is READ', () => {
  const agent = new Agent({ keepAlive: true });
  let sandbox: Sandbox;
  beforeAll(async () => {
    const lag = { readMs: 0, listMs: 0, powerMs: 0, bootMs: 0, provisionMs: 0 };
    sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 11, lag });
  });
  afterAll(async () => {
    agent.destroy();
    await sandbox.close();
  });

  const ask = (asked: Asked): Promise<Reply> => {
    const body = encodeBody(asked);
    return client(sandbox, agent)(`${asked.operation.method} ${targetOf(asked)}`, {
      ...(body && { rawBody: body.text, contentType: body.contentType }),
      ...(asked.key !== undefined && { key: asked.key }),
    });
  };
  const secretsOf = async (effect: string) => {
    const found: Record<string, readonly string[]> = {};
    for (const operation of operations.filter(({ rpc }) => contract.get(rpc.name)?.effect === effect)) {
      sandbox.reset();
      const { json } = await walk(operation, ask);
      const names = secretNames(json);
      if (names.length > 0) found[operation.rpc.name] = names;
    }
    return found;
  };

  test('returns no password, key, token or user data', async () => {
    expect(await secretsOf('READ')).toEqual({});
  });

  test('while those that are SECRET do', async () => {
    const found = await secretsOf('SECRET');
    expect(found['vultr.v2.ObjectStorageService/GetObjectStorage']).toEqual([
      's3_access_key',
      's3_secret_key',
    ]);
    expect(Object.keys(found).length).toBeGreaterThan(15);
  });
});

/** The names of all members, at every depth, whose names are those of secrets and that hold text. */
function secretNames(value: unknown, name = ''): readonly string[] {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? [name] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((each) => secretNames(each, name));
  return [...new Set(Object.entries(value).flatMap(([key, each]) => secretNames(each, key)))];
}
