import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { commentOf } from '../support/v2/comments.ts';
import { countRules, declared, isRequired, registry, requestMessages } from '../support/v2/declared.ts';

describe('every rpc of vultr.v2', () => {
  test('has one HTTP rule with the path of Vultr itself, and returns a Struct', () => {
    expect(declared).toHaveLength(569);
    for (const { name, method, path } of declared) {
      expect(countRules(method), name).toBe(1);
      expect(path, name).toMatch(/^\/(?:v2|scim\/v2)\//);
      expect(method.output.typeName, name).toBe('google.protobuf.Struct');
      expect(method.methodKind, name).toBe('unary');
    }
  });

  test('has a request of its own', () => {
    expect(new Set(declared.map(({ input }) => input.typeName)).size).toBe(declared.length);
    for (const { method, input } of declared) expect(input.name).toBe(`${method.name}Request`);
  });

  test('is explained, with its messages and all of their fields', () => {
    const targets = requestMessages().flatMap((message) => [message, ...message.fields]);
    const unexplained = [...declared.map(({ method }) => method), ...targets]
      .filter((target) => commentOf(target).length < 5)
      .map(String);
    expect(unexplained).toEqual([]);
    expect(targets.length).toBeGreaterThan(1_500);
  });

  test('tells absent from zero: scalars are optional, but for those of the path, which are required', () => {
    const bound = new Set(
      declared.flatMap(({ input, pathFields }) => pathFields.map((name) => `${input.typeName}.${name}`)),
    );
    for (const message of requestMessages()) {
      for (const field of message.fields) {
        if (field.fieldKind !== 'scalar') continue;
        const isBound = bound.delete(`${message.typeName}.${field.name}`);
        expect(
          { optional: field.proto.proto3Optional, required: isBound || isRequired(field) },
          String(field),
        ).toEqual({
          optional: !isBound,
          required: isRequired(field),
        });
      }
    }
    expect([...bound]).toEqual([]);
  });

  test('takes what it does not model, in the request and in every object of it, where there is a body', () => {
    for (const { input, body } of declared) {
      const field = input.fields.find(({ name }) => name === 'additional_fields');
      expect(field?.message?.typeName, input.name).toBe(body === '*' ? 'google.protobuf.Struct' : undefined);
    }
    const requests = new Set(declared.map(({ input }) => input));
    const nested = requestMessages().filter((message) => !requests.has(message));
    expect(nested.length).toBeGreaterThanOrEqual(20);
    for (const message of nested) {
      const field = message.fields.find(({ name }) => name === 'additional_fields');
      expect(field?.message?.typeName, message.typeName).toBe('google.protobuf.Struct');
    }
  });
});

/** The known methods of API v1, each with the operations of v2 in its place. */
const V1_METHODS = readFileSync(new URL('../facts/v1-methods.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^(?:GET|POST) /.test(line))
  .map((line) => {
    const [, http = '', v1 = '', v2 = ''] = /^(\S+) (\S+): (.*)$/.exec(line) ?? [];
    return { http, v1, v2: v2 === '' ? [] : v2.split(', ') };
  });

describe('docs/v1-to-v2.md', () => {
  const rows = readFileSync(new URL('../../docs/v1-to-v2.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => /^\| (?:GET|POST) `/.test(line))
    .map((line) => line.split(' | '));

  test('has 42 methods, each with rpcs and paths that the contract has and that belong together', () => {
    expect(rows).toHaveLength(42);
    const routes = new Map(declared.map(({ name, httpMethod, path }) => [name, `${httpMethod} ${path}`]));
    for (const [title = '', rpcs = '', http = ''] of rows) {
      const names = [...rpcs.matchAll(/\[`([^`]+)`\]\(\.\.\/([^)]+)\)/g)];
      expect(names.length, title).toBeGreaterThan(0);
      for (const [, name = '', file = ''] of names) {
        const [service = '', rpc = ''] = name.split('/');
        const found = registry.getService(service);
        expect(
          found?.methods.map((method) => method.name),
          title,
        ).toContain(rpc);
        expect(`proto/${found?.file.name}.proto`).toBe(file);
      }
      const written = [...http.matchAll(/`([^`]+)`/g)].map(([, route = '']) => route);
      const expected = names.flatMap(([, name = '']) => routes.get(name) ?? []);
      expect(
        written.filter((route) => route.includes(' /v2/')),
        title,
      ).toEqual(expected);
    }
  });

  test('names no rpc elsewhere that the contract does not have', () => {
    const text = readFileSync(new URL('../../docs/v1-to-v2.md', import.meta.url), 'utf8');
    const known = new Set(
      [...registry].flatMap((type) =>
        type.kind === 'service' ? type.methods.map(({ name }) => `${type.name}/${name}`) : [],
      ),
    );
    const named = [...text.matchAll(/\b(\w+Service\/\w+)/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(42);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test('has the methods that are known, with the operations that took their places', () => {
    expect(V1_METHODS).toHaveLength(42);
    expect(rows.map(([title]) => title?.replace('| ', ''))).toEqual(
      V1_METHODS.map(({ v1, http }) => `${http} \`${v1}\``),
    );
    for (const [index, { v1, v2 }] of V1_METHODS.entries()) {
      for (const route of v2) expect(rows[index]?.[2], v1).toContain(`\`${route}\``);
    }
  });
});
