import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';

const KEY = 'KEY-THAT-MUST-NOT-LEAK-0123456789';

/** Starts the service on the sandbox. Resolves once it is ready. */
async function serve(options: { stderr?: number; args?: readonly string[] } = {}) {
  const args = ['serve', '--upstream', 'sandbox', '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const child: ChildProcess = spawn(
    process.execPath,
    [resolve('bin/vultr-grpc.js'), ...args, ...(options.args ?? [])],
    {
      env: { PATH: process.env['PATH'], STATE_DIR: 'memory', VULTR_API_KEY: KEY },
      stdio: ['ignore', 'pipe', options.stderr ?? 'pipe'],
    },
  );
  closeAtEnd(() => child.kill('SIGKILL'));
  let err = '';
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const [ready] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer];
  const http = /HTTP http:\/\/(\S+),/.exec(ready.toString())?.[1] ?? '';
  return { child, http, err: () => err };
}

test('SIGTERM tells the caller under way that its connection ends, so that its next call goes elsewhere', async () => {
  const { child, http, err } = await serve();
  const [host, port] = http.split(':');
  const agent = new Agent({ keepAlive: true });
  closeAtEnd(() => agent.destroy());
  const body = JSON.stringify({ accessToken: KEY, instanceId: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60' });
  const outgoing = request({
    host,
    port,
    agent,
    method: 'PUT',
    path: '/api/instance/start',
    headers: {
      expect: '100-continue',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  });
  outgoing.flushHeaders();
  await once(outgoing, 'continue');
  child.kill('SIGTERM');
  await expect.poll(err).toContain('"msg":"stopping"');
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.resume();
  expect([response.statusCode, response.headers.connection]).toEqual([200, 'close']);
  await expect(sendHttp(http, 'GET', '/healthz')).rejects.toThrow('ECONNREFUSED');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a second signal ends the service at once, also while it drains', async () => {
  const { child, http, err } = await serve({ args: ['--drain-delay', '60s'] });
  child.kill('SIGTERM');
  await expect.poll(err).toContain('"msg":"stopping"');
  expect((await sendHttp(http, 'GET', '/readyz')).status).toBe(503);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([1, null]);
});

test('a log that nobody reads holds up neither calls nor SIGTERM', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stderr-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(path, constants.O_RDWR);
  closeAtEnd(() => {
    closeSync(reading);
    rmSync(folder, { recursive: true });
  });
  const { child, http } = await serve({ stderr: writing });
  closeSync(writing);
  const headers = { 'user-agent': 'u'.repeat(200) };
  const send = async (count: number): Promise<void> => {
    const targets = Array.from({ length: count }, (_, index) => `/nothing/${'x'.repeat(150)}/${index}`);
    for (const target of targets) await sendHttp(http, 'GET', target, undefined, headers);
  };
  await Promise.all(Array.from({ length: 20 }, () => send(250)));
  const metrics = await sendHttp(http, 'GET', '/metrics');
  expect(Number(/^log_lines_dropped_total (\d+)$/m.exec(metrics.text)?.[1])).toBeGreaterThan(0);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
}, 60_000);

test('the key is out of the environment, of children and of reports, once it is read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  closeAtEnd(() => rmSync(folder, { recursive: true }));
  const script = `
    const { run } = await import(${JSON.stringify(resolve('src/cli/run.ts'))});
    await run(['serve', '--upstream', 'sandbox', '--grpc', '127.0.0.1:0', '--http', 'off'], process.env);
    process.report.writeReport(${JSON.stringify(join(folder, 'report.json'))});
    const { execFileSync } = await import('node:child_process');
    process.stdout.write(execFileSync('env').toString());
    process.exit(0);`;
  const program = join(folder, 'program.mjs');
  writeFileSync(program, script);
  const out = execFileSync(process.execPath, [program], {
    env: { PATH: process.env['PATH'], STATE_DIR: 'memory', VULTR_API_KEY: KEY, REDIS_URL: '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  expect(out.toString()).toContain('PATH=');
  expect(out.toString()).not.toContain(KEY);
  expect(readFileSync(join(folder, 'report.json'), 'utf8')).not.toContain(KEY);
});

test('a fault that nobody caught is logged without what a library put into its error, and ends the service', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fault-'));
  closeAtEnd(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'program.mjs');
  writeFileSync(
    program,
    `const { createProcessLog } = await import(${JSON.stringify(resolve('src/telemetry/log.ts'))});
    const { endOnFault } = await import(${JSON.stringify(resolve('src/cli/signals.ts'))});
    endOnFault(createProcessLog({ level: 'info', format: 'json' }));
    Promise.reject(Object.assign(new Error('HELLO failed'), { args: ['AUTH', ${JSON.stringify(KEY)}] }));`,
  );
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(JSON.parse(err)).toMatchObject({
    level: 'error',
    cause: expect.stringMatching(/^Error: HELLO failed\n +at /),
  });
  expect(err).not.toContain(KEY);
});
