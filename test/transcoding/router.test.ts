import { beforeAll, describe, expect, test } from 'vitest';
import { ContractError } from '../../src/contract/contract-error.ts';
import type { Operation } from '../../src/contract/operation.ts';
import { createRouter, type Router } from '../../src/transcoding/router.ts';
import { CallError } from '../../src/status/call-error.ts';
import cases from '../cases/routing.json' with { type: 'json' };
import { compileContract } from '../support/http-server.ts';

interface Route {
  readonly rpc: string;
  readonly method: string;
  readonly path: string;
}

async function compileRoutes(routes: readonly Route[]): Promise<Operation[]> {
  const rpcs = routes.map(
    ({ rpc, method, path }) =>
      `rpc ${rpc}(Req) returns (Req) { option (google.api.http) = { custom { kind: "${method}" path: "${path}" } }; }`,
  );
  const contract = await compileContract(`
    syntax = "proto3";
    package t;
    import "google/api/annotations.proto";
    message Req { string id = 1; string a = 2; string name = 3; }
    service S { ${rpcs.join('\n')} }
  `);
  return [...contract.operations.values()];
}

let router: Router;

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
        ? { rpc: match.binding.operation.rpc, values: match.values }
        : match.kind === 'other_methods'
          ? { allow: match.allow }
          : {};
    expect(found).toEqual(rpc === undefined ? (allow === undefined ? {} : { allow }) : { rpc, values });
  });

  test('two rpcs with one route are refused, both by name', async () => {
    const operations = await compileRoutes([
      { rpc: 'First', method: 'GET', path: '/a/{id}/b' },
      { rpc: 'Second', method: 'GET', path: '/a/{name=*}/b' },
    ]);
    expect(() => createRouter(operations)).toThrow(ContractError);
    expect(() => createRouter(operations)).toThrow(/t\.S\/Second and t\.S\/First.*GET \/a\/\{id\}\/b/);
  });

  test('the same path with another method or verb is another route', async () => {
    const operations = await compileRoutes([
      { rpc: 'First', method: 'GET', path: '/a/{id}' },
      { rpc: 'Second', method: 'PUT', path: '/a/{name}' },
      { rpc: 'Third', method: 'GET', path: '/a/{a}:go' },
      { rpc: 'Fourth', method: 'GET', path: '/a/**' },
    ]);
    expect(() => createRouter(operations)).not.toThrow();
  });

  test('a path of thousands of segments and colons is no burden', () => {
    expect(router.match('GET', '/v4'.repeat(5_000))).toMatchObject({ kind: 'match' });
    expect(router.match('GET', `/${':'.repeat(10_000)}`)).toEqual({ kind: 'unknown' });
  });
});
