import { describe, expect, test } from 'vitest';
import { PermitQueue, type Place } from '../../../src/vultr/budget/permit-queue.ts';

interface Item extends Place {
  readonly name: string;
}

/** `A1`: a read of caller A; `A1!`: one that goes again; a prefix `+` makes a change, `-` a poll. */
function item(name: string): Item {
  const kind = name.startsWith('+') ? 'change' : name.startsWith('-') ? 'poll' : 'read';
  const caller = name.replace(/[^A-Z]/g, '');
  return { name, kind, caller, bytes: 10, again: name.endsWith('!') };
}

function queueOf(names: string): PermitQueue<Item> {
  const queue = new PermitQueue<Item>();
  for (const name of names.split(' ')) queue.add(item(name));
  return queue;
}

function drain(queue: PermitQueue<Item>): string {
  const names: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
  return names.join(' ');
}

const CASES = [
  ['one caller is served as it came', 'A1 A2 A3', 'A1 A2 A3'],
  ['one caller after the other', 'A1 A2 A3 B1 C1 B2', 'A1 B1 C1 A2 B2 A3'],
  ['changes go before reads before polls', '-A1 A2 +A3 -B1 B2 +B3', '+A3 +B3 A2 B2 -A1 -B1'],
  ['one that was sent away goes first of its kind', 'A1 A2 B1 C1! +A3', '+A3 C1! B1 A1 A2'],
  ['those that were sent away keep their order', 'A1 C1! B1! C2!', 'C1! B1! A1 C2!'],
  [
    'a caller with many changes does not hold up the reads of others',
    '+A1 +A2 +A3 B1 C1 B2',
    '+A1 B1 C1 +A2 B2 +A3',
  ],
  ['a caller with many reads does not hold up the polls of others', 'A1 A2 A3 -B1 -C1', 'A1 -B1 -C1 A2 A3'],
  ['a caller gets its change first when its turn comes', 'A1 A2 B1 B2 +B3', '+B3 A1 A2 B1 B2'],
] as const;

describe('the order of permits', () => {
  test.each(CASES)('%s', (_, names, expected) => {
    expect(drain(queueOf(names))).toBe(expected);
  });

  test.each(CASES)('is foretold: %s', (_, names, expected) => {
    const queue = queueOf(names);
    expect([...queue.order()].map(({ name }) => name).join(' ')).toBe(expected);
    expect(queue.last()?.name).toBe(expected.split(' ').at(-1));
  });

  test('goes on where it was: who has had a permit comes behind the others', () => {
    const queue = queueOf('A1 A2 B1');
    expect(queue.shift()?.name).toBe('A1');
    queue.add(item('C1'));
    queue.add(item('A3'));
    expect(drain(queue)).toBe('B1 C1 A2 A3');
  });

  test('does not begin anew for a caller that asks again as soon as it has had its permit', () => {
    const queue = queueOf('+A1 B1 C1');
    const names: (string | undefined)[] = [];
    for (let count = 2; count < 6; count++) {
      names.push(queue.shift()?.name);
      queue.add(item(`+A${count}`));
    }
    expect(names).toEqual(['+A1', 'B1', 'C1', '+A2']);
  });

  test('is the same one by one, foretold, and from its end, for many at random', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 50; round++) {
      const queue = new PermitQueue<Item>();
      for (let count = 0; count < 60; count++) {
        const name = `${['', '+', '-'][random(3)]}${'ABCDEFG'[random(7)]}${count}${random(9) === 0 ? '!' : ''}`;
        queue.add(item(name));
        if (random(3) === 0) queue.shift();
      }
      const foretold = [...queue.order()];
      expect(queue.last()).toBe(foretold.at(-1));
      expect(drain(queue)).toBe(foretold.map(({ name }) => name).join(' '));
      expect([queue.size, queue.bytes]).toEqual([0, 0]);
    }
  });
});

test('the caller whose bodies hold most gives way, by its last request with a body', () => {
  const queue = queueOf('A1 A2 B1');
  const [empty, large] = [
    { ...item('A3'), bytes: 0 },
    { ...item('C1'), bytes: 15 },
  ];
  queue.add(empty);
  queue.add(large);
  expect(queue.lastOfHeaviest()?.name).toBe('A2');
  for (let last = queue.lastOfHeaviest(); last !== undefined; last = queue.lastOfHeaviest())
    queue.remove(last);
  expect([queue.bytes, queue.size]).toEqual([0, 1]);
});

describe('one that leaves', () => {
  test('gives its place back, wherever it stood, once', () => {
    const queue = queueOf('A1');
    const [leaving, again] = [item('A2'), item('B1!')];
    queue.add(leaving);
    queue.add(again);
    queue.add(item('C1'));
    expect([queue.remove(leaving), queue.remove(leaving), queue.remove(again)]).toEqual([true, false, true]);
    expect([queue.size, queue.bytes, queue.countOf('A'), queue.countOf('B')]).toEqual([2, 20, 1, 0]);
    expect(drain(queue)).toBe('A1 C1');
  });
});
