import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assignHandlers } from '../../src/app/handlers.ts';
import { loadContract } from '../../src/contract/load.ts';
import type { Handler } from '../../src/rpc/call.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const handle = (): Promise<never> => Promise.reject(new Error('not called'));
const handler: Handler = { kind: 'unary', handle };
const raw = (): Promise<never> => Promise.reject(new Error('not called either'));
const GENERIC = { forward: handle, raw };
const OWN = [...contract.operations.values()].filter(
  ({ service, kind }) => !service.startsWith('vultr.v2.') || kind !== 'unary',
);

test('every operation gets a handler: its own, the one that forwards, or the one that passes anything on', () => {
  const own = new Map(OWN.map(({ name }) => [name, handler]));
  const handlers = assignHandlers(contract, [own], GENERIC);
  expect([...handlers.keys()].sort()).toEqual([...contract.operations.keys()].sort());
  expect(handlers.get('vultr.v2.InstancesService/ListInstances')).toEqual({ kind: 'unary', handle });
  expect(handlers.get('vultr.v2.ScimService/ListScimUsers')).toEqual({ kind: 'unary', handle });
  expect(handlers.get('vultr.v2.RawService/Call')).toEqual({ kind: 'unary', handle: raw });
});

test('an operation that nothing serves is refused by name', () => {
  const own = new Map(OWN.slice(1).map(({ name }) => [name, handler]));
  expect(() => assignHandlers(contract, [own], GENERIC)).toThrow(OWN[0]?.name);
});

test('a handler of no operation is refused by name', () => {
  const own = new Map(
    [...OWN.map(({ name }) => name), 'vultr.cloud.v1.CloudService/Nothing'].map((name) => [name, handler]),
  );
  expect(() => assignHandlers(contract, [own], GENERIC)).toThrow('vultr.cloud.v1.CloudService/Nothing');
});
