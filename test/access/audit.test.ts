import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AuditedCall, auditEntry, beginEntry, isAudited } from '../../src/access/audit-entry.ts';
import { type AuditLogOptions, openAuditLog } from '../../src/access/audit-log.ts';
import { isSecretName, redact } from '../../src/access/redact.ts';
import { MASK } from '../../src/base/mask-values.ts';
import { CallError } from '../../src/status/call-error.ts';
import { modelOf, operationOf } from '../support/access.ts';
import { temporaryFolder } from '../support/stores.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const CREATE = operationOf('vultr.v2.InstancesService/CreateInstance');

const [caller] = (
  await modelOf(
    'accounts: { prod: { key_env: KEY } }\ncallers:\n  - { name: bot, is: [dns: a.example], account: prod, allow: ["*"] }\n',
    { env: { KEY: 'KEY' } },
  )
).callers;
if (caller === undefined) throw new Error('no caller');

const CALL: AuditedCall = {
  time: new Date('2026-11-28T01:02:03.004Z'),
  identity: { caller, proofs: ['virtual_key'], provenBy: [], ownKey: undefined, id: 'bot' },
  peer: '10.0.0.1:1234',
  transport: 'grpc',
  operation: CREATE,
  effect: 'CREATE',
  request: { kind: 'message', message: { region: 'ams', plan: 'vc2-1c-1gb' } },
  requestId: 'r-1',
  traceId: 't-1',
  error: undefined,
  response: Buffer.from(JSON.stringify({ instance: { id: ID, default_password: 'hunter2' } })),
};

test('a line tells who did what to what', () => {
  expect(auditEntry(CALL)).toEqual({
    time: '2026-11-28T01:02:03.004Z',
    caller: 'bot',
    proof: ['virtual_key'],
    peer: '10.0.0.1:1234',
    transport: 'grpc',
    method: 'vultr.v2.InstancesService/CreateInstance',
    effect: 'create',
    account: 'prod',
    outcome: 'OK',
    ids: [ID],
    request: { region: 'ams', plan: 'vc2-1c-1gb' },
    request_id: 'r-1',
    trace_id: 't-1',
  });
});

test('the line of a beginning has the same members', () => {
  const { error: _error, response: _response, ...begun } = CALL;
  expect(beginEntry(begun)).toEqual({ ...auditEntry(CALL), outcome: 'STARTED', ids: [] });
});

test('the line of a denial says why, also without a proven caller', () => {
  const error = new CallError('UNAUTHENTICATED', 'CALLER_UNKNOWN', 'The token has expired.');
  expect(
    auditEntry({
      ...CALL,
      identity: undefined,
      request: undefined,
      traceId: undefined,
      response: undefined,
      error,
    }),
  ).toMatchObject({
    caller: null,
    proof: [],
    account: null,
    outcome: 'UNAUTHENTICATED',
    reason: 'CALLER_UNKNOWN',
    error: 'The token has expired.',
    ids: [],
    request: null,
  });
});

test('a line of a request that was passed on tells its path, query and body', () => {
  const request = {
    method: 'PATCH',
    path: `/v2/instances/${ID}`,
    query: 'a=b&token=abc',
    contentType: 'application/json',
    accept: undefined,
    body: Buffer.from('{"label":"x","user_data":"c2VjcmV0"}'),
  };
  const operation = operationOf('vultr.v2.InstancesService/UpdateInstance');
  expect(
    auditEntry({
      ...CALL,
      operation,
      effect: 'CHANGE',
      response: undefined,
      request: { kind: 'verbatim', request },
    }),
  ).toMatchObject({
    ids: [ID],
    request: {
      method: 'PATCH',
      path: `/v2/instances/${ID}`,
      query: { a: 'b', token: MASK },
      body: { label: 'x', user_data: MASK },
    },
  });
  const binary = { ...request, body: Buffer.from('password=x') };
  expect(auditEntry({ ...CALL, operation, request: { kind: 'verbatim', request: binary } })).toMatchObject({
    request: { body: '[10 bytes]' },
  });
});

test('a line of a raw call masks in its query and body', () => {
  const message = {
    method: 'POST',
    path: `/v2/new/${ID}`,
    query: 'api_key=abc&x=1',
    body: { password: 'x', name: 'y' },
  };
  expect(
    auditEntry({
      ...CALL,
      operation: operationOf('vultr.v2.RawService/Call'),
      request: { kind: 'message', message },
    }),
  ).toMatchObject({
    ids: [ID],
    request: { method: 'POST', query: { api_key: MASK, x: '1' }, body: { password: MASK, name: 'y' } },
  });
});

