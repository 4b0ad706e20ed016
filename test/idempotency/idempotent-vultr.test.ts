import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { createIdempotentVultr, createMoments } from '../../src/idempotency/index.ts';
import type { IdempotencyStore } from '../../src/idempotency/store.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { VultrResponse } from '../../src/vultr/request.ts';
import type { CallOptions, UpstreamRequest, Vultr } from '../../src/vultr/vultr.ts';
import { openTestStore, TestMachine } from '../support/stores.ts';
import { failure } from '../support/vultr.ts';

const { operations } = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

function operation(name: string) {
  const found = operations.get(`vultr.v2.${name}`);
  if (found === undefined) throw new Error(`${name} is not in the contract.`);
  return found;
}

const CREATE = operation('InstancesService/CreateInstance');
const BODY = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 };
const POST: UpstreamRequest = {
  method: 'POST',
  path: '/v2/instances',
  query: '',
  body: Buffer.from(` ${JSON.stringify(BODY)}`),
};

/** A Vultr that makes an instance of every POST and then loses the response as often as told. */
function start() {
  const machine = new TestMachine();
  const { clock, boot } = machine.startProcess();
  const inner = openTestStore(machine);
  const touched: string[] = [];
  const store: IdempotencyStore = {
    ...inner,
    begin: (...args) => {
      touched.push('begin');
      return inner.begin(...args);
    },
    complete: (...args) => {
      touched.push('complete');
      return inner.complete(...args);
    },
  };
  onTestFinished(() => inner.close());
  const made: Record<string, unknown>[] = [];
  const log: string[] = [];
  const state = { loses: 0, isListed: true, response: undefined as VultrResponse | undefined };
  const bodies: string[] = [];
  const vultr: Vultr = {
    call: async (_operation, { method, path, body }, { onSend }) => {
      log.push(`${method} ${path}`);
      if (method !== 'POST') return respond({ instances: state.isListed ? made : [], meta: {} });
      onSend?.();
      bodies.push(String(Buffer.from(body ?? [])));
      const instance = { ...JSON.parse(bodies.at(-1) ?? ''), id: `made-${made.length + 1}` };
      made.push(instance);
      if (state.loses > 0) {
        state.loses -= 1;
        throw new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'The response was lost.');
      }
      return state.response ?? respond({ instance });
    },
  };
  const wrap = (isTagging: boolean) =>
    createIdempotentVultr({
      vultr,
      store,
      clock,
      moments: createMoments(clock, boot),
      isTagging,
      onStoreFailure: () => undefined,
    });
  const options = (idempotencyKey?: string): CallOptions => ({
    credential: 'KEY',
    signal: new AbortController().signal,
    deadline: clock.now() + 30_000,
    idempotencyKey,
  });
  return { machine, wrap, options, state, log, touched, bodies };
}

function respond(value: unknown): VultrResponse {
  return {
    status: 202,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(value)),
    attempts: 1,
  };
}

function contentOf({ body }: VultrResponse): unknown {
  return JSON.parse(String(Buffer.from(body)));
}

test('a creation costs one call to Vultr and two to the store, its repetition one to the store', async () => {
  const { wrap, options, log, touched } = start();
  const vultr = wrap(true);
  await vultr.call(CREATE, POST, options('k'));
  expect([log, touched]).toEqual([['POST /v2/instances'], ['begin', 'complete']]);
  await vultr.call(CREATE, POST, options('k'));
  expect([log.length, touched.length]).toEqual([1, 3]);
});

test('a creation whose response was lost costs one call more to Vultr', async () => {
  const { wrap, options, log, state, touched } = start();
  state.loses = 1;
  await wrap(true).call(CREATE, POST, options('k'));
  expect(log).toEqual(['POST /v2/instances', 'GET /v2/instances']);
  expect(touched).toEqual(['begin', 'complete']);
});

test('what creates nothing, or has no key, goes past the store and reaches Vultr as it came', async () => {
  const { wrap, options, log, touched, bodies } = start();
  const vultr = wrap(true);
  const list = operation('InstancesService/ListInstances');
  await vultr.call(list, { method: 'GET', path: '/v2/instances', query: '', body: undefined }, options('k'));
  await vultr.call(CREATE, POST, options());
  expect(log).toHaveLength(2);
  expect(touched).toEqual([]);
  expect(bodies).toEqual([` ${JSON.stringify(BODY)}`]);
});

test('without tagging the body reaches Vultr as it came', async () => {
  const { wrap, options, bodies } = start();
  await wrap(false).call(CREATE, POST, options('k'));
  expect(bodies).toEqual([` ${JSON.stringify(BODY)}`]);
});

test('what was tagged is found, also when new creations are not tagged any more', async () => {
  const { machine, wrap, options, state, log } = start();
  state.loses = 1;
  state.isListed = false;
  const first = failure(wrap(true).call(CREATE, POST, options('k')));
  await machine.time.advance(12_000);
  expect((await first).reason).toBe('CREATE_UNCERTAIN');
  state.isListed = true;
  expect(contentOf(await wrap(false).call(CREATE, POST, options('k')))).toMatchObject({
    instance: { id: 'made-1' },
  });
  expect(log.filter((line) => line.startsWith('POST'))).toHaveLength(1);
});

test('a redirect is not a creation: it is passed on without a key, and looked into with one', async () => {
  const { wrap, options, state } = start();
  const vultr = wrap(true);
  state.response = { ...respond({}), status: 307, location: '/elsewhere' };
  expect((await vultr.call(CREATE, POST, options())).status).toBe(307);
  state.loses = 0;
  expect(contentOf(await vultr.call(CREATE, POST, options('k')))).toMatchObject({
    instance: { plan: BODY.plan },
  });
});

test.each([
  ['VULTR_UNAVAILABLE', 'maybe', 'CREATE_UNCERTAIN'],
  ['VULTR_FAILED', 'maybe', 'CREATE_UNCERTAIN'],
  ['BAD_UPSTREAM_RESPONSE', 'maybe', 'CREATE_UNCERTAIN'],
  ['DEADLINE_EXCEEDED', 'maybe', 'CREATE_UNCERTAIN'],
  ['SHUTTING_DOWN', 'maybe', 'CREATE_UNCERTAIN'],
  ['CALL_CANCELLED', 'maybe', 'CREATE_UNCERTAIN'],
  ['VULTR_UNAVAILABLE', 'no', 'VULTR_UNAVAILABLE'],
  ['DEADLINE_EXCEEDED', 'no', 'DEADLINE_EXCEEDED'],
  ['RATE_LIMITED', 'no', 'RATE_LIMITED'],
] as const)('without a key, %s (reached: %s) is reported as %s', async (reason, reached, expected) => {
  const { wrap: _, options } = start();
  const vultr = createIdempotentVultr({
    vultr: {
      call: async (_operation, _request, { onSend }) => {
        onSend?.();
        throw new CallError('UNAVAILABLE', reason, 'It failed.', { reached, retryDelayMs: 1_000 });
      },
    },
    store: openTestStore(new TestMachine()),
    clock: new TestMachine().startProcess().clock,
    moments: { write: () => '', read: () => 0 },
    isTagging: true,
    onStoreFailure: () => undefined,
  });
  const error = await failure(vultr.call(CREATE, POST, options()));
  expect(error).toMatchObject({ reason: expected });
  // An invitation to repeat it would be one to buy a second one.
  if (expected === 'CREATE_UNCERTAIN')
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', retryDelayMs: undefined });
  else expect(error).toMatchObject({ retryDelayMs: 1_000 });
});
