import { describe, expect, test } from 'vitest';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { startService } from '../support/service.ts';
import { connectWatch } from '../support/watch-client.ts';

const operation = 'vultr.v2.SshKeysService/ListSshKeys';

let answer: (query: URLSearchParams) => FakeAnswer;
const onFake = openForFile(async () => {
  const upstream = await startFakeUpstream(({ url }) => answer(new URL(url, 'http://x').searchParams));
  const { app } = await startService({ upstream: upstream.url });
  return { upstream, watcher: connectWatch(app.grpcAddress) };
});

/** Vultr with a list of keys that it hands out two at a time; a cursor is the id of the last one shown. */
function listing(
  ids: string[],
  onPage: (cursor: string) => void = () => undefined,
): ReturnType<typeof onFake> {
  onFake().upstream.received.length = 0;
  answer = (query) => {
    const cursor = query.get('cursor') ?? '';
    const at = cursor === '' ? 0 : ids.indexOf(cursor) + 1;
    if (cursor !== '' && at === 0) return [400, { error: 'Invalid cursor.', status: 400 }];
    const page = ids.slice(at, at + 2);
    const next = at + 2 < ids.length ? page.at(-1) : '';
    onPage(cursor);
    return [200, { ssh_keys: page.map((id) => ({ id, name: `key ${id}` })), meta: { links: { next } } }];
  };
  return onFake();
}

const idsOf = (messages: readonly object[]): unknown[] =>
  messages.map((message) => (message as { element: { id: string } }).element.id);

