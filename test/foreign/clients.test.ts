import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/index.ts';
import { CallError } from '../../src/status/call-error.ts';
import { createCa } from '../support/access.ts';
import { startGrpc } from '../support/grpc-server.ts';
import { KEY, startOnSandbox } from '../support/service.ts';
import { writeCallersFile } from './callers-file.ts';
import { CLIENTS, type Client, extract, TITLES } from './clients/programs.ts';
import { newFolder, runProgram } from './toolbox.ts';

/** Fetching the libraries and compiling them takes minutes on a slow machine. */
const PATIENCE_MS = 900_000;

/** An instance boots a hundred times as fast as at Vultr. */
const TIMES = { timeScale: 100 };

/** Where Cargo keeps what it has built, for every run. */
const CARGO_TARGET_DIR = join(tmpdir(), 'vultr-grpc-tools', 'cargo');

type Env = Readonly<Record<string, string>>;

/** Runs one of the scripts of a program, and returns what it printed. */
async function run(folder: string, script: string, env: Env): Promise<string> {
  const options = { cwd: folder, env: { CARGO_TARGET_DIR, ...env }, timeoutMs: PATIENCE_MS };
  return (await runProgram('bash', [script], options)).stdout;
}

/** Checks what a program has printed, and that it has created one instance. */
function expectAll(stdout: string, { state }: Sandbox): void {
  const lines = stdout
    .split('\n')
    .filter((line) => /^(?:regions|created|state|again|reason|field):/.test(line));
  const [regions, created, ...others] = lines;
  const id = created?.slice('created: '.length);
  expect(regions).toMatch(/^regions: \d\d$/);
  expect(others[0]).toMatch(/^state: /);
  expect(others.slice(-4)).toEqual([
    'state: active ok',
    `again: ${id}`,
    'reason: INVALID_REQUEST',
    'field: instance_id',
  ]);
  expect(state.instancesCreated).toBe(1);
}

/** Builds a program, and runs it against the service as it starts by default. */
async function runFirst({ name, prepare }: Client, folder: string): Promise<void> {
  const { app, sandbox } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } }, TIMES);
  await extract(name, folder, app.httpAddress ?? '');
  await prepare?.(folder);
  expectAll(await run(folder, 'run.sh', { VULTR_GRPC: app.grpcAddress, VULTR_API_KEY: KEY }), sandbox);
}

/** Runs a program against a service with TLS that knows its callers, with a virtual key. */
async function runSecured(folder: string): Promise<void> {
  const files = await newFolder();
  const ca = createCa(files);
  const server = ca.issue('server', { subject: '/CN=server', altNames: 'DNS:localhost,IP:127.0.0.1' });
  const { file, key } = writeCallersFile(files, KEY, ['vultr.cloud.v1.CloudService/*']);
  const settings = { tlsCert: server.cert, tlsKey: server.key, callersFile: file };
  const { app, sandbox } = await startOnSandbox(settings, TIMES);
  const VULTR_GRPC = `localhost:${new URL(`http://${app.grpcAddress}`).port}`;
  const env = { VULTR_GRPC, VULTR_GRPC_CA: ca.cert };
  expectAll(await run(folder, 'again.sh', { ...env, VULTR_API_KEY: key }), sandbox);
  // The Vultr key itself opens nothing here: it was the virtual one that did.
  await expect(run(folder, 'again.sh', { ...env, VULTR_API_KEY: KEY })).rejects.toThrow();
  expect(sandbox.state.instancesCreated).toBe(1);
}

/** Runs a program against a service that is unavailable: it tries four times, each time with a deadline of ten seconds. */
async function runInVain(folder: string, { keepsDeadlines = false }: Client): Promise<void> {
  const secondsLeft: number[] = [];
  const { address } = await startGrpc({
    ListRegions: async ({ deadline }) => {
      secondsLeft.push((deadline - Date.now()) / 1_000);
      throw new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'Vultr cannot be reached.', {
        retryDelayMs: 50,
      });
    },
  });
  const failing = run(folder, 'again.sh', { VULTR_GRPC: address, VULTR_API_KEY: KEY });
  await expect(failing).rejects.toThrow('Vultr cannot be reached.');
  expect(secondsLeft).toHaveLength(4);
  // Without a deadline of the caller's, the service has its own of a minute.
  for (const seconds of secondsLeft.map(Math.round)) {
    expect(seconds).toBeGreaterThan(keepsDeadlines ? 10 : 0);
    expect(seconds).toBeLessThanOrEqual(keepsDeadlines ? 60 : 10);
  }
}

/** Why a registry could not be reached, as the tools say it. */
const UNREACHABLE =
  /could not resolve|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|dial tcp|Temporary failure in name|Network is unreachable|UnknownHost|timed out|download of config.json failed/i;

describe('the programs of docs/clients.md', () => {
  test('are all run here', () => {
    expect(TITLES).toEqual(CLIENTS.map(({ name }) => name));
  });

  for (const client of CLIENTS) {
    const { name, needs, isSlow = false } = client;
    test(
      `${name}: lists, creates once, watches, reads a refusal, by TLS too, and repeats what fails within its time`,
      async ({ skip }) => {
        const leave = (reason: string): void => {
          process.stderr.write(`skipped: ${reason}\n`);
          skip(true, reason);
        };
        if (isSlow && process.env['FOREIGN_CLIENTS'] !== 'all')
          leave(`the first build of ${name} takes many minutes; FOREIGN_CLIENTS=all includes it`);
        for (const program of ['curl', ...needs]) {
          const found = await runProgram('bash', ['-c', `command -v ${program}`]).catch(() => undefined);
          if (found === undefined) leave(`${program} is not here`);
        }
        const folder = await newFolder();
        try {
          await runFirst(client, folder);
        } catch (thrown) {
          if (!UNREACHABLE.test(String(thrown))) throw thrown;
          leave(`a registry is out of reach: ${String(thrown).slice(-300)}`);
        }
        await runSecured(folder);
        await runInVain(folder, client);
      },
      PATIENCE_MS,
    );
  }
});
