import { describe, expect, test } from 'vitest';
import { redisErrorText } from '../../src/base/redis-error.ts';

describe('the text of an error of Redis', () => {
  const url = 'redis://me:p%40ss-0123456789@127.0.0.1:6379';

  test.each([
    [new Error('connect ECONNREFUSED 127.0.0.1:6379'), 'connect ECONNREFUSED 127.0.0.1:6379'],
    [new Error('WRONGPASS invalid username-password pair'), 'WRONGPASS invalid username-password pair'],
    [new Error('ERR no\r\nsuch\u0000thing'), 'ERR no such thing'],
    [
      new Error("ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'x'\n'y'"),
      "ERR unknown command 'HELLO'",
    ],
    [new Error('ERR bad p@ss-0123456789'), 'Redis refused a command: ERR'],
    [new Error('said p%40ss-0123456789'), 'Redis refused a command: Error'],
    [Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new TypeError(''), 'TypeError'],
    ['p@ss-0123456789', 'Redis failed in an unknown way.'],
    [undefined, 'Redis failed in an unknown way.'],
  ])('%s is "%s"', (error, text) => {
    expect(redisErrorText(error, url)).toBe(text);
  });

  test('is bounded', () => {
    expect(redisErrorText(new Error('x'.repeat(5_000)), url)).toHaveLength(300);
  });

  test('holds no password that is a parameter, or that is not well encoded', () => {
    const error = new Error('ERR 100%secret');
    expect(redisErrorText(error, 'redis://:100%secret@h')).toBe('Redis refused a command: ERR');
    expect(redisErrorText(error, 'redis://h?password=100%25secret')).toBe('Redis refused a command: ERR');
  });
});
