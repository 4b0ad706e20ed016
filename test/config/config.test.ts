import { describe, expect, test } from 'vitest';
import { serveUsage } from '../../src/cli/usage.ts';
import { formatListen, parseListen } from '../../src/config/parsers.ts';
import { ConfigError, readServeConfig } from '../../src/config/read.ts';
import { readSandboxConfig } from '../../src/config/sandbox.ts';
import { SETTINGS } from '../../src/config/settings.ts';

interface Setting {
  readonly env: string;
  readonly flag?: string;
  readonly default: string | undefined;
}
const settings: Readonly<Record<string, Setting>> = SETTINGS;

/** For each setting a text and what it means, and a text that is wrong. */
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
};

function faults(args: readonly string[], env: NodeJS.ProcessEnv): string[] {
  try {
    readServeConfig(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

test('every setting has values to try here', () => {
  expect(Object.keys(settings).filter((name) => VALUES[name] === undefined)).toEqual([]);
});

describe.each(Object.entries(settings))('the setting %s', (name, { env, flag, default: byDefault }) => {
  const { text, value, wrong } = VALUES[name] ?? { text: '', value: '', wrong: [] };
  const read = (args: readonly string[], from: NodeJS.ProcessEnv): unknown =>
    readServeConfig(args, from)[name as keyof typeof SETTINGS];

  test('is read from the environment, where empty is not given', () => {
    expect(read([], { [env]: text })).toEqual(value);
    expect(read([], { [env]: '' })).toEqual(read([], {}));
    expect(read([], {})).toEqual(byDefault === undefined ? undefined : read([], { [env]: byDefault }));
  });

  test('is told in the help', () => {
    expect(serveUsage()).toContain(env);
    if (flag !== undefined) expect(serveUsage()).toContain(`--${flag}`);
  });

  test('is refused by name when it is wrong', () => {
    for (const bad of wrong.filter((each) => each !== '')) {
      expect(faults([], { [env]: bad }), bad).toEqual([
        expect.stringMatching(new RegExp(`^${env} .*has to be .`)),
      ]);
    }
  });

  test('as a flag, if it has one, beats the environment', () => {
    if (flag === undefined) return;
    expect(read([`--${flag}`, text], { [env]: wrong.at(-1) })).toEqual(value);
    expect(read([`--${flag}=${text}`], {})).toEqual(value);
    expect(faults([`--${flag}`], {})).toEqual([`--${flag} needs a value`]);
    for (const bad of wrong) {
      expect(faults([`--${flag}=${bad}`], { [env]: text }), bad).toEqual([
        expect.stringMatching(new RegExp(`^--${flag} is .*has to be .`)),
      ]);
    }
  });
});

test('all that is wrong is told at once', () => {
  const found = faults(['--grpc', 'x', '--nothing', 'stray', '--log-level=loud', '--burst'], {
    VULTR_API_KEY: 'a b',
    CALL_TIMEOUT: '5',
  });
  for (const what of [
    '--grpc',
    '--nothing',
    'stray',
    '--log-level',
    '--burst',
    'VULTR_API_KEY',
    'CALL_TIMEOUT',
  ]) {
    expect(
      found.filter((line) => line.includes(what)),
      what,
    ).toHaveLength(1);
  }
  expect(found).toHaveLength(7);
});

test('a secret is not repeated', () => {
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
  expect(faults(['--api-key', 'x'], {})).toEqual(
    expect.arrayContaining([expect.stringContaining('--api-key')]),
  );
});

test.each(['127.0.0.1:50051', '[::1]:0', 'localhost:65535'])(
  'the address %s is written as it is read',
  (text) => {
    expect(formatListen(parseListen(text))).toBe(text);
  },
);

describe('the settings of the sandbox', () => {
  test('have defaults', () => {
    expect(readSandboxConfig([])).toEqual({ listen: '127.0.0.1:8080', timeScale: 1 });
    expect(readSandboxConfig(['--listen=[::1]:0', '--speed=0.5'])).toEqual({
      listen: '[::1]:0',
      timeScale: 0.5,
    });
  });

  test('are refused by name, all at once', () => {
    const read = () => readSandboxConfig(['--listen', 'x', '--speed', 'fast']);
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/--listen is "x".*\n--speed is "fast"/);
    expect(() => readSandboxConfig(['--nothing'])).toThrow(/--nothing/);
  });
});
