import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { loadContract } from '../../src/contract/load.ts';
import type { Operation } from '../../src/contract/operation.ts';
import type { Call, Reply } from '../../src/rpc/call.ts';
import { CallError } from '../../src/status/call-error.ts';
import { createResolver } from '../../src/v2/resolve.ts';
import type { Vultr } from '../../src/vultr/vultr.ts';
import { createWatchService } from '../../src/watch/service.ts';
import { Watches } from '../../src/watch/watches.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const resolve = createResolver(contract);

/** A call of an rpc of WatchService, or of a read below /v2, with what is needed here. */
function callOf(name: string, request: Call['request'], path?: string): Call {
  const operation = path === undefined ? contract.operations.get(name) : resolve('GET', path);
  if (operation === undefined) throw new Error(`The contract has no ${name}.`);
  const accept = undefined;
  return {
    operation,
    request,
    verbatim:
      path === undefined
        ? undefined
        : { method: 'GET', path, query: '', contentType: undefined, accept, body: undefined },
    metadata: new Map(),
    signal: new AbortController().signal,
    deadline: systemClock.now() + 10_000,
    requestId: 'test',
    credential: 'KEY',
    idempotencyKey: undefined,
    responseMetadata: new Map(),
    requests: undefined,
  };
}

const TAGS = {
  database: 'vultr.v2.DatabasesService/GetDatabase',
  list: 'vultr.v2.SshKeysService/ListSshKeys',
};

function serve(authorize: (operation: Operation, call: Call) => void) {
  let count = 0;
  let asked = 0;
  const vultr: Vultr = {
    call: async ({ name }) => {
      asked += 1;
      count += 1;
      const value = name === TAGS.list ? { ssh_keys: [{ id: 'a' }, { id: 'b' }] } : { database: { count } };
      return {
        status: 200,
        contentType: 'application/json',
        body: Buffer.from(JSON.stringify(value)),
        attempts: 1,
      };
    },
  };
  const watches = new Watches({ vultr, clock: systemClock, resolve, limits: { intervalMs: 5 } });
  const service = createWatchService({ watches, vultr, operations: contract.operations, authorize });
  return { ...service, asked: () => asked };
}

/** Calls each way in which something can be watched or walked. */
const WAYS: [string, (service: ReturnType<typeof serve>) => AsyncIterable<Reply>, string][] = [
  [
    'Watch',
    (service) => stream(service, 'Watch', { operation: TAGS.database, values: { database_id: 'x' } }),
    TAGS.database,
  ],
  ['Walk', (service) => stream(service, 'Walk', { operation: TAGS.list }), TAGS.list],
  ['a watched GET', (service) => service.views.watch(callOf('', {}, '/v2/databases/x')), TAGS.database],
  ['a walked GET', (service) => service.views.walk(callOf('', {}, '/v2/ssh-keys')), TAGS.list],
];

function stream(
  service: ReturnType<typeof serve>,
  rpc: string,
  request: Call['request'],
): AsyncIterable<Reply> {
  const name = `vultr.v2.WatchService/${rpc}`;
  const handler = service.handlers.get(name);
  if (handler?.kind !== 'server_streaming') throw new Error(`${name} has no handler.`);
  return handler.handle(callOf(name, request));
}

const denied = new CallError('PERMISSION_DENIED', 'ACCESS_DENIED', 'Not any more.');

async function collect(replies: AsyncIterable<Reply>): Promise<number> {
  let count = 0;
  try {
    for await (const _ of replies) count += 1;
  } catch (error) {
    expect(error).toBe(denied);
    return count;
  }
  throw new Error('It was not refused.');
}

test.each(WAYS)('%s is judged as its operation, before anything is asked for', async (_way, open, name) => {
  const service = serve((operation) => {
    expect(operation.name).toBe(name);
    throw denied;
  });
  expect(await collect(open(service))).toBe(0);
  expect(service.asked()).toBe(0);
});

test.each(WAYS)('%s ends when its caller may no longer', async (_way, open) => {
  let left = 2;
  const service = serve(() => {
    if (left === 0) throw denied;
    left -= 1;
  });
  expect(await collect(open(service))).toBe(1);
});
