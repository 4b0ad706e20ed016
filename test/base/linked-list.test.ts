import { expect, test } from 'vitest';
import { Link, LinkedList } from '../../src/base/linked-list.ts';

function listOf(...items: string[]) {
  const list = new LinkedList<string>();
  const links = items.map((item) => new Link(item));
  for (const link of links) list.append(link);
  return { list, links };
}

test('a list has its items in the order in which they were put in', () => {
  const { list } = listOf('a', 'b', 'c');
  expect([...list]).toEqual(['a', 'b', 'c']);
  expect(list.first).toBe('a');
  expect(list.size).toBe(3);
});

test('an empty list has no first item', () => {
  const { list } = listOf();
  expect([...list]).toEqual([]);
  expect(list.first).toBeUndefined();
  expect(list.size).toBe(0);
});

test.each([
  [0, ['b', 'c']],
  [1, ['a', 'c']],
  [2, ['a', 'b']],
])('the item at %i can be taken out, once', (index, rest) => {
  const { list, links } = listOf('a', 'b', 'c');
  const link = links[index] as Link<string>;
  expect(list.delete(link)).toBe(true);
  expect([...list]).toEqual(rest);
  expect(list.first).toBe(rest[0]);
  expect(list.delete(link)).toBe(false);
  expect(list.size).toBe(2);
});

test('an item that is put in again goes to the end', () => {
  const { list, links } = listOf('a', 'b', 'c');
  list.append(links[0] as Link<string>);
  expect([...list]).toEqual(['b', 'c', 'a']);
  list.append(links[0] as Link<string>);
  expect([...list]).toEqual(['b', 'c', 'a']);
  expect(list.size).toBe(3);
});

test('an item moves from one list to another', () => {
  const { list: one, links } = listOf('a', 'b');
  const { list: other } = listOf('c');
  other.append(links[0] as Link<string>);
  expect([...one]).toEqual(['b']);
  expect([...other]).toEqual(['c', 'a']);
  expect(one.delete(links[0] as Link<string>)).toBe(false);
  expect(other.size).toBe(2);
});

test('items can be taken out while the list is walked', () => {
  const { list, links } = listOf('a', 'b', 'c');
  const seen: string[] = [];
  for (const item of list) {
    seen.push(item);
    list.delete(links[seen.length - 1] as Link<string>);
  }
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(list.size).toBe(0);
});

test('a list that was emptied is filled again', () => {
  const { list, links } = listOf('a', 'b');
  for (const link of links) list.delete(link);
  for (const link of links.toReversed()) list.append(link);
  expect([...list]).toEqual(['b', 'a']);
});
