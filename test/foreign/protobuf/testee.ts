/**
 * The program that the conformance suite of protobuf tests. What is judged is the project's own codec: every payload is read by
 * its binary or its JSON decoder, and JSON is written by its JSON encoder. The project has no encoder for protobuf bytes other
 * than that of google.protobuf.Struct, so what was read is written as bytes by protobuf-es, as is the frame around it all.
 *
 * The suite sends requests on the standard input, one after another, and waits for the response to each.
 * Usage: node testee.ts SET, the google.protobuf.FileDescriptorSet of the suite's protos.
 */
import { readFileSync, readSync, writeSync } from 'node:fs';
import { createFileRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { stringifyJson } from '../../../src/payload/json.ts';
import { CallError } from '../../../src/status/call-error.ts';
import { decodeMessage } from '../../../src/transcoding/decode-binary.ts';
import { decodeJsonRequest } from '../../../src/transcoding/decode-http.ts';
import { encodeMessage } from '../../../src/transcoding/encode-json.ts';
import { createMessage, type Message } from '../../../src/transcoding/message.ts';
import { Violations } from '../../../src/transcoding/violations.ts';
import { toBytes } from './to-bytes.ts';

/** WireFormat in conformance.proto. */
const [PROTOBUF, JSON_FORMAT] = [1, 2];

/** TestCategory in conformance.proto. */
const JSON_IGNORE_UNKNOWN = 3;

/** How the field of a ConformanceResponse is called that says how it went, and what it holds. */
type Result = readonly [name: string, value: string | Uint8Array];

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2] ?? '')));
const [requestType, responseType] = [typeOf('ConformanceRequest'), typeOf('ConformanceResponse')];

for (let bytes = readFrame(); bytes !== undefined; bytes = readFrame()) {
  const [name, value] = answer(decodeMessage(requestType, bytes));
  writeFrame(toBytes(responseType, Object.assign(createMessage(), { [name]: value })));
}

function answer(request: Message): Result {
  // The suite begins by asking which failures are expected; it is told so on its command line.
  if (request['message_type'] === 'conformance.FailureSet') return ['protobuf_payload', new Uint8Array()];
  const reason = unsupported(request);
  if (reason !== undefined) return ['skipped', reason];
  const type = registry.getMessage(String(request['message_type']));
  if (type === undefined) return ['runtime_error', 'There is no such message.'];
  let message: Message;
  try {
    message = read(type, request);
  } catch (error) {
    return refusal('parse_error', error);
  }
  try {
    return request['requested_output_format'] === PROTOBUF
      ? ['protobuf_payload', toBytes(type, message)]
      : ['json_payload', toJson(type, message)];
  } catch (error) {
    return refusal('serialize_error', error);
  }
}

/** Why a request asks for something that the codec is not made for; undefined: it does not. */
function unsupported(request: Message): string | undefined {
  if (request['text_payload'] !== undefined || request['jspb_payload'] !== undefined)
    return 'neither the text format nor JSPB is read';
  if (request['requested_output_format'] !== PROTOBUF && request['requested_output_format'] !== JSON_FORMAT)
    return 'neither the text format nor JSPB is written';
  if (request['test_category'] === JSON_IGNORE_UNKNOWN)
    return 'unknown members of JSON are refused, never ignored';
  return undefined;
}

function read(type: DescMessage, request: Message): Message {
  const json = request['json_payload'];
  if (json !== undefined) return decodeJsonRequest(type, Buffer.from(String(json)), () => []);
  const bytes = request['protobuf_payload'];
  return decodeMessage(type, bytes instanceof Uint8Array ? bytes : new Uint8Array());
}

function toJson(type: DescMessage, message: Message): string {
  const violations = new Violations();
  const json = encodeMessage(type, message, '', { violations, elsewhere: new Set() });
  violations.throwIfAny();
  return stringifyJson(json);
}

/** An error that the codec gives its callers. Any other is a fault, which always fails the case. */
function refusal(name: string, error: unknown): Result {
  return error instanceof CallError ? [name, error.message] : ['runtime_error', String(error)];
}

function typeOf(name: string): DescMessage {
  const type = registry.getMessage(`conformance.${name}`);
  if (type === undefined) throw new Error(`The protos of the suite have no ${name}.`);
  return type;
}

/** Four bytes of length, the lowest first, and a message. Undefined at the end of the input. */
function readFrame(): Uint8Array | undefined {
  const length = readBytes(4);
  return length && readBytes(length.readUInt32LE());
}

function readBytes(count: number): Buffer | undefined {
  const bytes = Buffer.alloc(count);
  for (let read = 0; read < count; ) {
    const more = readSync(0, bytes, read, count - read, null);
    if (more === 0) return undefined;
    read += more;
  }
  return bytes;
}

function writeFrame(message: Uint8Array): void {
  const frame = Buffer.alloc(4 + message.length);
  frame.writeUInt32LE(message.length);
  frame.set(message, 4);
  for (let written = 0; written < frame.length; ) written += writeSync(1, frame, written);
}
