import { fromBinary, type JsonObject, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import {
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import type { Any } from '../../src/gen/google/protobuf/any.ts';
import * as cloud from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { closeAtEnd } from './opened.ts';

/** The requests of the unary rpcs. */
const REQUESTS = {
  listRegions: cloud.ListRegionsRequest,
  listImages: cloud.ListImagesRequest,
  listPlans: cloud.ListPlansRequest,
  createInstance: cloud.CreateInstanceRequest,
  listInstances: cloud.ListInstancesRequest,
  getInstance: cloud.GetInstanceRequest,
  startInstance: cloud.StartInstanceRequest,
  haltInstance: cloud.HaltInstanceRequest,
  rebootInstance: cloud.RebootInstanceRequest,
  terminateInstance: cloud.TerminateInstanceRequest,
};

/** A unary rpc of CloudService. */
export type Rpc = keyof typeof REQUESTS;
type RequestOf<R extends Rpc> = Parameters<(typeof REQUESTS)[R]['fromPartial']>[0];

/** What may be said beside the request. */
export interface Beside extends CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An answer, its Struct read by another implementation than the one under test. */
export interface Answer {
  readonly value: JsonObject;
  /** The initial metadata. */
  readonly metadata: Metadata;
}

/** A client of CloudService made by ts-proto. */
export interface CloudClient {
  /** Calls a unary rpc. Rejects with a ServiceError. */
  ask<R extends Rpc>(rpc: R, request: RequestOf<R>, beside?: Beside): Promise<Answer>;
  /** Like ask, but hands out the call as well, for cancelling it. */
  begin<R extends Rpc>(rpc: R, request: RequestOf<R>, beside?: Beside): [ClientUnaryCall, Promise<Answer>];
  /** Begins a watch. */
  watch(request: Parameters<typeof cloud.WatchInstanceRequest.fromPartial>[0], beside?: Beside): Watch;
}

/** A watch under way. */
export interface Watch {
  readonly call: ClientReadableStream<cloud.WatchInstanceResponse>;
  /** The next instance; undefined at a good end. Rejects with a ServiceError. */
  next(): Promise<JsonObject | undefined>;
  /** All instances up to the end. */
  rest(): Promise<JsonObject[]>;
}

/** Connects to the service; `key` is sent as `authorization` unless a call says otherwise. */
export function connectCloud(address: string, key?: string): CloudClient {
  const client = new cloud.CloudServiceClient(address, credentials.createInsecure());
  closeAtEnd(() => client.close());

  function begin<R extends Rpc>(
    rpc: R,
    request: RequestOf<R>,
    beside: Beside = {},
  ): [ClientUnaryCall, Promise<Answer>] {
    const definition = cloud.CloudServiceService[rpc];
    const message = (REQUESTS[rpc].fromPartial as (partial: unknown) => never)(request);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let initial = new Metadata();
    const call = client.makeUnaryRequest(
      definition.path,
      definition.requestSerialize as (value: never) => Buffer,
      definition.responseDeserialize as (bytes: Buffer) => { data?: Any },
      message,
      toMetadata(beside, key),
      beside,
      (error, response) => {
        if (error === null) resolve({ value: readAny(response?.data), metadata: initial });
        else reject(error);
      },
    );
    call.on('metadata', (metadata: Metadata) => {
      initial = metadata;
    });
    // A test may look at the call alone.
    promise.catch(() => undefined);
    return [call, promise];
  }

  return {
    begin,
    ask: (rpc, request, beside) => begin(rpc, request, beside)[1],
    watch(request, beside = {}) {
      const message = cloud.WatchInstanceRequest.fromPartial(request);
      const call = client.watchInstance(message, toMetadata(beside, key), beside);
      // The status arrives by the iterator, too; without a listener it would end the process when nobody iterates.
      call.on('error', () => undefined);
      const messages = call[Symbol.asyncIterator]() as AsyncIterator<cloud.WatchInstanceResponse>;
      const next = async (): Promise<JsonObject | undefined> => {
        const result = await messages.next();
        return result.done === true ? undefined : (readAny(result.value.data)['instance'] as JsonObject);
      };
      const rest = async (): Promise<JsonObject[]> => {
        const instances: JsonObject[] = [];
        for (;;) {
          const instance = await next();
          if (instance === undefined) return instances;
          instances.push(instance);
        }
      };
      return { call, next, rest };
    },
  };
}

function toMetadata(beside: Beside, key: string | undefined): Metadata {
  const metadata = new Metadata();
  if (key !== undefined) metadata.set('authorization', `Bearer ${key}`);
  for (const [name, value] of Object.entries(beside.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

/** The JSON of the Struct that an answer holds. */
export function readAny(any: Any | undefined): JsonObject {
  if (any?.type_url !== 'type.googleapis.com/google.protobuf.Struct')
    throw new Error(`The answer holds ${any?.type_url}, not a Struct.`);
  return toJson(StructSchema, fromBinary(StructSchema, any.value)) as JsonObject;
}
