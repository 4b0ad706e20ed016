import { expect, test } from 'vitest';
import { listen } from '../../src/grpc/listener.ts';
import { closeAtEnd } from '../support/opened.ts';

const options = { host: '127.0.0.1', port: 0, maxSockets: 10 };

test('an address in use is named, with the flag and the setting that change it', async () => {
  const listener = await listen(options, () => undefined);
  closeAtEnd(() => listener.stop(1_000));
  const { port } = listener;
  await expect(listen({ ...options, port }, () => undefined)).rejects.toThrow(
    `The gRPC side cannot listen on 127.0.0.1:${port}: the address is already in use. Choose another address with --grpc or GRPC_LISTEN.`,
  );
});

test('an address of another machine is reported in the same way', async () => {
  await expect(listen({ ...options, host: '203.0.113.1' }, () => undefined)).rejects.toThrow(
    /^The gRPC side cannot listen on 203\.0\.113\.1:0: .*EADDRNOTAVAIL.*--grpc or GRPC_LISTEN\.$/,
  );
});
