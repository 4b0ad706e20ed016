import { resolve } from 'node:path';
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

/** What a setting is tried with. */
interface Tried {
  readonly text: string;
  readonly value: unknown;
  readonly wrong: readonly string[];
  /** What it needs beside it. */
  readonly beside?: Environment;
}

/** A setting that names a file. */
const path = (beside: Environment = {}): Tried => ({
  text: 'some/file',
  value: resolve('some/file'),
  wrong: ['', 'a\0b'],
  beside,
});

/** For each setting a text and what it means, and texts that are wrong. */
const VALUES: Readonly<Record<string, Tried>> = {
  callersFile: path(),
  isAnonymousAllowed: { text: 'on', value: true, wrong: ['yes', 'ON'] },
  isPlaintextAllowed: { text: 'on', value: true, wrong: ['true', '1'] },
  tlsCert: path({ TLS_KEY: 'key' }),
  tlsKey: path({ TLS_CERT: 'cert' }),
  tlsClientCa: path({ TLS_CERT: 'cert', TLS_KEY: 'key' }),
  tlsCrl: path({ TLS_CERT: 'cert', TLS_KEY: 'key', TLS_CLIENT_CA: 'ca' }),
  tlsClientAuth: { text: 'optional', value: 'optional', wrong: ['off', 'Required'] },
  upstreamCa: path(),
  upstreamCert: path({ UPSTREAM_KEY: 'key' }),
  upstreamKey: path({ UPSTREAM_CERT: 'cert' }),
  auditFile: path({ CALLERS_FILE: 'callers.yaml' }),
  isAuditSynced: { text: 'on', value: true, wrong: ['always'] },
  auditFailure: { text: 'continue', value: 'continue', wrong: ['ignore'] },
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
  drainDelayMs: { text: 'auto', value: undefined, wrong: ['off', '5', '11m'] },
  shutdownGraceMs: { text: '0s', value: 0, wrong: ['11m'] },
  maxConnectionAgeMs: { text: 'off', value: undefined, wrong: ['0s', '200h'] },
  maxConnectionAgeGraceMs: { text: '5m', value: 300_000, wrong: ['off', '200h'] },
  grpcIdleTimeoutMs: { text: '2m', value: 120_000, wrong: ['0s', 'off'] },
  httpIdleTimeoutMs: { text: '2m', value: 120_000, wrong: ['0s', 'off'] },
  keepaliveTimeMs: { text: '10s', value: 10_000, wrong: ['0s', 'off'] },
  keepaliveTimeoutMs: { text: '5s', value: 5_000, wrong: ['1ms'] },
  keepaliveMinTimeMs: { text: '0s', value: 0, wrong: ['-1s'] },
  shedDelayMs: { text: 'off', value: undefined, wrong: ['0ms', '11s', 'on'] },
  shedCalls: { text: '100', value: 100, wrong: ['0', '10001'] },
  rate: { text: 'off', value: undefined, wrong: ['0', 'x', '-1'] },
  reserve: { text: '20%', value: 0.2, wrong: ['x', '-1%', '101%'] },
  burst: { text: '5', value: 5, wrong: ['0', '1.5', 'x'] },
  replicas: { text: '3', value: 3, wrong: ['0', '1.5', 'x'] },
  redisUrl: { text: 'redis://127.0.0.1:1', value: 'redis://127.0.0.1:1', wrong: ['http://x', 'x', 'redis:'] },
  redisPrefix: { text: 'team-a:', value: 'team-a:', wrong: ['a b', 'ä', 'x'.repeat(101)] },
  redisSentinels: {
    text: 'a:26379, [::1]:1',
    value: [
      { host: 'a', port: 26_379 },
      { host: '::1', port: 1 },
    ],
    wrong: ['a', 'a:1,', 'redis://a:1'],
    beside: { REDIS_URL: 'redis://mymaster' },
  },
  redisSentinelPassword: {
    text: 'p w',
    value: 'p w',
    wrong: ['a\nb'],
    beside: { REDIS_URL: 'redis://mymaster', REDIS_SENTINELS: 'a:1' },
  },
  redisCa: path({ REDIS_URL: 'rediss://h' }),
  redisCert: path({ REDIS_URL: 'rediss://h', REDIS_KEY: 'key' }),
  redisKey: path({ REDIS_URL: 'rediss://h', REDIS_CERT: 'cert' }),
  redisReplicas: { text: '1', value: 1, wrong: ['-1', '101', 'x'], beside: { REDIS_URL: 'redis://h' } },
  stateDir: { text: 'memory', value: undefined, wrong: [] },
  isTraceSent: { text: 'on', value: true, wrong: ['1', 'yes'] },
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
  const { text, value, wrong, beside = {} } = VALUES[name] ?? { text: '', value: '', wrong: [] };
  const read = (args: readonly string[], from: Environment): unknown =>
    new Map(Object.entries(COMMANDS[command]?.read(args, from) ?? {})).get(name);

  test('is read from the environment, where an empty value counts as absent', () => {
    expect(read([], { [env]: text, ...beside })).toEqual(value);
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
    expect(read([`--${flag}`, text], { [env]: wrong.at(-1), ...beside })).toEqual(value);
    expect(read([`--${flag}=${text}`], beside)).toEqual(value);
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

test('settings of Redis that need others are refused without them', () => {
  expect(
    faults(['--redis-ca=ca', '--redis-cert=c', '--redis-replicas=1', '--redis-sentinels=a:1'], {}),
  ).toEqual([
    'REDIS_SENTINELS is set and needs REDIS_URL, which is not.',
    'REDIS_CA is set and needs REDIS_URL, which is not.',
    'REDIS_CERT is set and needs REDIS_URL, which is not.',
    'REDIS_REPLICAS is set and needs REDIS_URL, which is not.',
    'REDIS_CERT is set and needs REDIS_KEY, which is not.',
  ]);
  const env = { REDIS_URL: 'redis://h', REDIS_SENTINEL_PASSWORD: 'SECRET' };
  expect(faults(['--redis-ca=ca', '--redis-key=k'], env)).toEqual([
    'REDIS_CA is set and needs a rediss:// URL in REDIS_URL.',
    'REDIS_KEY is set and needs REDIS_CERT, which is not.',
    'REDIS_SENTINEL_PASSWORD is set and needs REDIS_SENTINELS, which is not.',
  ]);
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

describe('an address that others can reach', () => {
  const TLS = { TLS_CERT: 'cert', TLS_KEY: 'key' };
  const CALLERS = { CALLERS_FILE: 'callers.yaml' };
  const NO_CALLERS =
    'and nothing says who may call. Set CALLERS_FILE, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=on to serve everybody.';
  const NO_TLS =
    'and calls would cross the network in plain text. Set TLS_CERT and TLS_KEY, listen on 127.0.0.1, or set PLAINTEXT=on where something else does the TLS, such as the sidecar of a mesh.';

  test.each([
    [['--grpc', '0.0.0.0:1'], '0.0.0.0:1'],
    [['--http', '0.0.0.0:2'], '0.0.0.0:2'],
    [['--grpc', '[::]:3', '--http', 'off'], '[::]:3'],
    [['--http', 'service.example:4'], 'service.example:4'],
    [['--http', '10.0.0.7:5'], '10.0.0.7:5'],
  ])('%j wants callers and TLS', (args, address) => {
    const reached = `Others can reach ${address}, `;
    expect(faults(args, {})).toEqual([reached + NO_CALLERS, reached + NO_TLS]);
    expect(faults(args, CALLERS)).toEqual([reached + NO_TLS]);
    expect(faults(args, TLS)).toEqual([reached + NO_CALLERS]);
    expect(faults(args, { ...TLS, ...CALLERS })).toEqual([]);
    expect(faults(args, { ALLOW_ANONYMOUS: 'on', PLAINTEXT: 'on' })).toEqual([]);
    expect(faults(args, { ALLOW_ANONYMOUS: 'on' })).toEqual([reached + NO_TLS]);
    expect(faults(args, { PLAINTEXT: 'on' })).toEqual([reached + NO_CALLERS]);
  });

  test.each([['127.0.0.1:1'], ['127.8.9.1:1'], ['[::1]:1'], ['localhost:1']])('is not %s', (address) => {
    expect(faults(['--grpc', address, '--http', address], {})).toEqual([]);
  });
});

test.each([
  ['TLS_CERT', {}, 'TLS_KEY'],
  ['TLS_KEY', {}, 'TLS_CERT'],
  ['TLS_CLIENT_CA', {}, 'TLS_CERT'],
  ['TLS_CRL', { TLS_CERT: 'a', TLS_KEY: 'b' }, 'TLS_CLIENT_CA'],
  ['UPSTREAM_CERT', {}, 'UPSTREAM_KEY'],
  ['UPSTREAM_KEY', {}, 'UPSTREAM_CERT'],
  ['AUDIT_FILE', {}, 'CALLERS_FILE'],
])('%s alone is refused', (name, beside, needed) => {
  expect(faults([], { [name]: 'file', ...beside })).toEqual([
    `${name} is set and needs ${needed}, which is not.`,
  ]);
});
