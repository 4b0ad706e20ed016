import { expect, test } from 'vitest';
import { isForwarded } from '../../src/contract/vultr-path.ts';
import { findReading } from '../../src/watch/find-reading.ts';
import { contract, resolve } from '../support/watches.ts';
import { READY_AT_ONCE } from './ready-at-once.ts';

const creations = [...contract.operations.values()].filter(
  (operation) => operation.effect === 'CREATE' && !operation.isRaw && isForwarded(operation),
);

/** The read of what a creation makes, with `x` for each of its variables. */
function readingOf(operation: (typeof creations)[number]): ReturnType<typeof findReading> {
  const path = operation.bindings[0]?.template.source.replace(/\{[^}]*\}/g, 'x') ?? '';
  return findReading(operation, path, 'x', resolve);
}

test('every creation names what shows that its thing is ready, or is known to be ready at once', () => {
  const withoutReading = creations.filter((operation) => readingOf(operation) === undefined);
  const known = Object.values(READY_AT_ONCE).flat();
  expect(withoutReading.map(({ name }) => name.replace('vultr.v2.', '')).sort()).toEqual([...known].sort());
});

test.each([
  ['SnapshotsService/CreateSnapshotCreateFromUrl', '/v2/snapshots/x'],
  ['DatabasesService/DatabaseAddReadReplica', '/v2/databases/x'],
  ['DatabasesService/DatabaseFork', '/v2/databases/x'],
  ['DatabasesService/DatabaseRestoreFromBackup', '/v2/databases/x'],
  ['KubernetesService/CreateNodepools', '/v2/kubernetes/clusters/x/node-pools/x'],
])('what %s makes is read at %s', (name, path) => {
  const operation = creations.find((one) => one.name === `vultr.v2.${name}`);
  expect(operation && readingOf(operation)?.request).toEqual({
    method: 'GET',
    path,
    query: '',
    body: undefined,
  });
});