test('the token of a session in a path is masked', () => {
  const source = '/v2/x/{session_token}';
  const variables = [{ fieldPath: ['session_token'], start: 2, end: 3, isMultiSegment: false }];
  const secret = {
    ...CREATE,
    bindings: [{ ...CREATE.bindings[0], template: { source, segments: [], variables, verb: undefined } }],
  } as never;
  const request = {
    method: 'DELETE',
    path: '/v2/x/abcdef',
    query: '',
    contentType: undefined,
    accept: undefined,
    body: undefined,
  };
  const entry = auditEntry({
    ...CALL,
    operation: secret,
    response: undefined,
    request: { kind: 'verbatim', request },
  });
  expect(entry).toMatchObject({ ids: [], request: { path: `/v2/x/${MASK}` } });
});

const needsFull = existsSync('/dev/full') ? '' : ' (left out: there is no /dev/full)';

describe('a name is secret', () => {
  test.each([
    'user_data',
    'userData',
    'password',
    'default_password',
    'passwordHash',
    'PASSWORD',
    'passwd',
    'access_token',
    'token',
    'api_key',
    'apiKey',
    'secret_key',
    'client_secret',
    'private_key',
    'private_key_b64',
    'ssl_cert_key',
    'ssl',
    'ssh_key',
    'db_pass',
    'kubeconfig',
    'authorization',
    'refresh_token',
    'sasl_key',
    'script',
    'secret',
    'access_key',
    'keys',
  ])('%s', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  test.each([
    'region',
    'plan',
    'sshkey_id',
    'ssh_key_ids',
    'label',
    'hostname',
    'mysql_require_primary_key',
    'innodb_ft_min_token_size',
    'passive',
    'script_id',
    'tags',
  ])('unlike %s', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});

test('what is in a line is bounded', () => {
  const deep = Array.from({ length: 20 }).reduce<unknown>((inner) => ({ inner }), 'x');
  const wide = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`k${index}`, 'x'.repeat(1_000)]),
  );
  const line = JSON.stringify(
    redact({
      deep,
      wide,
      list: Array.from({ length: 500 }, () => 'x'),
      bytes: new Uint8Array(9),
      big: 2n ** 60n,
    }),
  );
  expect(line).toContain('[nested too deeply]');
  expect(line).toContain('more]');
  expect(line).toContain('[9 bytes]');
  expect(line.length).toBeLessThan(25_000);
  expect(redact({ own: 'x' }, new Set(['own']))).toEqual({ own: MASK });
  expect(redact({ password: '', token: null, private: false })).toEqual({
    password: '',
    token: null,
    private: false,
  });
});

