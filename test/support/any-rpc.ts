import { readFileSync } from 'node:fs';
import { fromBinary, fromJson, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { loadContract } from '../../src/contract/load.ts';
import { connectRaw } from './raw-client.ts';
import { KEY } from './service.ts';

const { operations } = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

/** Calls any rpc of vultr.v2 over gRPC, its request given as JSON. Rejects with a ServiceError. */
export type CallAnyRpc = (
  name: string,
  request: JsonObject,
  metadata?: Readonly<Record<string, string>>,
) => Promise<JsonObject>;

/** Connects to the service; KEY is sent as `authorization`. */
export function connectAnyRpc(address: string): CallAnyRpc {
  const client = connectRaw(address);
  return async (name, request, given = {}) => {
    const operation = operations.get(name);
    if (operation === undefined) throw new Error(`${name} is not in the contract.`);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${KEY}`);
    for (const [key, value] of Object.entries(given)) metadata.set(key, value);
    const bytes = toBinary(operation.input, fromJson(operation.input, request));
    const response = await client.unary(`/${name}`, bytes, metadata);
    return toJson(StructSchema, fromBinary(StructSchema, response)) as JsonObject;
  };
}
