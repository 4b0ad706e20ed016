import { readFile } from 'node:fs/promises';

/** The bytes of the contract that comes with this package: a google.protobuf.FileDescriptorSet with all imports and comments. */
export async function readBundledContract(): Promise<Uint8Array> {
  return await readFile(new URL('../gen/contract.binpb', import.meta.url));
}
