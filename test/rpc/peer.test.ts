import { expect, test } from 'vitest';
import { formatPeer, peerAddress } from '../../src/rpc/peer.ts';

test.each([
  ['127.0.0.1', 40_312, '127.0.0.1:40312'],
  ['::1', 40_312, '[::1]:40312'],
  ['::ffff:10.0.0.1', 1, '[::ffff:10.0.0.1]:1'],
])('the address %s and the port %d are written as one, and read again', (remoteAddress, remotePort, peer) => {
  expect(formatPeer({ remoteAddress, remotePort })).toBe(peer);
  expect(peerAddress(peer)).toBe(remoteAddress);
});

test('a socket that has lost its other end is written, too', () => {
  expect(formatPeer({ remoteAddress: undefined, remotePort: undefined })).toBe('unknown:0');
});
