import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { beforeAll, describe, expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import { CallError } from '../../src/status/call-error.ts';
import { decodeHttpRequest } from '../../src/transcoding/decode-http.ts';
import { encodeHttpRequest } from '../../src/transcoding/encode-http.ts';
import { createRouter, type Router } from '../../src/transcoding/router.ts';
import { compileAllTypes } from '../support/all-types.ts';
import { routesOf } from '../support/compile-routes.ts';
import { decodeWritten, numberOf } from '../support/kinds.ts';

/** The limits of the service: of a body over HTTP, a header with the query, a gRPC message, a response. */
const BODY_BYTES = 1024 * 1024;
const QUERY_BYTES = 15_000;
const MESSAGE_BYTES = 4 * 1024 * 1024;
const RESPONSE_BYTES = 8 * 1024 * 1024;

/**
 * How long one call may hold up all others, in time of the processor, so that it does not matter what else the machine does.
 */
const MAX_MS = 100;
const RUNS = 5;

/** The processor time that this thread has used, in milliseconds. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The time of the fastest run, as the first ones include compilation. What is refused takes time as well. */
function timeOf(work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run += 1) {
    const start = processorTime();
    try {
      work();
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
    }
    best = Math.min(best, processorTime() - start);
  }
  return best;
}

/** As many parts as fit, between an opening and a closing text. */
function fill(
  limit: number,
  open: string,
  part: (index: number) => string,
  close: string,
  between = ',',
): string {
  const parts: string[] = [];
  let length = open.length + close.length;
  for (let index = 0; ; index += 1) {
    const next = part(index);
    length += next.length + between.length;
    if (length > limit) return open + parts.join(between) + close;
    parts.push(next);
  }
}

let router: Router<string>;

beforeAll(async () => {
  router = createRouter(routesOf(await compileAllTypes()));
});

function decode(method: string, path: string, query: string, body: string): unknown {
  const match = router.match(method, path);
  if (match.kind !== 'match') throw new Error(`${method} ${path} leads nowhere`);
  const parts = { values: match.values, query, contentType: 'application/json', body: Buffer.from(body) };
  return encodeHttpRequest(match.binding, decodeHttpRequest(match.binding, parts));
}

