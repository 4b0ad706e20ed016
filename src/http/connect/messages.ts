import type { Operation } from '../../contract/operation.ts';
import { validate } from '../../contract/validate.ts';
import type { Reply } from '../../rpc/call.ts';
import { decodeMessage } from '../../transcoding/decode-binary.ts';
import { decodeJsonRequest } from '../../transcoding/decode-http.ts';
import type { Message } from '../../transcoding/message.ts';
import type { Codec } from './protocol.ts';

/** Reads a request message. Throws a CallError when it is not one. */
export function decodeRequest({ input }: Operation, codec: Codec, bytes: Uint8Array): Message {
  return codec === 'proto'
    ? decodeMessage(input, bytes)
    : decodeJsonRequest(input, bytes, (read) => validate(input, read));
}

/** A reply in the form that the caller asked for. */
export function encodeReply(reply: Reply, codec: Codec): Uint8Array {
  return codec === 'proto' ? reply.toBinary() : reply.toJson();
}
