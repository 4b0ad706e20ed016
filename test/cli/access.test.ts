import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { policy } from '../../src/cli/policy.ts';
import { ConfigError } from '../../src/config/read.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { temporaryFolder } from '../support/stores.ts';

/** Starts the command. It is killed when the test ends. */
function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child: ChildProcess = spawn(process.execPath, [resolve('bin/vultr-grpc.js'), ...args], {
    env: { PATH: process.env['PATH'], STATE_DIR: 'memory', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  closeAtEnd(() => child.kill('SIGKILL'));
  const printed = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    printed.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    printed.err += chunk;
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, printed, ended };
}

async function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { printed, ended } = start(args, env);
  return { code: await ended, ...printed };
}

const key = createVirtualKey();

/** A callers file with a caller that may read and change, and another that may read. */
function writeCallers(folder: string): string {
  const file = join(folder, 'callers.yaml');
  writeFileSync(join(folder, 'prod'), 'PROD-KEY-THAT-MUST-NOT-LEAK');
  writeFileSync(
    file,
    `accounts: { prod: { key_file: ${join(folder, 'prod')} } }
callers:
  - name: deploy-bot
    is: [ { token_sha256: ${key.sha256} } ]
    account: prod
    allow: [ "effect:read", "effect:change", "effect:create" ]
    deny: [ "effect:destroy" ]
    create: { regions: [ams] }
  - { name: dashboard, is: [ { dns: a.example } ], account: prod, allow: [ "effect:read" ] }
`,
  );
  return file;
}

test('token prints a key and its digest', async () => {
  const { code, out } = await runToEnd(['token']);
  const [, printed = '', digest] =
    /^key: +(vgk_\S+)\ncallers file, is: +- token_sha256: ([0-9a-f]{64})\n$/.exec(out) ?? [];
  expect([code, createHash('sha256').update(printed).digest('hex')]).toEqual([0, digest]);
  expect(await runToEnd(['token', 'x'])).toMatchObject({ code: 2, out: '' });
});

describe('policy', () => {
  const CREATE = 'vultr.cloud.v1.CloudService/CreateInstance';

  test('list prints who may do what', async () => {
    const { code, out } = await runToEnd(['policy', 'list'], {
      CALLERS_FILE: writeCallers(temporaryFolder()),
    });
    expect(code).toBe(0);
    expect(out).toMatch(/deploy-bot/);
    expect(out).toMatch(/dashboard/);
    expect(out).not.toContain('PROD-KEY');
  });

  test('check tells by its result', async () => {
    const folder = temporaryFolder();
    const env = { CALLERS_FILE: writeCallers(folder) };
    const run = async (...args: string[]) => {
      try {
        const { lines, exitCode } = await policy(args, args.includes('nowhere') ? {} : env);
        return { code: exitCode, out: lines.join('\n'), err: '' };
      } catch (error) {
        if (error instanceof ConfigError) return { code: 2, out: '', err: error.message };
        throw error;
      }
    };
    const check = (caller: string, method: string, ...more: string[]) =>
      run('check', '--caller', caller, '--method', method, ...more);
    const request = (name: string, body: unknown): string => {
      const file = join(folder, name);
      writeFileSync(file, typeof body === 'string' ? body : JSON.stringify(body));
      return file;
    };
    const UPDATE = 'vultr.v2.InstancesService/UpdateInstance';
    const results = await Promise.all([
      check('dashboard', 'vultr.v2.InstancesService/ListInstances'),
      check('dashboard', UPDATE),
      check('deploy-bot', UPDATE, '--request', request('label', { label: 'x' })),
      check('deploy-bot', UPDATE, '--request', request('wipe', { os_id: 1 })),
      check('dashbord', UPDATE),
      check('dashboard', 'vultr.v2.InstancesService/ListInstance'),
      check('deploy-bot', CREATE, '--request', join(folder, 'none')),
      check('deploy-bot', CREATE, '--request', request('twice', '{"region":"ams","region":"fra"}')),
      check('deploy-bot', CREATE, '--request', request('odd', { colour: 'x' })),
      run('check', '--caller', 'dashboard'),
      run('chekc'),
      run('list', 'nowhere'),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 1, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
    const errors = results.map(({ err }) => err);
    expect(errors[4]).toBe('There is no caller dashbord. Did you mean dashboard?');
    expect(errors[5]).toContain('Did you mean vultr.v2.InstancesService/ListInstances?');
    expect(errors[6]).toContain('cannot be read');
    expect(errors[7]).toContain('is not JSON');
    expect(errors[8]).toContain('colour');
    expect(results[1]?.out).toContain('effect:change');
    expect(results[3]?.out).toContain('deny "effect:destroy"');
  });
});

const serve = (folder: string, env: NodeJS.ProcessEnv, upstream = 'sandbox') =>
  start(['serve', '--upstream', upstream, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'], {
    CALLERS_FILE: writeCallers(folder),
    ...env,
  });

async function addressOf({ printed, ended }: ReturnType<typeof start>): Promise<string> {
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  await expect
    .poll(() => hasEnded || /HTTP http:\/\/(\S+),/.test(printed.out), { timeout: 20_000 })
    .toBe(true);
  const [, address] = /HTTP http:\/\/(\S+),/.exec(printed.out) ?? [];
  if (address === undefined) throw new Error(printed.err);
  return address;
}

const call = (address: string, method: string, path: string, body?: unknown) =>
  sendHttp(address, method, path, body, {
    authorization: `Bearer ${key.key}`,
    'content-type': 'application/json',
  });

const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('a callers file with mistakes stops the start, with all of them', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'bad.yaml');
  writeFileSync(
    file,
    `accounts: { prod: { key_file: ${join(folder, 'none')} } }
callers:
  - { name: a, is: [ { dns: a.example } ], account: lab, alow: ["*"] }
  - { name: a, is: [ { dns: b.example } ], account: prod, allow: ["vultr.v3.*"] }
`,
  );
  const { ended, printed } = serve(folder, { CALLERS_FILE: file });
  expect([await ended, printed.out]).toEqual([1, '']);
  for (const part of ['none', 'lab', 'alow', 'vultr.v3'])
    expect(
      printed.err.split('\n').some((line) => /\d+:\d+/.test(line) && line.includes(part)),
      part,
    ).toBe(true);
});

