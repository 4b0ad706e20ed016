import { expect, test } from 'vitest';
import { type PollPlace, PollQueue, type Urgency } from '../../src/watch/poll-queue.ts';

/** A queue of polls with names. */
function createQueue() {
  const queue = new PollQueue<string>();
  const places = new Map<string, PollPlace<string>>();
  const remove = (name: string): void => {
    const place = places.get(name);
    if (place !== undefined) queue.remove(place);
  };
  return {
    queue,
    remove,
    add: (name: string, caller: string, urgency: Urgency) => {
      places.set(name, queue.add(name, caller, urgency));
    },
    take: (): string | undefined => {
      const next = queue.next();
      if (next !== undefined) remove(next.item);
      return next?.item;
    },
  };
}

test('the callers take turns, and of one caller the most urgent goes first', () => {
  const { queue, add, take } = createQueue();
  add('a later', 'a', 'later');
  add('a first', 'a', 'first');
  add('a awaited', 'a', 'awaited');
  add('b later', 'b', 'later');
  add('b later, too', 'b', 'later');
  const order = Array.from({ length: 6 }, take);
  expect(order).toEqual(['a awaited', 'b later', 'a first', 'b later, too', 'a later', undefined]);
  expect(queue.isEmpty).toBe(true);
});

test('what is not urgent comes all the same, though the caller has always something that is', () => {
  const { add, take } = createQueue();
  add('later', 'a', 'later');
  add('first', 'a', 'first');
  const order = Array.from({ length: 8 }, (_, index) => {
    add(`awaited ${index}`, 'a', 'awaited');
    return take();
  });
  expect(order.slice(0, 3)).toEqual(['awaited 0', 'awaited 1', 'awaited 2']);
  expect(order.slice(3)).toEqual(expect.arrayContaining(['later', 'first']));
});

test('what has left is not taken, and its caller has no turn', () => {
  const { add, take, remove } = createQueue();
  add('a', 'a', 'first');
  add('b', 'b', 'first');
  remove('a');
  remove('a');
  expect([take(), take()]).toEqual(['b', undefined]);
});
