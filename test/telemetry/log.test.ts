import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { type CallRecord, logCall } from '../../src/telemetry/call-log.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { collectLog } from '../support/collected-log.ts';

const KEY = 'KEY-THAT-MUST-NOT-LEAK-0123456789';

const RECORD: CallRecord = {
  method: 't.S/Get',
  transport: 'http',
  requestId: 'r',
  peer: '127.0.0.1:1',
  userAgent: undefined,
  credential: 'request',
  durationMs: 1.26,
  code: 'OK',
};

/** An error as libraries make them: with what they were called with. */
function libraryError(): Error {
  return Object.assign(new Error('NOAUTH HELLO failed'), {
    command: { name: 'HELLO', args: ['3', 'AUTH', 'default', KEY] },
    cause: new Error(KEY),
  });
}

describe('an error', () => {
  test.each([
    ['as a member', (log: ReturnType<typeof collectLog>['log']) => log.warn({ err: libraryError() }, 'x')],
    [
      'as any member',
      (log: ReturnType<typeof collectLog>['log']) => log.warn({ reason: libraryError() }, 'x'),
    ],
    [
      'deep in a member',
      (log: ReturnType<typeof collectLog>['log']) => log.warn({ a: [{ b: { c: libraryError() } }] }, 'x'),
    ],
    ['as the whole line', (log: ReturnType<typeof collectLog>['log']) => log.warn(libraryError())],
  ])('of a library %s is logged by its name and message only', (_name, write) => {
    const { log, text, lines } = logged(write);
    expect(log).toBe(1);
    expect(text).toContain('Error: NOAUTH HELLO failed');
    expect(text).not.toContain(KEY);
    expect(text).not.toContain('AUTH"');
    expect(lines[0]).not.toHaveProperty('stack');
  });

  test.each(['INTERNAL_ERROR', 'VULTR_UNAVAILABLE'] as const)(
    'of a call (%s) is logged without the key of its caller',
    (reason) => {
      const cause = new Error(
        `Unexpected token in "${KEY}", Authorization: Bearer other-key {"password": "other-key"}`,
      );
      const error = new CallError('INTERNAL', reason, `Vultr said ${KEY}`, { cause });
      const collected = collectLog();
      logCall(collected.log, { ...RECORD, code: 'INTERNAL', error, secret: KEY });
      const [line] = collected.lines();
      expect(line).toMatchObject({ error: 'Vultr said [redacted]', reason });
      expect(line?.['cause']).toContain('Unexpected token in "[redacted]"');
      expect(collected.text).not.toContain(KEY);
      expect(collected.text).not.toContain('other-key');
    },
  );
});

describe('a line', () => {
  test.each(['json', 'text'] as const)('of format %s never holds a secret of the service', (format) => {
    const secrets = [KEY, 'pass/"word"', 'short'];
    const chunks: string[] = [];
    const log = createLogger(
      { level: 'info', format, secrets },
      { write: (chunk) => void chunks.push(chunk) },
    );
    log.info({ a: `x${KEY}x`, b: [{ c: 'pass/"word"' }] }, `redis://:${encodeURIComponent('pass/"word"')}@h`);
    const text = chunks.join('');
    expect(text).not.toMatch(/KEY-THAT|pass|word/);
    expect(text.match(/\[redacted\]/g)).toHaveLength(3);
  });

  test('of a call that succeeded holds what is known of it and nothing more', () => {
    const collected = collectLog();
    logCall(collected.log, { ...RECORD, secret: KEY, userAgent: 'u'.repeat(300) });
    const [{ time, ...line } = {}] = collected.lines();
    expect(time).toMatch(/^\d{4}-/);
    expect(line).toEqual({
      level: 'info',
      msg: 'call',
      method: 't.S/Get',
      code: 'OK',
      ms: 1.3,
      transport: 'http',
      request_id: 'r',
      peer: '127.0.0.1:1',
      user_agent: 'u'.repeat(200),
      credential: 'request',
    });
  });
});

function logged(write: (log: ReturnType<typeof collectLog>['log']) => void) {
  const collected = collectLog();
  write(collected.log);
  const lines = collected.lines();
  return { log: lines.length, text: collected.text, lines };
}
