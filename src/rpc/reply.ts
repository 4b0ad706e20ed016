import type { DescMessage } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Memo } from '../base/memo.ts';
import type { Operation } from '../contract/operation.ts';
import { stringifyJson } from '../payload/json.ts';
import type { Payload } from '../payload/payload.ts';
import { decodeMessage } from '../transcoding/decode-binary.ts';
import { encodeMessage } from '../transcoding/encode-json.ts';
import type { Message } from '../transcoding/message.ts';
import { Violations } from '../transcoding/violations.ts';
import type { CacheStatus, HttpReply, Reply, ReplyOrigin } from './call.ts';

const STRUCT_URL = 'type.googleapis.com/google.protobuf.Struct';
const ANY_JSON_START = Buffer.from(`{"data":{"@type":"${STRUCT_URL}","value":`);
const ANY_JSON_END = Buffer.from('}}');

/** Tags of `Any data = 1` in every CloudService response, and of Any's own fields (google/protobuf/any.proto). */
const TAG = { data: 10, typeUrl: 10, value: 18 } as const;

const anyReplies = new Memo<Payload, Reply>();

/**
 * A response of CloudService: `{ google.protobuf.Any data = 1; }`, the Any holding the payload as a Struct. A payload that
 * is kept has one reply, so that it is encoded once however often it is sent.
 */
export function anyReply(payload: Payload, origin?: ReplyOrigin): Reply {
  let reply = anyReplies.get(payload);
  if (reply === undefined) {
    reply = createAnyReply(payload);
    anyReplies.set(payload, reply);
  }
  return origin === undefined ? reply : { ...reply, origin };
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
    payloadJson: () => payload.json,
  };
}

function inAny(struct: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(TAG.data).fork();
  writer.uint32(TAG.typeUrl).string(STRUCT_URL);
  writer.uint32(TAG.value).bytes(struct);
  return writer.join().finish();
}

/** A response that is a google.protobuf.Struct by itself. */
export function structReply(payload: Payload, origin?: ReplyOrigin): Reply {
  return {
    toBinary: () => payload.struct,
    toJson: () => payload.json,
    ...(origin !== undefined && { origin }),
  };
}

/** An HTTP response that is passed on as it came; only the HTTP side has a use for it. */
export function httpReply(http: HttpReply, origin?: ReplyOrigin): Reply {
  return {
    toBinary: () => {
      throw new Error('A response that is passed on over HTTP has no binary form.');
    },
    toJson: () => http.body,
    http,
    ...(origin !== undefined && { origin }),
  };
}

/**
 * A response that a handler has encoded itself, by the generated code.
 * @param operation whose response it is: its JSON is made by the descriptor, for the few callers who want that
 */
export function binaryReply({ descriptor }: Operation, bytes: Uint8Array): Reply {
  return {
    toBinary: () => bytes,
    toJson: () => encodeJson(descriptor.output, decodeMessage(descriptor.output, bytes)),
  };
}

function encodeJson(type: DescMessage, message: Message): Uint8Array {
  const violations = new Violations();
  const json = encodeMessage(type, message, '', { violations, elsewhere: new Set() });
  violations.throwIfAny();
  return Buffer.from(stringifyJson(json));
}

/** From the best to the worst that a caller may have been given. */
const CACHE_STATES: readonly CacheStatus['state'][] = ['hit', 'miss', 'stale'];

/** How a reply that was made of several responses stands in the cache: as the worst and oldest of them. */
export function worstOf(statuses: readonly (CacheStatus | undefined)[]): CacheStatus | undefined {
  return statuses.reduce((worst, status) => {
    if (worst === undefined || status === undefined) return worst ?? status;
    const isWorse = CACHE_STATES.indexOf(status.state) > CACHE_STATES.indexOf(worst.state);
    return {
      state: isWorse ? status.state : worst.state,
      ageMs: Math.max(worst.ageMs, status.ageMs),
      freshMs: Math.min(worst.freshMs, status.freshMs),
    };
  }, undefined);
}

/**
 * Adds to metadata what tells a caller how a reply came about: of a public one `x-cache` (hit, miss, stale) and `age` in whole
 * seconds (RFC 9111, section 5.1), `x-vultr-attempts` when Vultr was asked more than once, and `preference-applied` (RFC 7240)
 * when what was created is ready, as its caller preferred.
 */
export function noteOrigin(
  metadata: Map<string, string>,
  { cache, attempts = 1, readyWithinMs }: ReplyOrigin,
): void {
  if (cache !== undefined) {
    metadata.set('x-cache', cache.state);
    metadata.set('age', String(Math.floor(cache.ageMs / 1_000)));
  }
  if (attempts > 1) metadata.set('x-vultr-attempts', String(attempts));
  if (readyWithinMs !== undefined) metadata.set('preference-applied', `wait=${readyWithinMs / 1_000}`);
}
