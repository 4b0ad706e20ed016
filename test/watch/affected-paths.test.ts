import { expect, test } from 'vitest';
import { affectedBy } from '../../src/watch/affected-paths.ts';
import { resolve } from '../support/watches.ts';

const READS = [
  '/v2/instances',
  '/v2/instances/a',
  '/v2/instances/a/ipv4',
  '/v2/instances/b',
  '/v2/kubernetes/clusters',
  '/v2/kubernetes/clusters/a/node-pools/p',
  '/v2/kubernetes/clusters/b',
  '/v2/snapshots',
  '/v2/snapshots/a',
];

test.each([
  ['one thing', 'PATCH', '/v2/instances/a', ['/v2/instances', '/v2/instances/a', '/v2/instances/a/ipv4']],
  [
    'an action on one',
    'POST',
    '/v2/instances/a/halt',
    ['/v2/instances', '/v2/instances/a', '/v2/instances/a/ipv4'],
  ],
  [
    'a part of one',
    'POST',
    '/v2/kubernetes/clusters/a/node-pools',
    ['/v2/kubernetes/clusters', '/v2/kubernetes/clusters/a/node-pools/p'],
  ],
  ['a creation', 'POST', '/v2/instances', ['/v2/instances']],
  ['a creation below its list', 'POST', '/v2/snapshots/create-from-url', ['/v2/snapshots']],
  [
    'many at once',
    'POST',
    '/v2/instances/halt',
    ['/v2/instances', '/v2/instances/a', '/v2/instances/a/ipv4', '/v2/instances/b'],
  ],
  [
    'what the contract does not know',
    'POST',
    '/v2/instances/a/levitate',
    ['/v2/instances', '/v2/instances/a', '/v2/instances/a/ipv4', '/v2/instances/b'],
  ],
])('a change of %s affects the reads that may show it', (_what, method, path, affected) => {
  expect(READS.filter(affectedBy(resolve(method, path), path))).toEqual(affected);
});
