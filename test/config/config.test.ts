import { describe, expect, test } from 'vitest';
import { sandboxUsage, serveUsage } from '../../src/cli/usage.ts';
import { formatListen, parseListen } from '../../src/config/parsers.ts';
import {
  ConfigError,
  type Environment,
  readSandboxConfig,
  readServeConfig,
  takeEnvironment,
} from '../../src/config/read.ts';
import type { Setting } from '../../src/config/setting.ts';
import { SANDBOX_SETTINGS, SERVE_SETTINGS } from '../../src/config/settings.ts';

/** The commands with their settings, and how these are read. */
const COMMANDS: Readonly<
  Record<
    string,
    {
      readonly settings: Readonly<Record<string, Setting<unknown>>>;
      readonly usage: () => string;
      readonly read: (args: readonly string[], env: Environment) => object;
    }
  >
> = {
  serve: { settings: SERVE_SETTINGS, usage: serveUsage, read: readServeConfig },
  sandbox: { settings: SANDBOX_SETTINGS, usage: sandboxUsage, read: readSandboxConfig },
};

const EVERY_SETTING = Object.entries(COMMANDS).flatMap(([command, { settings }]) =>
  Object.entries(settings).map(([name, setting]) => ({ command, name, setting })),
);

/** For each setting a text and what it means, and texts that are wrong. */
const VALUES: Readonly<Record<string, { text: string; value: unknown; wrong: readonly string[] }>> = {
  upstream: {
    text: 'http://127.0.0.1:9/prefix',
    value: new URL('http://127.0.0.1:9/prefix'),
    wrong: [
      'vultr',
      'ftp://x',
      'https://x/?a=b',
      'https://x/#a',
      'https://api.vultr.com/v2',
      'https://x/v2/',
    ],
  },
  apiKey: { text: 'KEY', value: 'KEY', wrong: ['a b', 'ключ', 'x\n', 'x'.repeat(513)] },
  grpcListen: {
    text: '[::1]:0',
    value: { host: '::1', port: 0 },
    wrong: ['x', ':1', 'x:65536', '::1:5', '[x]:1'],
  },
  httpListen: { text: 'off', value: undefined, wrong: ['', 'OFF', 'x:-1', 'a b:1', '[127.0.0.1]:1'] },
  allowedHosts: {
    text: 'Vultr.Example, 10.0.0.7,[::1]',
    value: ['vultr.example', '10.0.0.7', '[::1]'],
    wrong: ['*', 'a:1', 'a,', 'a b', 'http://a', '.a', '::1'],
  },
  corsOrigins: {
    text: 'https://a.example, http://localhost:3000,*',
    value: ['https://a.example', 'http://localhost:3000', '*'],
    wrong: ['a.example', 'https://a.example/', 'https://a.example:443', 'null', 'https://a,'],
  },
  logLevel: { text: 'debug', value: 'debug', wrong: ['loud', 'Info', '__proto__'] },
  logFormat: { text: 'text', value: 'text', wrong: ['xml'] },
  callTimeoutMs: {
    text: '1.5s',
    value: 1_500,
    wrong: ['5', '5 s', '-1s', '0s', '1d', '11m', 'NaNs', '1e3ms'],
  },
  watchShare: { text: '50%', value: 0.5, wrong: ['0%', '101%', '25'] },
  maxWatches: { text: '5', value: 5, wrong: ['0', '10001'] },
  watchIntervalMs: { text: '10ms', value: 10, wrong: ['9ms', '1h'] },
  watchTimeoutMs: { text: '24h', value: 86_400_000, wrong: ['25h', '1ms'] },
  shutdownGraceMs: { text: '0s', value: 0, wrong: ['11m'] },
  rate: { text: 'off', value: undefined, wrong: ['0', 'x', '-1'] },
  reserve: { text: '20%', value: 0.2, wrong: ['x', '-1%', '101%'] },
  burst: { text: '5', value: 5, wrong: ['0', '1.5', 'x'] },
  replicas: { text: '3', value: 3, wrong: ['0', '1.5', 'x'] },
  redisUrl: { text: 'redis://127.0.0.1:1', value: 'redis://127.0.0.1:1', wrong: ['http://x', 'x'] },
  stateDir: { text: 'memory', value: undefined, wrong: [] },
  isTagging: { text: 'off', value: false, wrong: ['maybe', 'true'] },
  createSettleMs: { text: '5m', value: 300_000, wrong: ['5', '2h', '1ms'] },
  cacheFreshMs: { text: 'off', value: undefined, wrong: ['5', '-1s'] },
  cacheKeepMs: { text: '48h', value: 172_800_000, wrong: ['5', 'off'] },
  sandboxSpeed: { text: '60', value: 60, wrong: ['0', '-1', 'fast', '10001'] },
  listen: { text: '[::1]:0', value: { host: '::1', port: 0 }, wrong: ['x', ':1'] },
  timeScale: { text: '0.5', value: 0.5, wrong: ['0', 'fast', '10001'] },
};

