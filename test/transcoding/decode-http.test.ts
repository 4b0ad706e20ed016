import { beforeAll, describe, expect, test } from 'vitest';
import { parseTarget } from '../../src/http/destination.ts';
import { CallError } from '../../src/status/call-error.ts';
import { CODES } from '../../src/status/code.ts';
import { decodeHttpRequest } from '../../src/transcoding/decode-http.ts';
import { createRouter, type Router } from '../../src/transcoding/router.ts';
import { compileAllTypes, plain, readCases, revive } from '../support/all-types.ts';
import { routesOf } from '../support/compile-routes.ts';

interface Case {
  readonly method: string;
  readonly target: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly rpc?: string;
  readonly message?: unknown;
  readonly error?: { status: number; reason: string; message?: string; fields?: string[] };
}

const cases = readCases<Case[]>('binding');

let router: Router<string>;

beforeAll(async () => {
  router = createRouter(routesOf(await compileAllTypes()));
});

function decode(method: string, target: string, contentType: string | undefined, body: Uint8Array) {
  const { path, query } = parseTarget(target);
  const match = router.match(method, path);
  if (match.kind !== 'match') throw new Error(`${method} ${path} leads nowhere`);
  const { binding, target: rpc, values } = match;
  return {
    rpc,
    message: decodeHttpRequest(binding, { values, query, contentType, body }),
  };
}

describe('a request message from an HTTP request', () => {
  test.each(cases)(
    '$method $target $contentType $body',
    ({ method, target, contentType, body, error, rpc, message }) => {
      const run = () => decode(method, target, contentType, Buffer.from(body ?? ''));
      if (error === undefined) {
        const found = run();
        expect({ rpc: found.rpc, message: plain(found.message) }).toEqual({
          rpc,
          message: plain(revive(message)),
        });
        return;
      }
      let thrown: unknown;
      try {
        run();
      } catch (caught) {
        thrown = caught;
      }
      if (!(thrown instanceof CallError)) throw new Error('it was accepted', { cause: thrown });
      expect(thrown.httpStatus ?? CODES[thrown.code].http).toBe(error.status);
      expect(thrown.reason).toBe(error.reason);
      if (error.message !== undefined) expect(thrown.message).toContain(error.message);
      if (error.fields !== undefined)
        expect(thrown.violations.map(({ field }) => field)).toEqual(error.fields);
    },
  );

  test('a body that is not UTF-8 is refused', () => {
    const body = Buffer.from([0x7b, 0x22, 0x73, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]);
    expect(() => decode('POST', '/body', 'application/json', body)).toThrow('The body is not valid UTF-8.');
  });
});