test('policy check ends the process with 1 when the caller may not', async () => {
  const env = { CALLERS_FILE: writeCallers(temporaryFolder()) };
  const method = 'vultr.v2.InstancesService/DeleteInstance';
  const { code, out, err } = await runToEnd(
    ['policy', 'check', '--caller', 'dashboard', '--method', method],
    env,
  );
  expect([code, err]).toEqual([1, '']);
  expect(out).toContain('effect:destroy');
});

describe('the audit log', () => {
  test('has its lines before the reply, and keeps them through kill -9', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'audit.log');
    const running = serve(folder, { AUDIT_FILE: file });
    const address = await addressOf(running);
    for (let count = 1; count <= 20; count += 1) {
      await call(address, 'POST', '/v2/ssh-keys', { name: `n${count}`, ssh_key: 'ssh-ed25519 AAAA' });
      expect(linesOf(file)).toHaveLength(2 * count);
    }
    await call(address, 'DELETE', '/v2/instances/x');
    running.child.kill('SIGKILL');
    await running.ended;
    const lines = linesOf(file);
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toMatchObject({ caller: 'deploy-bot', reason: 'CALLER_DENIED', effect: 'destroy' });
    for (const text of [readFileSync(file, 'utf8'), running.printed.err, running.printed.out]) {
      expect(text).not.toContain('PROD-KEY');
      expect(text).not.toContain(key.key);
    }
  });

  test('tells after kill -9 which change was under way', async () => {
    const vultr = await startFakeUpstream(() => 'hang');
    const folder = temporaryFolder();
    const file = join(folder, 'audit.log');
    const running = serve(folder, { AUDIT_FILE: file, AUDIT_SYNC: 'on' }, vultr.url.href);
    const address = await addressOf(running);
    const cut = call(address, 'POST', '/v2/ssh-keys', { name: 'n', ssh_key: 'ssh-ed25519 AAAA' });
    const reply = cut.catch((error: unknown) => error);
    await vultr.arrived(1);
    running.child.kill('SIGKILL');
    await running.ended;
    expect(await reply).toBeInstanceOf(Error);
    expect(linesOf(file)).toMatchObject([
      { outcome: 'STARTED', caller: 'deploy-bot', effect: 'create', request: { path: '/v2/ssh-keys' } },
    ]);
  });

  test('is opened anew on SIGHUP after it was renamed', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'audit.log');
    const running = serve(folder, { AUDIT_FILE: file });
    const address = await addressOf(running);
    await call(address, 'DELETE', '/v2/instances/x');
    renameSync(file, `${file}.1`);
    await call(address, 'DELETE', '/v2/instances/x');
    expect(linesOf(`${file}.1`)).toHaveLength(2);
    running.child.kill('SIGHUP');
    await expect
      .poll(async () => {
        await call(address, 'DELETE', '/v2/instances/x');
        try {
          return linesOf(file).length;
        } catch {
          return 0;
        }
      })
      .toBeGreaterThan(0);
  });

  test.each([
    ['refuse', 503],
    ['continue', 201],
  ] as const)(
    'on a disk that is full, changes are treated as AUDIT_FAILURE=%s says',
    async (failure, status) => {
      const running = serve(temporaryFolder(), { AUDIT_FILE: '/dev/full', AUDIT_FAILURE: failure });
      const address = await addressOf(running);
      const changed = await call(address, 'POST', '/v2/ssh-keys', { name: 'n', ssh_key: 'ssh-ed25519 AAAA' });
      expect(changed.status, changed.text).toBe(status);
      if (failure === 'refuse') expect(changed.text).toContain('AUDIT_UNAVAILABLE');
      expect((await call(address, 'GET', '/v2/instances')).status).toBe(200);
      const { ssh_keys: made } = JSON.parse((await call(address, 'GET', '/v2/ssh-keys')).text);
      expect(made.filter(({ name }: { name: string }) => name === 'n')).toHaveLength(
        failure === 'refuse' ? 0 : 1,
      );
      await expect.poll(() => running.printed.err).toContain('the audit log cannot be written');
    },
  );
});

test('an open address is served when it is allowed, with a warning for each choice', async () => {
  const running = start(['serve', '--upstream', 'sandbox', '--grpc', '0.0.0.0:0', '--http', '127.0.0.1:0'], {
    ALLOW_ANONYMOUS: 'on',
    PLAINTEXT: 'on',
  });
  await addressOf(running);
  await expect.poll(() => running.printed.err).toContain('ALLOW_ANONYMOUS=on');
  expect(running.printed.err).toContain('PLAINTEXT=on');
  const { code, err } = await runToEnd(['serve', '--upstream', 'sandbox', '--grpc', '0.0.0.0:0']);
  expect(code).toBe(2);
  expect(err).toContain('Set CALLERS_FILE');
  expect(err).toContain('Set TLS_CERT and TLS_KEY');
});
