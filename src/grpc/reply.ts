import type { Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';

/** A reply of a service that only gRPC serves. */
export function binaryReply(bytes: Uint8Array): Reply {
  return {
    toBinary: () => bytes,
    toJson: () => {
      throw new CallError('UNIMPLEMENTED', 'ROUTE_NOT_FOUND', 'This operation has no HTTP form.');
    },
  };
}
