import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openAccess } from '../../src/access/access.ts';
import type { AuditEntry } from '../../src/access/audit-entry.ts';
import { createLocalCounter } from '../../src/access/creation-counter.ts';
import { type Arrival, createGate, type Gate } from '../../src/access/gate.ts';
import type { Identity } from '../../src/access/identify.ts';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import type { IncomingRequest } from '../../src/rpc/call.ts';
import type { Evidence } from '../../src/rpc/evidence.ts';
import { pickIdentityHeaders } from '../../src/rpc/evidence.ts';
import { CallError } from '../../src/status/call-error.ts';
import { OPERATIONS, operationOf } from '../support/access.ts';
import { collectLog } from '../support/collected-log.ts';
import { temporaryFolder } from '../support/stores.ts';

const key = createVirtualKey();
const CREATE = operationOf('vultr.cloud.v1.CloudService/CreateInstance');
const LIST = operationOf('vultr.cloud.v1.CloudService/ListInstances');
const RAW = operationOf('vultr.v2.RawService/Call');
const signal = () => new AbortController().signal;

async function open(isAuditWritable = true) {
  const file = join(temporaryFolder(), 'callers.yaml');
  writeFileSync(
    file,
    `accounts: { prod: { key_env: KEY } }
callers:
  - { name: bot, is: [token_sha256: ${key.sha256}], account: prod, allow: ["vultr.cloud.v1.CloudService/*", "service:metrics", "effect:change"], create: { per_hour: 1 } }
`,
  );
  const access = await openAccess({
    file,
    operations: OPERATIONS,
    log: collectLog().log,
    env: { KEY: 'PRODKEY' },
  });
  onTestFinished(() => access[Symbol.dispose]());
  const lines: AuditEntry[] = [];
  const gate = createGate({
    access,
    audit: {
      record: async (entry) => void lines.push(entry),
      begin: async (entry) => {
        if (!isAuditWritable)
          throw new CallError('UNAVAILABLE', 'AUDIT_UNAVAILABLE', 'full', { reached: 'no' });
        lines.push(entry);
      },
      reopen: async () => undefined,
      close: async () => undefined,
    },
    prices: { monthlyCost: async () => 5 },
    counter: createLocalCounter(Date.now),
  });
  return { gate, lines };
}

const evidence = (token?: string): Evidence => ({
  address: '10.0.0.1',
  certificate: undefined,
  identityHeaders: {},
  authorization: token === undefined ? undefined : `Bearer ${token}`,
});

const message = (fields: Record<string, never | string | boolean>): IncomingRequest => ({
  kind: 'message',
  message: fields,
});

/** A call from its arrival to its end, as the pipeline makes it. */
async function call(gate: Gate, given: Partial<Arrival> & { token?: string; failure?: CallError }) {
  const {
    operation = CREATE,
    reached = operation,
    request = message({ region: 'ams', plan: 'x' }),
    failure,
  } = given;
  const from = { peer: '10.0.0.1:1', transport: 'grpc', requestId: 'r', traceId: undefined } as const;
  const arrival: Arrival = {
    ...from,
    operation,
    reached,
    request,
    idempotencyKey: undefined,
    signal,
    ...given,
  };
  let identity: Identity | undefined;
  let admission: Awaited<ReturnType<Gate['admit']>> | undefined;
  let error: CallError | undefined;
  try {
    const early = await gate.identify(evidence(given.token));
    identity = await gate.complete(early, request);
    admission = await gate.admit(identity, arrival);
    error = failure;
  } catch (thrown) {
    error = CallError.from(thrown);
  }
  await gate.finish({ ...from, identity, admission, operation: reached, request, error });
  return { admission, error };
}

