import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
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
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, node: readonly string[] = []): Run {
  const [program = process.execPath, ...options] = node;
  const child = spawn(program, [...options, resolve('bin/vultr-grpc.js'), ...args], {
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
const OUTCOMES: readonly [string[], number, RegExp, RegExp][] = [
  [[], 0, /vultr-grpc serve/, /^$/],
  [['--help'], 0, /vultr-grpc serve/, /^$/],
  [['serve', '--help'], 0, /--upstream +VULTR_API_URL/, /^$/],
  [['sandbox', '-h'], 0, /--speed +SANDBOX_SPEED/, /^$/],
  [['--version'], 0, new RegExp(`^${packageJson.version}\n$`), /^$/],
  [['start'], 2, /^$/, /^vultr-grpc: There is no command "start"\. See vultr-grpc --help\.\n$/],
  [['sevre'], 2, /^$/, /^vultr-grpc: There is no command "sevre"\. Did you mean serve\?\n$/],
  [['serve', '--grpc', 'x', '--loud'], 2, /^$/, /There is no flag --loud\.\n--grpc is "x"/],
  [['sandbox', '--listen', 'x', '--loud'], 2, /^$/, /There is no flag --loud\.\n--listen is "x"/],
];

describe('the command', () => {
  test('prints what it is asked for, and exits with 2 when it is called wrongly', async () => {
    const runs = OUTCOMES.map(([args]) => run(args));
    for (const [index, [args, code, out, err]] of OUTCOMES.entries()) {
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
    { args: ['serve', '--upstream', 'sandbox', '--http', 'off'], flag: '--grpc', env: 'GRPC_LISTEN' },
    { args: ['serve', '--upstream', 'sandbox', '--grpc', '127.0.0.1:0'], flag: '--http', env: 'HTTP_LISTEN' },
    { args: ['sandbox'], flag: '--listen', env: 'SANDBOX_LISTEN' },
  ])('on a port in use ($flag) it names the setting to change', async ({ args, flag, env }) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closeAtEnd(() => server.close());
    const { port } = server.address() as { port: number };
    const command = run([...args, flag, `127.0.0.1:${port}`]);
    expect(await command.ended).toBe(1);
    expect(command.out()).toBe('');
    expect(command.err()).toBe(
      `vultr-grpc: Cannot listen on 127.0.0.1:${port}: another program is using it. ` +
        `Choose another address with ${flag} or ${env}; port 0 picks a free one.\n`,
    );
  });

  test('on a host that does not exist it names the setting to change', async () => {
    const open = ['--allow-anonymous', 'on', '--plaintext', 'on'];
    const listen = ['--grpc', 'nowhere.invalid:1', '--http', 'off'];
    const command = run(['serve', '--upstream', 'sandbox', ...listen, ...open]);
    expect(await command.ended).toBe(1);
    expect(command.err()).toMatch(
      /^vultr-grpc: Cannot listen on nowhere\.invalid:1: there is no host of that name\. .*--grpc or GRPC_LISTEN/m,
    );
  });

  test('keeps its secrets from child processes and out of diagnostic reports', async () => {
    // On SIGUSR2 the process prints the environment of a child process, and a report of itself.
    const show = `import { execFileSync } from 'node:child_process';
      process.on('SIGUSR2', () => console.log(execFileSync('env', { encoding: 'utf8' })
        + JSON.stringify(process.report.getReport()) + 'END'));`;
    const node = [process.execPath, `--import=data:text/javascript,${encodeURIComponent(show)}`];
    const secrets = { VULTR_API_KEY: 'SECRET-KEY', REDIS_URL: 'redis://:SECRET-PASSWORD@127.0.0.1:1' };
    const command = run(['serve', '--upstream', 'sandbox', ...FREE], { ...secrets, OTHER: 'PLAIN' }, node);
    await command.printed(/ready/);
    command.child.kill('SIGUSR2');
    const [shown] = await command.printed(/\n[\s\S]*END/);
    expect(shown).toContain('OTHER=PLAIN');
    expect(shown.match(/PLAIN/g)).toHaveLength(1);
    expect(shown + command.err()).not.toContain('SECRET');
  });

  test('ignores SIGHUP, and opens no debugger on SIGUSR1', async () => {
    const command = run(['serve', '--upstream', 'sandbox', ...FREE]);
    const [, , http = ''] = await command.printed(READY);
    command.child.kill('SIGHUP');
    command.child.kill('SIGUSR1');
    await expect.poll(() => command.err().match(/the signal is ignored/g)?.length).toBe(2);
    expect((await sendHttp(http, 'GET', '/healthz')).status).toBe(200);
    expect(command.err()).not.toContain('Debugger');
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

/** A Node that is too old for the program, where the machine has one. */
const OLD_NODE = '/usr/bin/node';
const isOld =
  existsSync(OLD_NODE) &&
  Number.parseInt(execFileSync(OLD_NODE, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10) < 24;

describe('Node that is too old', () => {
  test('is refused by every way in before anything is loaded that it cannot read', () => {
    const { scripts, bin } = packageJson;
    expect(bin['vultr-grpc']).toBe('bin/vultr-grpc.js');
    for (const name of ['start', 'serve', 'sandbox'] as const)
      expect(scripts[name]).toMatch(/^node bin\/vultr-grpc\.js /);
    for (const name of ['predev', 'pretest', 'precheck'] as const)
      expect(scripts[name]).toBe('node bin/require-node.js');
    const [first] = readFileSync('bin/vultr-grpc.js', 'utf8').match(/^.*require\(.*$/m) ?? [];
    expect(first).toBe("require('./require-node.js');");
  });

  test.skipIf(!isOld)(
    'is told in one sentence which Node is needed (skipped without an older /usr/bin/node)',
    async () => {
      const command = run(['serve'], {}, [OLD_NODE]);
      expect(await command.ended).toBe(1);
      expect(command.out()).toBe('');
      expect(command.err()).toMatch(
        /^vultr-grpc needs Node 24 or later; this is Node \d+\.\d+\.\d+\. [^\n]+\n$/,
      );
    },
  );
});
