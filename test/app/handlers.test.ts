import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Handler } from '../../src/rpc/call.ts';
import { loadContract } from '../../src/contract/load.ts';
import { assignHandlers } from '../../src/app/handlers.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const handle = (): Promise<never> => Promise.reject(new Error('not called'));
const handler: Handler = { kind: 'unary', handle };
const OWN = [...contract.operations.values()].filter(({ service }) => !service.startsWith('vultr.v2.'));

test('every operation gets a handler: its own, or for vultr.v2 the one that forwards', () => {
  const own = new Map(OWN.map(({ name }) => [name, handler]));
  const handlers = assignHandlers(contract, [own], handle);
  expect([...handlers.keys()].sort()).toEqual([...contract.operations.keys()].sort());
  expect(handlers.get('vultr.v2.InstancesService/ListInstances')).toMatchObject({ kind: 'unary', handle });
});

test('an operation that nothing serves is refused by name', () => {
  const own = new Map(OWN.slice(1).map(({ name }) => [name, handler]));
  expect(() => assignHandlers(contract, [own], handle)).toThrow(OWN[0]?.name);
});

test('a handler of no operation is refused by name', () => {
  const own = new Map(
    [...OWN.map(({ name }) => name), 'vultr.cloud.v1.CloudService/Nothing'].map((name) => [name, handler]),
  );
  expect(() => assignHandlers(contract, [own], handle)).toThrow('vultr.cloud.v1.CloudService/Nothing');
});
