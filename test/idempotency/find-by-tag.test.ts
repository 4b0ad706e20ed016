import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { findByTag, readListPath, type Search } from '../../src/idempotency/find-by-tag.ts';
import { createMessage } from '../../src/transcoding/message.ts';
import type { UpstreamRequest, Vultr } from '../../src/vultr/vultr.ts';

const { operations } = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

function operation(name: string) {
  const found = operations.get(`vultr.v2.${name}`);
  if (found === undefined) throw new Error(`${name} is not in the contract.`);
  return found;
}

/** A Vultr that responds as told, one after the other, and what it was asked. */
function responding(...responses: readonly unknown[]) {
  const asked: UpstreamRequest[] = [];
  const vultr: Vultr = {
    call: async (_operation, request) => {
      asked.push(request);
      const response = responses[asked.length - 1];
      const text = typeof response === 'string' ? response : JSON.stringify(response);
      return { status: 200, contentType: 'application/json', body: Buffer.from(text), attempts: 1 };
    },
  };
  return { vultr, asked };
}

const OPTIONS = {
  credential: 'KEY',
  signal: new AbortController().signal,
  deadline: Number.MAX_SAFE_INTEGER,
};
const OTHER = { id: 'other', tags: ['mine'] };
const MADE = { id: 'made', tags: ['mine', 'T'] };

function search(given: Partial<Search> = {}): Search {
  const { create } = operation('InstancesService/CreateInstance');
  const [field] = create?.tagFields ?? [];
  if (create?.list === undefined || field === undefined) throw new Error('An instance carries a tag.');
  return {
    list: create.list,
    idPaths: create.idPaths,
    pathFields: createMessage(),
    field,
    tag: 'T',
    isThorough: false,
    ...given,
  };
}

async function find(vultr: Vultr, given: Partial<Search> = {}): Promise<unknown> {
  const response = await findByTag(vultr, search(given), OPTIONS);
  return response === undefined ? undefined : JSON.parse(String(Buffer.from(response.body)));
}

test('a filtered list is one call, and the resource comes in the form of its creation', async () => {
  const { vultr, asked } = responding({ instances: [OTHER, MADE], meta: { total: 2 } });
  expect(await find(vultr)).toEqual({ instance: MADE });
  expect(asked).toMatchObject([{ method: 'GET', path: '/v2/instances' }]);
  expect(new URLSearchParams(asked[0]?.query).get('tag')).toBe('T');
  expect(new URLSearchParams(asked[0]?.query).get('per_page')).toBe('500');
});

test('a thorough search trusts no filter and reads every page', async () => {
  const { vultr, asked } = responding(
    { instances: [OTHER], meta: { links: { next: 'second' } } },
    { instances: [OTHER], meta: { links: { next: 'third' } } },
    { instances: [OTHER], meta: { links: { next: '' } } },
  );
  expect(await find(vultr, { isThorough: true })).toBeUndefined();
  const queries = asked.map(({ query }) => new URLSearchParams(query));
  expect(queries.map((query) => query.get('cursor'))).toEqual([null, 'second', 'third']);
  expect(queries.every((query) => query.get('tag') === null)).toBe(true);
});

test('a resource that passes the filter without the tag is not the one that was created', async () => {
  const { vultr } = responding({ instances: [OTHER], meta: {} });
  expect(await find(vultr)).toBeUndefined();
});

describe('a list that cannot be read to its end proves nothing', () => {
  test.each([
    ['is empty', ['']],
    ['is not JSON', ['<html>']],
    ['is another object', [{ account: {} }]],
    ['has null for a list', [{ instances: null, meta: {} }]],
    [
      'comes back to the same page',
      [
        { instances: [], meta: { links: { next: 'same' } } },
        { instances: [], meta: { links: { next: 'same' } } },
      ],
    ],
    [
      'has no end',
      Array.from({ length: 300 }, (_, page) => ({ instances: [], meta: { links: { next: `${page}` } } })),
    ],
  ])('when it %s', async (_what, responses) => {
    const { vultr } = responding(...responses);
    await expect(find(vultr)).rejects.toMatchObject({ reason: 'BAD_UPSTREAM_RESPONSE' });
  });

  test('when its next page cannot be asked for', async () => {
    const list = operation('DatabasesService/ListDatabases');
    expect(list.input.fields.some(({ name }) => name === 'cursor')).toBe(false);
    const { vultr } = responding({ databases: [], meta: { links: { next: 'second' } } });
    await expect(find(vultr, { list })).rejects.toMatchObject({ reason: 'BAD_UPSTREAM_RESPONSE' });
  });
});

test("the list is found below the resource in the creation's path", () => {
  const create = operation('KubernetesService/CreateNodepools');
  const list = create.create?.list;
  if (list === undefined) throw new Error('A node pool has a list.');
  const request = {
    method: 'POST',
    path: '/v2/kubernetes/clusters/a%20b/node-pools',
    query: '',
    body: undefined,
  };
  const fields = readListPath(create, request, list);
  expect(Object.values(fields)).toEqual(['a b']);
  // Compiled once: the second time is the same.
  expect(readListPath(create, request, list)).toEqual(fields);
});
