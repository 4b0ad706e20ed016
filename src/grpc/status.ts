import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { CallError } from '../status/call-error.ts';
import { toStatusBytes, trailerMessage } from '../status/rpc-status.ts';

/** What grpc-js is given for a failed call: code and text, and google.rpc.Status in the trailers. */
export function toStatusObject(thrown: unknown): StatusObject {
  const error = CallError.from(thrown);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', toStatusBytes(error));
  return { code: status[error.code], details: trailerMessage(error), metadata };
}

/** Response metadata for grpc-js. Values that gRPC metadata cannot carry (it is printable ASCII) are left out. */
export function toMetadata(values: ReadonlyMap<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of values) if (/^[\x20-\x7e]*$/.test(value)) metadata.set(key, value);
  return metadata;
}
