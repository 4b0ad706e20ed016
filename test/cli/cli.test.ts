import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';

/** The command, running, and what it has printed. */
interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves once this has been printed on stdout. */
  printed(text: RegExp): Promise<RegExpExecArray>;
}

/** Starts `vultr-grpc`. It is killed when the test ends. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(process.execPath, [resolve('src/cli/vultr-grpc.ts'), ...args], {
    env: { PATH: process.env['PATH'], STATE_DIR: 'memory', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  closeAtEnd(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    out: () => out,
    err: () => err,
    ended,
    printed: async (text) => {
      for (;;) {
        const match = text.exec(out);
        if (match !== null) return match;
        const more = await Promise.race([
          once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data'),
          ended,
        ]);
        if (!Array.isArray(more)) throw new Error(`it ended with ${more}: ${err}`);
      }
    },
  };
}

const READY = /^vultr-grpc ready: gRPC (\S+), HTTP (?:http:\/\/)?(\S+), upstream (.+)\n$/;
const FREE = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];

/** Arguments, exit code, and what stands on stdout and stderr. */
const ANSWERS: readonly [string[], number, RegExp, RegExp][] = [
  [['--help'], 0, /vultr-grpc serve/, /^$/],
  [['serve', '--help'], 0, /--upstream +VULTR_API_URL/, /^$/],
  [['--version'], 0, new RegExp(`^${packageJson.version}\n$`), /^$/],
  [['start'], 2, /^$/, /^vultr-grpc: "start" is no command/],
  [['serve', '--grpc', 'x', '--loud'], 2, /^$/, /--loud is no flag[\s\S]*--grpc is "x"/],
  [['sandbox', '--listen', 'x'], 2, /^$/, /^vultr-grpc: --listen is "x"/],
];

describe('the command', () => {
  test('tells what it is asked, and refuses with exit code 2 what it does not know', async () => {
    const runs = ANSWERS.map(([args]) => run(args));
    for (const [index, [args, code, out, err]] of ANSWERS.entries()) {
      const command = runs[index];
      expect(await command?.ended, args.join(' ')).toBe(code);
      expect(command?.out()).toMatch(out);
      expect(command?.err()).toMatch(err);
    }
  });

  test('serve says where it is, serves, and ends well on SIGTERM', async () => {
    const command = run(['serve', '--upstream', 'sandbox', ...FREE]);
    const [, grpc = '', http = '', upstream = ''] = await command.printed(READY);
    expect(grpc).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(upstream).toMatch(/^the embedded sandbox at http:/);
    const { status } = await sendHttp(http, 'GET', '/api/regions');
    expect(status).toBe(200);
    command.child.kill('SIGTERM');
    expect(await command.ended).toBe(0);
    const lines = command.err().trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['call', 'stopping']);
  });

  test('serve without HTTP, on another upstream, takes its settings from the environment', async () => {
    const env = {
      HTTP_LISTEN: 'off',
      GRPC_LISTEN: '127.0.0.1:0',
      VULTR_API_URL: 'http://127.0.0.1:9/',
      LOG_LEVEL: 'silent',
    };
    const command = run(['serve'], env);
    const [, , http, upstream] = await command.printed(READY);
    expect([http, upstream]).toEqual(['off', 'http://127.0.0.1:9']);
    command.child.kill('SIGINT');
    expect(await command.ended).toBe(0);
    expect(command.err()).toBe('');
  });

  test.each([
    ['--grpc', 'GRPC_LISTEN'],
    ['--http', 'HTTP_LISTEN'],
  ])('serve on a port in use (%s) says so, names the setting, and ends', async (flag, setting) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closeAtEnd(() => server.close());
    const { port } = server.address() as { port: number };
    const command = run(['serve', '--upstream', 'sandbox', ...FREE, flag, `127.0.0.1:${port}`]);
    expect(await command.ended).toBe(1);
    expect(command.out()).toBe('');
    expect(command.err()).toBe(
      `vultr-grpc: 127.0.0.1:${port} is in use by another program (EADDRINUSE). Choose another address with ${flag} or ${setting}.\n`,
    );
  });

  test('sandbox on a port in use says so, names the flag, and ends', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closeAtEnd(() => server.close());
    const { port } = server.address() as { port: number };
    const command = run(['sandbox', '--listen', `127.0.0.1:${port}`]);
    expect(await command.ended).toBe(1);
    expect(command.err()).toBe(
      `vultr-grpc: 127.0.0.1:${port} is in use by another program (EADDRINUSE). Choose another address with --listen.\n`,
    );
  });

  test('sandbox says where it is, serves, and ends well on SIGTERM', async () => {
    const command = run(['sandbox', '--listen', '127.0.0.1:0', '--speed', '10']);
    const [, address = ''] = await command.printed(/^vultr-grpc sandbox ready: http:\/\/(\S+)\n$/);
    const { status, text } = await sendHttp(address, 'GET', '/v2/regions', undefined, {
      'content-type': 'application/json',
    });
    expect([status, Object.keys(JSON.parse(text) as object)]).toEqual([200, ['regions', 'meta']]);
    command.child.kill('SIGTERM');
    expect(await command.ended).toBe(0);
  });
});
