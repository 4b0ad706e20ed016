import { beforeAll, describe, expect, test } from 'vitest';
import { stringifyJson } from '../../src/payload/json.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { HttpBinding } from '../../src/transcoding/binding.ts';
import { encodeHttpRequest } from '../../src/transcoding/encode-http.ts';
import type { Message } from '../../src/transcoding/message.ts';
import type { Route } from '../../src/transcoding/router.ts';
import { compileAllTypes, readCases, revive } from '../support/all-types.ts';
import { routesOf } from '../support/compile-routes.ts';

interface Case {
  readonly rpc: string;
  readonly binding?: number;
  readonly message: unknown;
  readonly violations?: string[];
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly body?: string;
}

const cases = readCases<Case[]>('http-encode');

let routes: readonly Route<string>[];

beforeAll(async () => {
  routes = routesOf(await compileAllTypes());
});

function bindingOf(rpc: string, index = 0): HttpBinding {
  const binding = routes.filter(({ target }) => target === rpc)[index]?.binding;
  if (binding === undefined) throw new Error(`the test has no binding ${rpc} ${index}`);
  return binding;
}

describe('an HTTP request from a message', () => {
  test.each(cases)('$rpc $message', ({ rpc, binding, message, violations, method, path, query, body }) => {
    const encode = () => encodeHttpRequest(bindingOf(rpc, binding), revive(message) as Message);
    if (violations === undefined) {
      const request = encode();
      const text = request.body === undefined ? undefined : stringifyJson(request.body);
      expect({ ...request, body: text }).toEqual({ method, path, query, body });
      return;
    }
    let thrown: unknown;
    try {
      encode();
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof CallError)) throw new Error('it was encoded', { cause: thrown });
    expect(thrown.code).toBe('INVALID_ARGUMENT');
    expect(thrown.violations.map(({ field }) => field)).toEqual(violations);
  });
});
