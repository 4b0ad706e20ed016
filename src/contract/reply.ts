import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Payload } from '../payload/payload.ts';
import type { HttpAnswer, Reply } from './call.ts';

const STRUCT_URL = 'type.googleapis.com/google.protobuf.Struct';
const ANY_JSON_START = Buffer.from(`{"data":{"@type":"${STRUCT_URL}","value":`);
const ANY_JSON_END = Buffer.from('}}');

/** Tags of `Any data = 1` in every CloudService response, and of Any's own fields (google/protobuf/any.proto). */
const TAG = { data: 10, typeUrl: 10, value: 18 } as const;

/** A response of CloudService: `{ google.protobuf.Any data = 1; }`, the Any holding the payload as a Struct. */
export function anyReply(payload: Payload): Reply {
  return {
    toBinary: () => {
      const writer = new BinaryWriter();
      writer.uint32(TAG.data).fork();
      writer.uint32(TAG.typeUrl).string(STRUCT_URL);
      writer.uint32(TAG.value).bytes(payload.struct);
      return writer.join().finish();
    },
    toJson: () => Buffer.concat([ANY_JSON_START, payload.json, ANY_JSON_END]),
  };
}

/** A response of vultr.v2: the payload as a Struct over gRPC, Vultr's own answer over HTTP. */
export function structReply(payload: Payload, http: HttpAnswer): Reply {
  return { toBinary: () => payload.struct, toJson: () => payload.json, http };
}
