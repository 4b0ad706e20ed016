import { gzipSync } from 'node:zlib';
import type { Kind, Target } from './blocking.ts';
import { frame, sendHttp } from './clients.ts';
import { API_BODIES, fill, MESSAGES } from './inputs.ts';

const KB = 1024;
const MB = 1024 * KB;

const CREATE = '/vultr.cloud.v1.CloudService/CreateInstance';
const CREATE_V2 = '/vultr.v2.InstancesService/CreateInstance';
const RAW = '/vultr.v2.RawService/Call';
const WATCH = '/vultr.cloud.v1.CloudService/WatchInstance';
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

type Headers = Readonly<Record<string, string>>;
type MakeBody = (size: number) => Buffer;

const JSON_UNARY = { 'content-type': 'application/json' };
const PROTO_UNARY = { 'content-type': 'application/proto' };
const JSON_STREAM = { 'content-type': 'application/connect+json' };
const PROTO_STREAM = { 'content-type': 'application/connect+proto' };
const WEB = { 'content-type': 'application/grpc-web+proto' };
const WEB_JSON = { 'content-type': 'application/grpc-web+json' };
const WEB_TEXT = { 'content-type': 'application/grpc-web-text' };
const GZIP = { 'content-encoding': 'gzip' };

/** Sizes from a 16th of the limit of a body to twice that limit. */
const BODY = [16, 4, 2, 1, 0.5].map((part) => Math.floor(MB / part));

/** What comes out when it is decompressed: up to what compresses to a fraction of the limit. */
const INFLATED = [MB / 4, MB - 1, 2 * MB, 16 * MB, 128 * MB];

function kinds(
  door: string,
  path: string,
  headers: Headers,
  bodies: Readonly<Record<string, MakeBody>>,
  sizes: readonly number[] = BODY,
): Kind[] {
  return Object.entries(bodies).map(([what, make]) => ({
    name: `${door}, ${what}`,
    sizes,
    send: ({ service, vultr }: Target, size: number) => {
      vultr.respond({ status: 202, body: '{"instance":{"id":"cb676a46-66fd-4dfb-b839-443f2e6c0b60"}}' });
      return sendHttp(service.http, 'POST', path, make(size), headers);
    },
  }));
}

/** The same bodies, each written in another way. */
function each(
  bodies: Readonly<Record<string, (size: number) => string | Uint8Array>>,
  write: (body: Buffer) => Buffer,
): Record<string, MakeBody> {
  return Object.fromEntries(
    Object.entries(bodies).map(([what, make]) => [what, (size: number) => write(Buffer.from(make(size)))]),
  );
}

/** The body of a call of RawService, which is a google.protobuf.Value. */
const RAW_BODIES: Readonly<Record<string, (size: number) => string>> = {
  'deep lists': (size) => raw('['.repeat(size / 2 - 50) + ']'.repeat(size / 2 - 50)),
  'deep objects': (size) => raw(`${'{"a":'.repeat(size / 6 - 20)}1${'}'.repeat(size / 6 - 20)}`),
  members: (size) => raw(fill(size - 80, '{', (n) => `"k${n}":1`, '}')),
  numbers: (size) => raw(fill(size - 80, '[', () => '1', ']')),
};

function raw(body: string): string {
  return `{"method":"POST","path":"/v2/instances","body":${body}}`;
}

/** A message, with another length in its head. */
function announced(length: number, bytes: Uint8Array): Buffer {
  const framed = frame(bytes);
  framed.writeUInt32BE(length, 1);
  return framed;
}

/** Envelopes whose heads do not fit to what follows. */
const LYING: Readonly<Record<string, MakeBody>> = {
  'a length that is more than there is': (size) => announced(size * 2, Buffer.alloc(size)),
  'the greatest length': (size) => announced(0xffff_ffff, Buffer.alloc(size)),
  'a length that is less than there is': (size) => announced(3, Buffer.alloc(size)),
  'empty messages': (size) => Buffer.alloc(size - (size % 5)),
  'unknown flags': (size) => Buffer.alloc(size, 0xff),
  'a message said to be compressed': (size) => {
    const framed = frame(Buffer.alloc(size));
    framed[0] = 1;
    return framed;
  },
};