test.each([
  ['CREATE', undefined, true],
  ['CHANGE', undefined, true],
  ['DESTROY', undefined, true],
  ['READ', undefined, false],
  ['SECRET', undefined, false],
  ['READ', new CallError('PERMISSION_DENIED', 'CALLER_DENIED', ''), true],
  ['READ', new CallError('UNAUTHENTICATED', 'CALLER_UNKNOWN', ''), true],
  ['READ', new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', ''), false],
] as const)('%s with %s gets a line: %s', (effect, error, isLine) => {
  expect(isAudited({ operation: CREATE, effect, error })).toBe(isLine);
});

test.each([
  ['{"instance":{"id":"a"}}', 'a'],
  ['{"instance":{"id":5}}', '5'],
  ['{"instance":{}}', undefined],
  ['{"instance":null}', undefined],
  ['no JSON', undefined],
])('the id in %s is %s', (response, id) => {
  const { ids } = auditEntry({ ...CALL, response: Buffer.from(response) });
  expect(ids).toEqual(id === undefined ? [] : [id]);
});

describe('the log', () => {
  async function open(given: Partial<AuditLogOptions> = {}) {
    const folder = temporaryFolder();
    const file = join(folder, 'audit', 'log');
    mkdirSync(join(folder, 'audit'));
    const states: { isWritable: boolean; problem: string; lost: number }[] = [];
    const clock = { time: 0 };
    const log = await openAuditLog({
      file,
      onFailure: 'refuse',
      onState: (state) => states.push(state),
      now: () => clock.time,
      ...given,
    });
    onTestFinished(() => log.close());
    const read = (path = file): unknown[] =>
      readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    return { log, file, states, clock, read };
  }

  test('holds a line once it is recorded', async () => {
    const { log, read } = await open();
    await log.record({ a: 1 });
    expect(read()).toEqual([{ a: 1 }]);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => log.record({ n, text: 'ä"\n' })));
    expect(read()).toHaveLength(1_001);
    expect(read()[500]).toEqual({ n: 499, text: 'ä"\n' });
  });

  test('appends to what is there', async () => {
    const { log, file, read } = await open();
    await log.record({ a: 1 });
    const other = await openAuditLog({ file, onFailure: 'refuse', isSynced: true, onState: () => undefined });
    await other.record({ b: 2 });
    await other.close();
    await log.record({ c: 3 });
    expect(read()).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
  });

  test('goes on in a new file after rotation, and loses nothing', async () => {
    const { log, file, read } = await open();
    const writing: Promise<void>[] = [];
    for (let n = 0; n < 300; n += 1) {
      writing.push(log.record({ n }));
      if (n === 150) {
        renameSync(file, `${file}.1`);
        await log.reopen();
      }
      if (n % 10 === 0) await writing.at(-1);
    }
    await Promise.all(writing);
    const numbers = [...read(`${file}.1`), ...read()].map((line) => (line as { n: number }).n);
    expect(numbers.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    expect(read().length).toBeGreaterThan(100);
  });

  /** Makes writing fail: the log is opened on a device that is always full. */
  test.skipIf(!existsSync('/dev/full'))(
    `refuses changes while it cannot be written, and says so once${needsFull}`,
    async () => {
      const { log, states, clock } = await open({ file: '/dev/full' });
      const refusal = { code: 'UNAVAILABLE', reason: 'AUDIT_UNAVAILABLE', reached: 'no' };
      await expect(log.begin({ a: 0 })).rejects.toMatchObject(refusal);
      await expect(log.begin({ a: 0 })).rejects.toMatchObject(refusal);
      await log.record({ a: 1 });
      await log.record({ a: 2 });
      expect(states).toEqual([{ isWritable: false, problem: 'ENOSPC', lost: 0 }]);
      clock.time = 2_000;
      await expect(log.begin({ a: 3 })).rejects.toMatchObject(refusal);
      expect(states).toHaveLength(1);
    },
  );

  test.skipIf(!existsSync('/dev/full'))(
    `lets changes through where that is configured${needsFull}`,
    async () => {
      const { log, clock } = await open({ file: '/dev/full', onFailure: 'continue' });
      await log.begin({ a: 0 });
      await log.record({ a: 1 });
      clock.time = 2_000;
      await log.begin({ a: 2 });
    },
  );

  test('writes what it kept when it can be written again', async () => {
    const { log, file, states, clock, read } = await open({ maxKeptLines: 3 });
    await log.record({ n: 0 });
    rmSync(file);
    mkdirSync(file);
    await log.reopen();
    await expect(log.begin({ begun: 1 })).rejects.toMatchObject({ reason: 'AUDIT_UNAVAILABLE' });
    for (let n = 1; n <= 5; n += 1) await log.record({ n });
    rmSync(file, { recursive: true });
    clock.time = 1_500;
    await log.begin({ begun: 2 });
    expect(read()).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }, { begun: 2 }]);
    expect(states).toEqual([
      { isWritable: false, problem: 'EISDIR', lost: 0 },
      { isWritable: true, problem: '', lost: 2 },
    ]);
    await log.record({ n: 6 });
    expect(read()).toHaveLength(5);
  });

  test('cannot be opened where there is no folder', async () => {
    await expect(
      openAuditLog({ file: '/none/such/log', onFailure: 'refuse', onState: () => undefined }),
    ).rejects.toThrow('ENOENT');
  });

  test('goes to standard output', async () => {
    const script = `
      import { openAuditLog } from '${new URL('../../src/access/audit-log.ts', import.meta.url).pathname}';
      const log = await openAuditLog({ file: 1, onFailure: 'refuse', onState: () => undefined });
      await Promise.all(Array.from({ length: 5000 }, (_, n) => log.record({ n, text: 'x'.repeat(100) })));
      await log.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      maxBuffer: 1e7,
    });
    expect(stdout.trimEnd().split('\n')).toHaveLength(5_000);
  });

  test('survives kill -9', async () => {
    const file = join(temporaryFolder(), 'log');
    const script = `
      import { openAuditLog } from '${new URL('../../src/access/audit-log.ts', import.meta.url).pathname}';
      const log = await openAuditLog({ file: ${JSON.stringify(file)}, onFailure: 'refuse', onState: () => undefined });
      for (let n = 0; ; n += 1) { await log.record({ n }); process.stdout.write(n + '\\n'); }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let told = '';
    const enough = Promise.withResolvers<void>();
    child.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      if (told.length > 2_000) enough.resolve();
    });
    await enough.promise;
    child.kill('SIGKILL');
    await once(child, 'close');
    const last = Number(told.trimEnd().split('\n').at(-2));
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(last);
  });
});