describe('no body within its limit holds up the others', () => {
  const bodies: [string, string, string][] = [
    ['unknown members, each near a name', '/body', fill(BODY_BYTES, '{', (n) => `"snake_nam${n}":1`, '}')],
    [
      'unknown members of 60 characters',
      '/body',
      fill(BODY_BYTES, '{', (n) => `"${`${n}`.padStart(60, 'x')}":1`, '}'),
    ],
    [
      'unknown members far down',
      '/body',
      fill(BODY_BYTES, '{"inner":{"inner":{', (n) => `"leaf${n}":1`, '}}}'),
    ],
    ['additional fields', '/open/x', fill(BODY_BYTES, '{', (n) => `"k${n}":1`, '}')],
    [
      'additional fields by name',
      '/open/x',
      fill(BODY_BYTES, '{"additional_fields":{', (n) => `"k${n}":1`, '}}'),
    ],
    ['map entries', '/body', fill(BODY_BYTES, '{"m":{', (n) => `"${n}":""`, '}}')],
    ['bad map keys', '/body', fill(BODY_BYTES, '{"mi":{', (n) => `"x${n}":{}`, '}}')],
    ['numbers', '/body', fill(BODY_BYTES, '{"rl":[', () => '1', ']}')],
    ['long numbers', '/body', fill(BODY_BYTES, '{"rv":[', () => '1234567890123456.50', ']}')],
    ['numbers of 400 digits', '/body', fill(BODY_BYTES, '{"rv":[', () => '9'.repeat(400), ']}')],
    ['numbers that are strings', '/body', fill(BODY_BYTES, '{"rl":[', () => '"1"', ']}')],
    ['numbers of the wrong type', '/body', fill(BODY_BYTES, '{"rl":[', () => '1.5', ']}')],
    ['empty objects', '/body', fill(BODY_BYTES, '{"inners":[', () => '{}', ']}')],
    ['empty arrays in a Value', '/body', fill(BODY_BYTES, '{"v":[', () => '[]', ']}')],
    [
      'deep arrays in a Value',
      '/body',
      fill(BODY_BYTES, '{"v":[', () => `${'['.repeat(97)}${']'.repeat(97)}`, ']}'),
    ],
    [
      'deep messages',
      '/body',
      fill(BODY_BYTES, '{"inners":[', () => `${'{"inner":'.repeat(90)}{}${'}'.repeat(90)}`, ']}'),
    ],
    ['timestamps', '/body', fill(BODY_BYTES, '{"rsv":[', () => '"2026-01-31T12:00:00Z"', ']}')],
    ['one text', '/body', `{"s":"${'x'.repeat(BODY_BYTES - 10)}"}`],
    ['one text of escapes', '/body', `{"s":"${'\\u0041'.repeat(BODY_BYTES / 6 - 10)}"}`],
    ['one number', '/body', `{"d":${'1'.repeat(BODY_BYTES - 10)}}`],
    ['whitespace', '/body', `{"d":${' '.repeat(BODY_BYTES - 10)}1}`],
    ['bytes in base64', '/body', `{"by":"${'A'.repeat(BODY_BYTES - 16)}"}`],
    ['bad bytes in base64', '/body', `{"by":"${'A'.repeat(BODY_BYTES - 17)}!"}`],
    ['lines', '/body', `${'\n'.repeat(BODY_BYTES - 10)}?`],
  ];

  test.each(bodies)('%s', (_what, path, body) => {
    expect(body.length).toBeLessThanOrEqual(BODY_BYTES);
    expect(timeOf(() => decode(path === '/body' ? 'POST' : 'PUT', path, '', body))).toBeLessThan(MAX_MS);
  });
});

describe('no query within its limit holds up the others', () => {
  const queries: [string, string][] = [
    ['a dotted name', `${'inner.'.repeat(QUERY_BYTES / 6 - 2)}leaf=1`],
    ['a name of dots', `inner${'.'.repeat(QUERY_BYTES - 10)}=1`],
    ['short names with dots', fill(QUERY_BYTES, '', () => 'inner.inner.inner.x=1', '', '&')],
    ['unknown names', fill(QUERY_BYTES, '', (n) => `snake_nam${n}=1`, '', '&')],
    ['empty parameters', '&'.repeat(QUERY_BYTES)],
    ['equals signs', `s${'='.repeat(QUERY_BYTES - 1)}`],
    ['brackets', `m${'['.repeat(QUERY_BYTES / 2 - 2)}${']'.repeat(QUERY_BYTES / 2 - 2)}=x`],
    ['map entries', fill(QUERY_BYTES, '', (n) => `m[${n}]=1`, '', '&')],
    ['list elements', fill(QUERY_BYTES, '', () => 'ri=1', '', '&')],
    ['question marks', '?'.repeat(QUERY_BYTES)],
    ['escapes', `s=${'%41'.repeat(QUERY_BYTES / 3 - 2)}`],
  ];

  test.each(queries)('%s', (_what, query) => {
    expect(query.length).toBeLessThanOrEqual(QUERY_BYTES);
    expect(timeOf(() => decode('GET', '/query', query, ''))).toBeLessThan(MAX_MS / 10);
  });
});