/** Text that is to be base64 of gRPC-Web. */
const TEXTS: Readonly<Record<string, MakeBody>> = {
  'each byte encoded by itself': (size) => Buffer.alloc(size - (size % 4), 'AA=='),
  'nothing but padding': (size) => Buffer.alloc(size, '='),
  'no base64 at its end': (size) => Buffer.concat([Buffer.alloc(size - 4, 'A'), Buffer.from('A=A*')]),
  'a message of the greatest length': (size) =>
    Buffer.from(announced(0xffff_ffff, Buffer.alloc(Math.floor((size * 3) / 4))).toString('base64')),
};

/** What is small until it is decompressed. */
const BOMBS: Readonly<Record<string, MakeBody>> = {
  blanks: (size) => bomb(size, ' '),
  'deep lists': (size) => bomb(size, '['),
  'empty lists': (size) => bomb(size, '[],'),
};

const bombs = new Map<string, Buffer>();

function bomb(size: number, text: string): Buffer {
  const name = `${size} ${text}`;
  const made = bombs.get(name) ?? gzipSync(Buffer.alloc(size, text), { level: 1 });
  bombs.set(name, made);
  return made;
}

function compressedFrame(body: Buffer): Buffer {
  const framed = frame(body);
  framed[0] = 1;
  return framed;
}

const asText = (body: Buffer): Buffer => Buffer.from(frame(body).toString('base64'));

/** Every kind of input by Connect and gRPC-Web. */
export const RPC_KINDS: readonly Kind[] = [
  ...kinds(
    'Connect CreateInstance',
    CREATE,
    JSON_UNARY,
    each(API_BODIES, (body) => body),
  ),
  ...kinds(
    'Connect RawService/Call',
    RAW,
    JSON_UNARY,
    each(RAW_BODIES, (body) => body),
  ),
  ...kinds(
    'Connect v2 CreateInstance',
    CREATE_V2,
    PROTO_UNARY,
    each(MESSAGES, (body) => body),
  ),
  ...kinds('Connect CreateInstance, gzip', CREATE, { ...JSON_UNARY, ...GZIP }, BOMBS, INFLATED),
  ...kinds('Connect WatchInstance', WATCH, PROTO_STREAM, LYING),
  ...kinds(
    'Connect WatchInstance, gzip',
    WATCH,
    { ...JSON_STREAM, 'connect-content-encoding': 'gzip' },
    each(BOMBS, compressedFrame),
    INFLATED,
  ),
  ...kinds('Connect reflection', REFLECTION, PROTO_STREAM, LYING, [16 * KB, 64 * KB, 256 * KB]),
  ...kinds('gRPC-Web CreateInstance', CREATE, WEB_JSON, each(API_BODIES, frame)),
  ...kinds('gRPC-Web v2 CreateInstance', CREATE_V2, WEB, each(MESSAGES, frame)),
  ...kinds('gRPC-Web v2 CreateInstance', CREATE_V2, WEB, LYING),
  ...kinds(
    'gRPC-Web CreateInstance, gzip',
    CREATE,
    { ...WEB_JSON, 'grpc-encoding': 'gzip' },
    each(BOMBS, compressedFrame),
    INFLATED,
  ),
  ...kinds('gRPC-Web text, v2 CreateInstance', CREATE_V2, WEB_TEXT, each(MESSAGES, asText)),
  ...kinds('gRPC-Web text, v2 CreateInstance', CREATE_V2, WEB_TEXT, TEXTS),
  ...kinds('gRPC-Web text, reflection', REFLECTION, WEB_TEXT, TEXTS, [16 * KB, 64 * KB, 256 * KB]),
];
