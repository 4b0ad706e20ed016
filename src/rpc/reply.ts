import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Payload } from '../payload/payload.ts';
import type { HttpAnswer, Reply } from './call.ts';

const STRUCT_URL = 'type.googleapis.com/google.protobuf.Struct';
const ANY_JSON_START = Buffer.from(`{"data":{"@type":"${STRUCT_URL}","value":`);
const ANY_JSON_END = Buffer.from('}}');

/** Tags of `Any data = 1` in every CloudService response, and of Any's own fields (google/protobuf/any.proto). */
const TAG = { data: 10, typeUrl: 10, value: 18 } as const;

const anyReplies = new WeakMap<Payload, Reply>();

/**
 * A response of CloudService: `{ google.protobuf.Any data = 1; }`, the Any holding the payload as a Struct. A payload that
 * is kept has one reply, so that it is encoded once however often it is sent.
 */
export function anyReply(payload: Payload): Reply {
  let reply = anyReplies.get(payload);
  if (reply === undefined) {
    reply = createAnyReply(payload);
    anyReplies.set(payload, reply);
  }
  return reply;
}

function createAnyReply(payload: Payload): Reply {
  let binary: Uint8Array | undefined;
  let json: Uint8Array | undefined;
  return {
    toBinary: () => {
      binary ??= inAny(payload.struct);
      return binary;
    },
    toJson: () => {
      json ??= Buffer.concat([ANY_JSON_START, payload.json, ANY_JSON_END]);
      return json;
    },
  };
}

function inAny(struct: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(TAG.data).fork();
  writer.uint32(TAG.typeUrl).string(STRUCT_URL);
  writer.uint32(TAG.value).bytes(struct);
  return writer.join().finish();
}

/** A response of vultr.v2: the payload as a Struct over gRPC, Vultr's own answer over HTTP. */
export function structReply(payload: Payload, http: HttpAnswer): Reply {
  return { toBinary: () => payload.struct, toJson: () => payload.json, http };
}