describe('no gRPC message within its limit holds up the others', () => {
  /** The same field again and again, up to the limit. */
  const repeated = (bytes: Uint8Array) => (writer: BinaryWriter) =>
    writer.raw(Buffer.alloc(Math.floor(MESSAGE_BYTES / bytes.length) * bytes.length, bytes));
  const empty = (name: string): Uint8Array => field(numberOf(name));
  /** A field of no bytes. */
  function field(number: number): Uint8Array {
    const tag = (number << 3) | WireType.LengthDelimited;
    return tag < 128 ? Uint8Array.of(tag, 0) : Uint8Array.of((tag & 0x7f) | 0x80, tag >> 7, 0);
  }
  const packed = (name: string, bytes: Uint8Array) => (writer: BinaryWriter) =>
    writer.tag(numberOf(name), WireType.LengthDelimited).bytes(bytes);
  const messages: [string, (writer: BinaryWriter) => unknown][] = [
    ['empty messages', repeated(empty('children'))],
    ['empty strings', repeated(empty('string_many'))],
    ['empty map entries', repeated(empty('child_by_name'))],
    ['unknown fields', repeated(Uint8Array.of((15 << 3) | WireType.Varint, 0))],
    ['empty Structs', repeated(empty('structs'))],
    [
      'members of one Struct',
      (writer) => packed('struct', Buffer.alloc(MESSAGE_BYTES - 16, Uint8Array.of(10, 0)))(writer),
    ],
    [
      'elements of one list',
      (writer) => packed('list', Buffer.alloc(MESSAGE_BYTES - 16, Uint8Array.of(10, 0)))(writer),
    ],
    ['packed booleans', packed('bool_many', new Uint8Array(MESSAGE_BYTES - 16))],
    ['packed 64-bit integers', packed('int64_many', new Uint8Array(MESSAGE_BYTES - 16))],
    ['one text', packed('string_one', Buffer.alloc(MESSAGE_BYTES - 16, 'x'))],
    ['groups', repeated(Uint8Array.of(0x7b, 0x7c))],
  ];

  test.each(messages)('%s', (_what, write) => {
    expect(timeOf(() => decodeWritten(write))).toBeLessThan(MAX_MS);
  });

  test('more than 100 000 values are refused by name', () => {
    expect(() => decodeWritten(packed('bool_many', new Uint8Array(100_001)))).toThrow(
      expect.objectContaining({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'REQUEST_TOO_LARGE',
        message: 'The request has more than 100000 values.',
      }),
    );
    expect(decodeWritten(packed('bool_many', new Uint8Array(99_000)))['bool_many']).toHaveLength(99_000);
  });
});

describe('no response within its limit holds up the others', () => {
  const grow = (part: (index: number) => string, open = '{"a":[', close = ']}') =>
    fill(RESPONSE_BYTES, open, part, close);
  const responses: [string, () => string][] = [
    ['distinct keys', () => grow((n) => `"k${n}":${n}`, '{', '}')],
    ['numbers', () => grow((n) => String(n))],
    ['empty arrays', () => grow(() => '[]')],
    [
      'nested arrays',
      () => `{"a":${'['.repeat(RESPONSE_BYTES / 2 - 8)}${']'.repeat(RESPONSE_BYTES / 2 - 8)}}`,
    ],
    ['long numbers', () => grow(() => '1234567890123456.5')],
    ['a text', () => `{"a":"${'x'.repeat(RESPONSE_BYTES - 10)}"}`],
    ['a text of quotes', () => `{"a":"${'\\"'.repeat(RESPONSE_BYTES / 2 - 8)}"}`],
    ['a text of commas', () => `{"a":"${','.repeat(RESPONSE_BYTES - 10)}"}`],
  ];

  test.each(responses)('%s', (_what, make) => {
    const body = Buffer.from(make());
    expect(body.length).toBeLessThanOrEqual(RESPONSE_BYTES);
    expect(timeOf(() => Payload.parse(body))).toBeLessThan(MAX_MS);
  });

  test('as many values as are accepted are read in time, and encoded in time', () => {
    const distinct = Buffer.from(`{${Array.from({ length: 49_000 }, (_, n) => `"k${n}":${n}`).join(',')}}`);
    expect(timeOf(() => Payload.parse(distinct))).toBeLessThan(MAX_MS);
    const { value } = Payload.parse(distinct);
    expect(timeOf(() => Payload.of(value).struct)).toBeLessThan(MAX_MS);
  });
});