function faults(args: readonly string[], env: Environment, command = 'serve'): string[] {
  try {
    COMMANDS[command]?.read(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

test('every setting has values to try here', () => {
  expect(EVERY_SETTING.map(({ name }) => name).filter((name) => VALUES[name] === undefined)).toEqual([]);
});

describe.each(EVERY_SETTING)('$command: the setting $name', ({ command, name, setting }) => {
  const { env, flag, default: byDefault } = setting;
  const { text, value, wrong } = VALUES[name] ?? { text: '', value: '', wrong: [] };
  const read = (args: readonly string[], from: Environment): unknown =>
    new Map(Object.entries(COMMANDS[command]?.read(args, from) ?? {})).get(name);

  test('is read from the environment, where an empty value counts as absent', () => {
    expect(read([], { [env]: text })).toEqual(value);
    expect(read([], { [env]: '' })).toEqual(read([], {}));
    expect(read([], {})).toEqual(byDefault === undefined ? undefined : read([], { [env]: byDefault }));
  });

  test('stands in the usage text with its default', () => {
    const line = COMMANDS[command]
      ?.usage()
      .split('\n')
      .find((each) => each.split(/ +/).includes(env));
    expect(line).toContain(setting.help);
    if (flag !== undefined) expect(line).toContain(`--${flag} `);
    if (byDefault !== undefined) expect(line).toContain(`(default ${byDefault})`);
  });

  test('is refused by name when it is wrong', () => {
    for (const bad of wrong.filter((each) => each !== '')) {
      expect(faults([], { [env]: bad }, command), bad).toEqual([
        expect.stringMatching(new RegExp(`^${env} .*must be .+\\.$`)),
      ]);
    }
  });

  test('as a flag, if it has one, beats the environment', () => {
    if (flag === undefined) return;
    expect(read([`--${flag}`, text], { [env]: wrong.at(-1) })).toEqual(value);
    expect(read([`--${flag}=${text}`], {})).toEqual(value);
    expect(faults([`--${flag}`], {}, command)).toEqual([`--${flag} needs a value.`]);
    expect(faults([`--${flag}`, text, `--${flag}=${text}`], {}, command)).toEqual([
      `--${flag} is given more than once.`,
    ]);
    for (const bad of wrong) {
      expect(faults([`--${flag}=${bad}`], { [env]: text }, command), bad).toEqual([
        expect.stringMatching(new RegExp(`^--${flag} is .*must be .+\\.$`)),
      ]);
    }
  });
});

test('every mistake is reported at once, a line each', () => {
  const args = ['--burst', '--grpc', 'x', '--log-levle=info', 'stray', '--log-level=loud', '--nothing', 'y'];
  expect(faults(args, { VULTR_API_KEY: 'a b', CALL_TIMEOUT: '5' })).toEqual([
    '--burst needs a value.',
    'There is no flag --log-levle. Did you mean --log-level?',
    '"stray" is not a flag.',
    'There is no flag --nothing.',
    'VULTR_API_KEY must be up to 512 printable ASCII characters without spaces.',
    '--grpc is "x"; it must be host:port, for example 127.0.0.1:50051 or [::1]:0.',
    '--log-level is "loud"; it must be one of debug, info, warn, error, silent.',
    'CALL_TIMEOUT is "5"; it must be a duration with a unit (ms, s, m, h), from 100ms to 10m, for example 30s.',
  ]);
});

test('an error does not repeat a secret', () => {
  const found = faults([], {
    VULTR_API_KEY: 'SECRET KEY',
    REDIS_URL: 'http://user:SECRET@redis',
    VULTR_API_URL: 'https://user:SECRET@api.vultr.com',
  });
  expect(found).toHaveLength(3);
  expect(found.join()).not.toContain('SECRET');
  expect(faults(['--upstream', 'https://SECRET@x'], {}).join()).not.toContain('SECRET');
});

test('a secret has no flag, which would show it in the list of processes', () => {
  expect(faults(['--api-key', 'x', '--redis-url', 'y'], {})).toEqual([
    'There is no flag --api-key.',
    'There is no flag --redis-url.',
  ]);
});

test('secrets are taken out of the environment, and everything else stays', () => {
  const env = { VULTR_API_KEY: 'KEY', REDIS_URL: 'redis://:PASSWORD@h', LOG_LEVEL: 'info', PATH: '/bin' };
  const taken = takeEnvironment(env);
  expect(env).toEqual({ LOG_LEVEL: 'info', PATH: '/bin' });
  expect(readServeConfig([], taken)).toMatchObject({ apiKey: 'KEY', redisUrl: 'redis://:PASSWORD@h' });
});

test('a reserve that is too small for the rate is refused with one that is not', () => {
  const [fault = ''] = faults(['--rate', '30', '--reserve', '0%'], {});
  const [, least = ''] =
    /^--reserve or VULTR_RESERVE must be at least (\d+%) at a rate of 30 requests per second/.exec(fault) ??
    [];
  expect(faults(['--rate', '30', '--reserve', least], {})).toEqual([]);
  expect(faults(['--rate', 'off', '--reserve', '0%'], {})).toEqual([]);
});

test('the two commands take the speed of the sandbox from the same variable', () => {
  expect(readServeConfig([], { SANDBOX_SPEED: '7' }).sandboxSpeed).toBe(7);
  expect(readSandboxConfig([], { SANDBOX_SPEED: '7' }).timeScale).toBe(7);
});

test.each(['127.0.0.1:50051', '[::1]:0', 'localhost:65535'])(
  'the address %s is formatted as it is parsed',
  (text) => {
    expect(formatListen(parseListen(text))).toBe(text);
  },
);
