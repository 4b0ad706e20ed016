import { beforeAll, describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { HttpRuleError } from '../../src/transcoding/binding.ts';
import { createRouter, type Route, type Router } from '../../src/transcoding/router.ts';
import cases from '../cases/routing.json' with { type: 'json' };
import { compileRegistry, routesOf } from '../support/compile-routes.ts';

interface Rule {
  readonly rpc: string;
  readonly method: string;
  readonly path: string;
}

async function compileRoutes(rules: readonly Rule[]): Promise<Route<string>[]> {
  const rpcs = rules.map(
    ({ rpc, method, path }) =>
      `rpc ${rpc}(Req) returns (Req) { option (google.api.http) = { custom { kind: "${method}" path: "${path}" } }; }`,
  );
  const registry = await compileRegistry(`
    syntax = "proto3";
    package t;
    import "google/api/annotations.proto";
    message Req { string id = 1; string a = 2; string name = 3; }
    service S { ${rpcs.join('\n')} }
  `);
  return routesOf(registry);
}

let router: Router<string>;

beforeAll(async () => {
  router = createRouter(await compileRoutes(cases.routes));
});

describe('the router', () => {
  test.each(cases.requests)('$method $path', ({ method, path, rpc, values, allow, malformed }) => {
    if (malformed === true) {
      expect(() => router.match(method, path)).toThrow(CallError);
      return;
    }
    const match = router.match(method, path);
    const found =
      match.kind === 'match'
        ? { rpc: match.target, values: match.values }
        : match.kind === 'other_methods'
          ? { allow: match.allow }
          : {};
    expect(found).toEqual(rpc === undefined ? (allow === undefined ? {} : { allow }) : { rpc, values });
  });

  test('two rpcs with one route are refused, both by name', async () => {
    const routes = await compileRoutes([
      { rpc: 'First', method: 'GET', path: '/a/{id}/b' },
      { rpc: 'Second', method: 'GET', path: '/a/{name=*}/b' },
    ]);
    expect(() => createRouter(routes)).toThrow(HttpRuleError);
    expect(() => createRouter(routes)).toThrow(/t\.S\/Second and t\.S\/First.*GET \/a\/\{id\}\/b/);
  });

  test('the same path with another method or verb is another route', async () => {
    const routes = await compileRoutes([
      { rpc: 'First', method: 'GET', path: '/a/{id}' },
      { rpc: 'Second', method: 'PUT', path: '/a/{name}' },
      { rpc: 'Third', method: 'GET', path: '/a/{a}:go' },
      { rpc: 'Fourth', method: 'GET', path: '/a/**' },
    ]);
    expect(() => createRouter(routes)).not.toThrow();
  });

  test('a path of thousands of segments and colons is matched quickly', () => {
    expect(router.match('GET', '/v4'.repeat(5_000))).toMatchObject({ kind: 'match' });
    expect(router.match('GET', `/${':'.repeat(10_000)}`)).toEqual({ kind: 'unknown' });
  });
});