describe('a call', () => {
  test('that is allowed gets the key of its account, and a line at its beginning and its end', async () => {
    const { gate, lines } = await open();
    const { admission } = await call(gate, { token: key.key });
    expect(admission).toMatchObject({ credential: 'PRODKEY', effect: 'CREATE' });
    expect(lines).toMatchObject([
      { caller: 'bot', outcome: 'STARTED', effect: 'create', request_id: 'r', request: { region: 'ams' } },
      { caller: 'bot', outcome: 'OK', effect: 'create', request_id: 'r' },
    ]);
  });

  test('with its virtual key in access_token is proven by it, and the line does not hold it', async () => {
    const { gate, lines } = await open();
    const request = message({ access_token: key.key, region: 'ams', plan: 'x' });
    expect((await call(gate, { request })).admission?.identity.proofs).toEqual(['virtual_key']);
    expect(JSON.stringify(lines)).not.toContain(key.key);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatchObject({ request: { access_token: '[masked]' } });
  });

  test('without a proven caller gets a line, and so does a denied one; one that only reads gets none', async () => {
    const { gate, lines } = await open();
    await call(gate, { operation: LIST });
    await call(gate, { token: key.key, operation: operationOf('vultr.v2.AccountService/GetAccount') });
    await call(gate, { token: key.key, operation: LIST });
    expect(lines).toMatchObject([
      { caller: null, outcome: 'UNAUTHENTICATED', reason: 'CALLER_UNKNOWN' },
      { caller: 'bot', outcome: 'PERMISSION_DENIED', reason: 'CALLER_DENIED' },
    ]);
  });

  test('through the rpc that passes anything on is judged by what it reaches', async () => {
    const { gate } = await open();
    const reached = operationOf('vultr.v2.InstancesService/UpdateInstance');
    const raw = (body: Record<string, string>): IncomingRequest => ({
      kind: 'message',
      message: { method: 'PATCH', path: '/v2/instances/x', body },
    });
    const send = (request: IncomingRequest) =>
      call(gate, { token: key.key, operation: RAW, reached, request });
    expect((await send(raw({ label: 'x' }))).admission?.effect).toBe('CHANGE');
    expect((await send(raw({ os_id: '5' }))).error).toMatchObject({ reason: 'CALLER_DENIED' });
    expect((await call(gate, { token: key.key, operation: RAW, request: raw({}) })).error).toMatchObject({
      reason: 'CALLER_DENIED',
    });
  });

  test('with another method in its query is refused', async () => {
    const { gate } = await open();
    const request: IncomingRequest = {
      kind: 'verbatim',
      request: {
        method: 'POST',
        path: '/v2/x',
        query: '_method=DELETE',
        contentType: undefined,
        accept: undefined,
        body: undefined,
      },
    };
    expect((await call(gate, { token: key.key, request })).error).toMatchObject({
      reason: 'INVALID_REQUEST',
    });
  });
});

describe('a creation', () => {
  const second = async (first: Parameters<typeof call>[1]) => {
    const { gate } = await open();
    await call(gate, { token: key.key, ...first });
    return (await call(gate, { token: key.key })).error?.reason;
  };

  test('that was made is counted', async () => {
    expect(await second({})).toBe('CREATE_QUOTA');
  });

  test('that may have been made is counted', async () => {
    expect(await second({ failure: new CallError('UNAVAILABLE', 'CREATE_UNCERTAIN', '') })).toBe(
      'CREATE_QUOTA',
    );
  });

  test.each([
    ['was not sent', { failure: new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', '', { reached: 'no' }) }],
    [
      'Vultr refused',
      {
        failure: new CallError('INVALID_ARGUMENT', 'VULTR_REFUSED', '', {
          vultr: { status: 400, error: '' },
        }),
      },
    ],
    ['was only tried out', { request: message({ region: 'ams', plan: 'x', dry_run: true }) }],
  ])('that %s is not counted', async (_name, first) => {
    expect(await second(first)).toBeUndefined();
  });

  test('is refused while it cannot be recorded, and not counted', async () => {
    const { gate } = await open(false);
    for (let count = 0; count < 2; count += 1)
      expect((await call(gate, { token: key.key })).error).toMatchObject({ reason: 'AUDIT_UNAVAILABLE' });
    expect((await call(gate, { token: key.key, operation: LIST })).admission).toBeDefined();
  });
});

test('a part of the service is for callers that may', async () => {
  const { gate, lines } = await open();
  const from = { peer: '10.0.0.1:1', requestId: 'r' };
  expect((await gate.admitService(evidence(key.key), 'metrics', from)).caller.name).toBe('bot');
  expect(lines).toEqual([]);
  await expect(gate.admitService(evidence(key.key), 'docs', from)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: expect.stringContaining('service:docs'),
  });
  await expect(gate.admitService(evidence(), 'metrics', from)).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
  expect(lines).toMatchObject([
    { method: 'service:docs', caller: 'bot', request_id: 'r' },
    { method: 'service:metrics', caller: null, request_id: 'r' },
  ]);
});

test('identity headers are picked by their very names', () => {
  const headers: Record<string, string[]> = {
    'x-forwarded-client-cert': ['URI=a', 'URI=b'],
    'grpc-metadata-l5d-client-id': ['evil'],
  };
  expect(pickIdentityHeaders((name) => headers[name])).toEqual({ 'x-forwarded-client-cert': 'URI=a,URI=b' });
});