describe('a walk', () => {
  test('tells every element once and in order, page after page, with its number', async () => {
    const { watcher, upstream } = listing(['a', 'b', 'c', 'd', 'e']);
    const messages = await watcher.walk({ operation }).rest();
    expect(messages.map(({ index = '0' }) => index)).toEqual(['0', '1', '2', '3', '4']);
    expect(idsOf(messages)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(upstream.received.map(({ url }) => url)).toEqual([
      '/v2/ssh-keys?per_page=500',
      '/v2/ssh-keys?per_page=500&cursor=b',
      '/v2/ssh-keys?per_page=500&cursor=d',
    ]);
  });

  test('keeps to the request, and sends the wanted members', async () => {
    const { watcher, upstream } = listing(['a', 'b', 'c']);
    const request = { case: 'values', value: { per_page: 2 } };
    const messages = await watcher.walk({ operation, request, fields: ['name'] }).rest();
    expect(messages.map(({ element }) => element)).toEqual([
      { name: 'key a' },
      { name: 'key b' },
      { name: 'key c' },
    ]);
    expect(upstream.received.at(-1)?.url).toBe('/v2/ssh-keys?per_page=2&cursor=b');
  });

  test('of an empty list is empty', async () => {
    expect(await listing([]).watcher.walk({ operation }).rest()).toEqual([]);
  });

  test('starts again when Vultr no longer takes the cursor, and doubles nothing', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const { watcher } = listing(ids, (cursor) => {
      // After the second page its last element is deleted, to which the next cursor points.
      if (cursor === 'b' && ids.includes('d')) ids.splice(ids.indexOf('d'), 1);
    });
    expect(idsOf(await watcher.walk({ operation }).rest())).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('yields elements that are added meanwhile once', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    const { watcher } = listing(ids, (cursor) => {
      if (cursor === '' && !ids.includes('z')) ids.push('z');
    });
    expect(idsOf(await watcher.walk({ operation }).rest())).toEqual(['a', 'b', 'c', 'd', 'z']);
  });

  /** A list of two elements a page whose cursors are positions, and which says how many elements it has. */
  function listingByPosition(elements: object[], onPage: (at: number) => void = () => undefined) {
    onFake().upstream.received.length = 0;
    answer = (query) => {
      const at = Number(query.get('cursor') ?? 0);
      const shown = elements.slice(at, at + 2);
      const [total, next] = [elements.length, at + 2 < elements.length ? String(at + 2) : ''];
      onPage(at);
      return [200, { ssh_keys: shown, meta: { total, links: { next } } }];
    };
    return onFake();
  }

  test('loses nothing when an element is deleted between two pages, and the total tells', async () => {
    const elements = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));
    const { watcher, upstream } = listingByPosition(elements, (at) => {
      // After the first page its first element is deleted, so that "c" moves to that page.
      if (at === 0 && elements.length === 5) elements.shift();
    });
    expect(idsOf(await watcher.walk({ operation }).rest())).toEqual(['a', 'b', 'd', 'e', 'c']);
    expect(upstream.received).toHaveLength(4);
  });

  test('reads a list that changes all the time once more, and not for ever', async () => {
    const elements = Array.from({ length: 4 }, (_, index) => ({ id: `k${index}` }));
    const { watcher, upstream } = listingByPosition(elements, () => {
      if (elements.length === 4) elements.push({ id: 'k4' });
      else elements.pop();
    });
    const ids = idsOf(await watcher.walk({ operation }).rest());
    expect(new Set(ids).size).toBe(ids.length);
    // Two or three pages, twice.
    expect(upstream.received.length).toBeLessThanOrEqual(6);
  });

  test('tells equal elements without ids as often as they are in the list', async () => {
    const items = ['fee', 'fee', 'fee', 'disk', 'fee'].map((description) => ({ description }));
    const descriptionsOf = (messages: readonly object[]): unknown[] =>
      messages.map((message) => (message as { element: { description: string } }).element.description);
    const told = await listingByPosition(items).watcher.walk({ operation }).rest();
    expect(descriptionsOf(told)).toEqual(['fee', 'fee', 'fee', 'disk', 'fee']);
    // And no more often when the list is read again, whose cursor Vultr no longer takes.
    let isStale = true;
    answer = (query) => {
      const at = Number(query.get('cursor') ?? 0);
      if (at === 4 && isStale) {
        isStale = false;
        return [400, { error: 'Invalid cursor.', status: 400 }];
      }
      const next = at + 2 < items.length ? String(at + 2) : '';
      return [200, { ssh_keys: items.slice(at, at + 2), meta: { links: { next } } }];
    };
    const restarted = await onFake().watcher.walk({ operation }).rest();
    expect(isStale).toBe(false);
    expect(descriptionsOf(restarted)).toEqual(['fee', 'fee', 'fee', 'disk', 'fee']);
  });

  test('gives up on a list whose cursors never hold', async () => {
    answer = (query) =>
      query.has('cursor')
        ? [400, { error: 'Invalid cursor.', status: 400 }]
        : [200, { ssh_keys: [{ id: 'a' }], meta: { links: { next: 'x' } } }];
    const stream = onFake().watcher.walk({ operation });
    await stream.next();
    expect((await failureOf(stream.rest())).code).toBe('INVALID_ARGUMENT');
  });

  test('reads the next page only when the one before was taken', async () => {
    const pages = Array.from({ length: 400 }, (_, index) => `k${index}`);
    onFake().upstream.received.length = 0;
    const filler = 'x'.repeat(100_000);
    answer = (query) => {
      const at = Number(query.get('cursor') ?? 0);
      const next = at + 1 < pages.length ? String(at + 1) : '';
      return [200, { ssh_keys: [{ id: pages[at], filler }], meta: { links: { next } } }];
    };
    const { watcher, upstream } = onFake();
    const stream = watcher.walk({ operation });
    await stream.next();
    stream.pause();
    let before = -1;
    // As many pages as fit between the two are read, and then no more.
    while (upstream.received.length !== before) {
      before = upstream.received.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(before).toBeLessThan(300);
    stream.cancel();
  });

  test('follows the paging of SCIM', async () => {
    onFake().upstream.received.length = 0;
    answer = (query) => {
      const startIndex = Number(query.get('startIndex') ?? 1);
      const Resources = [startIndex, startIndex + 1]
        .filter((id) => id <= 5)
        .map((id) => ({ id: String(id) }));
      return [
        200,
        {
          schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
          totalResults: 5,
          startIndex,
          itemsPerPage: Resources.length,
          Resources,
        },
      ];
    };
    const messages = await onFake().watcher.walk({ operation: 'vultr.v2.ScimService/ListScimUsers' }).rest();
    expect(idsOf(messages)).toEqual(['1', '2', '3', '4', '5']);
  });

  test.each<[string, object, RegExp]>([
    ['what changes', { operation: 'vultr.v2.SshKeysService/CreateSshKey' }, /reads/],
    ['what is no list', { operation: 'vultr.v2.AccountService/GetAccount' }, /not a list/],
  ])('of %s is refused', async (_what, request, description) => {
    answer = () => [200, { account: {} }];
    const failure = await failureOf(onFake().watcher.walk(request).next());
    expect(failure.code).toBe('INVALID_ARGUMENT');
    expect(failure.violations['operation']).toMatch(description);
  });
});
