import { BinaryWriter, WireType, type BinaryWriter as Writer } from '@bufbuild/protobuf/wire';

/** As many parts as fit into so many bytes, between an opening and a closing text. */
export function fill(
  size: number,
  open: string,
  part: (index: number) => string,
  close: string,
  between = ',',
): string {
  let text = open;
  for (let index = 0; ; index += 1) {
    const next = part(index);
    if (text.length + next.length + between.length + close.length > size) break;
    if (index > 0) text += between;
    text += next;
  }
  return text + close;
}

/** A text of one kind, of so many bytes at most. */
export type MakeText = (size: number) => string;

const REQUIRED = '"region":"ams","plan":"vc2-1c-1gb"';

/** JSON bodies for a creation below /api. */
export const API_BODIES: Readonly<Record<string, MakeText>> = {
  'unknown members near a name': (size) => fill(size, '{', (n) => `"hostnam${n}":1`, '}'),
  'unknown members of 60 characters': (size) =>
    fill(size, '{', (n) => `"${`${n}`.padStart(60, 'x')}":1`, '}'),
  'unknown members far down': (size) => fill(size, '{"block_devices":[{', (n) => `"labe${n}":1`, '}]}'),
  'entries of a map': (size) => fill(size, `{${REQUIRED},"app_variables":{`, (n) => `"k${n}":""`, '}}'),
  'bad entries of a map': (size) => fill(size, `{${REQUIRED},"app_variables":{`, (n) => `"k${n}":1`, '}}'),
  tags: (size) => fill(size, `{${REQUIRED},"tags":[`, (n) => `"${n}"`, ']}'),
  'bad ids': (size) => fill(size, `{${REQUIRED},"sshkey_id":[`, () => '1', ']}'),
  'empty block devices': (size) => fill(size, `{${REQUIRED},"block_devices":[`, () => '{}', ']}'),
  'one text of escapes': (size) => `{${REQUIRED},"user_data":"${'\\u0041'.repeat(size / 6 - 20)}"}`,
  'one number': (size) => `{${REQUIRED},"os_id":${'1'.repeat(size - 60)}}`,
  'deep arrays': (size) => `{"tags":${'['.repeat(size / 2 - 10)}${']'.repeat(size / 2 - 10)}}`,
  blanks: (size) => `{${REQUIRED}${' '.repeat(size - 60)}}`,
  'lines and a fault at their end': (size) => `${'\n'.repeat(size - 10)}?`,
};

/** JSON bodies for a creation below /v2. */
export const V2_BODIES: Readonly<Record<string, MakeText>> = {
  members: (size) => fill(size, '{', (n) => `"k${n}":${n}`, '}'),
  'the same member': (size) => fill(size, '{', () => '"k":1', '}'),
  numbers: (size) => fill(size, '{"k":[', () => '1', ']}'),
  'long numbers': (size) => fill(size, '{"k":[', () => '12345678901234567.5', ']}'),
  'one number': (size) => `{"k":${'1'.repeat(size - 10)}}`,
  'empty objects': (size) => fill(size, '{"k":[', () => '{}', ']}'),
  'deep arrays': (size) => fill(size, '{"k":[', () => `${'['.repeat(90)}${']'.repeat(90)}`, ']}'),
  'a text of escapes': (size) => `{"label":"${'\\u0041'.repeat(size / 6 - 20)}"}`,
  'what is no JSON': (size) => '['.repeat(size),
};

const ORDER = `${REQUIRED},"image_id":"1"`;

/** JSON bodies for a creation with secrets, which are looked for in the error by which Vultr refuses it. */
export const SECRET_BODIES: Readonly<Record<string, MakeText>> = {
  'one secret': (size) => `{${ORDER},"user_data":"${'echo hello; '.repeat(size / 12 - 20)}"}`,
  'one secret of one letter': (size) => `{${ORDER},"user_data":"${'a'.repeat(size - 100)}"}`,
  'one secret in base64': (size) => `{${ORDER},"user_data":"${'aaaa'.repeat(size / 4 - 30)}"}`,
  'many secrets': (size) =>
    fill(size, `{${ORDER},"app_variables":{`, (n) => `"password${n}":"secret-${n}"`, '}}'),
  'short secrets': (size) =>
    fill(size, `{${ORDER},"app_variables":{`, (n) => `"pass${n}pass":"${n % 1_000}"`, '}}'),
  'members beside a secret': (size) =>
    fill(size, `{${ORDER},"user_data":"secret","app_variables":{`, (n) => `"k${n}":"v"`, '}}'),
};

/** Queries of a list. */
export const QUERIES: Readonly<Record<string, MakeText>> = {
  'a dotted name': (size) => `${'label.'.repeat(size / 6 - 2)}x=1`,
  'a name of dots': (size) => `label${'.'.repeat(size - 10)}=1`,
  'unknown names': (size) => fill(size, '', (n) => `lable${n}=1`, '', '&'),
  'unknown names of one letter': (size) => fill(size, '', () => 'x', '', '&'),
  'one unknown name': (size) => `${'l'.repeat(size - 2)}=1`,
  'question marks': (size) => '?'.repeat(size),
  ampersands: (size) => '&'.repeat(size),
  brackets: (size) => `label${'['.repeat(size / 2 - 4)}${']'.repeat(size / 2 - 4)}=x`,
  escapes: (size) => `label=${'%41'.repeat(size / 3 - 4)}`,
  'bad escapes': (size) => `label=${'%4'.repeat(size / 2 - 4)}`,
  'repeated values': (size) => fill(size, '', () => 'label=1', '', '&'),
};

/** Paths of requests. */
export const PATHS: Readonly<Record<string, MakeText>> = {
  'unknown segments': (size) => `/api${'/a'.repeat(size / 2 - 2)}`,
  'one long segment': (size) => `/api/${'instances'.repeat(size / 9 - 1)}`,
  slashes: (size) => '/'.repeat(size),
  escapes: (size) => `/api/instances/${'%41'.repeat(size / 3 - 6)}`,
  'bad escapes': (size) => `/api/instances/${'%'.repeat(size - 20)}`,
  colons: (size) => `/api/instances/${':'.repeat(size - 20)}`,
  'segments below /v2': (size) => `/v2${'/a'.repeat(size / 2 - 2)}`,
  'escaped slashes below /v2': (size) => `/v2/instances/${'%2f'.repeat(size / 3 - 6)}`,
};

/** Headers, by name. */
export const HEADERS: Readonly<Record<string, (size: number) => Record<string, string>>> = {
  'accepted encodings': (size) => ({ 'accept-encoding': fill(size, '', (n) => `x${n};q=0.5`, '') }),
  'accepted types': (size) => ({ accept: fill(size, '', (n) => `a/${n};q=0.5`, '') }),
  'entity tags': (size) => ({ 'if-none-match': fill(size, '', (n) => `W/"${n}"`, '') }),
  'an origin': (size) => ({ origin: `http://${'a.'.repeat(size / 2 - 5)}` }),
  metadata: (size) =>
    Object.fromEntries(
      Array.from({ length: Math.min(1_500, Math.floor(size / 24)) }, (_, n) => [`grpc-metadata-${n}`, '1']),
    ),
  'binary metadata': (size) => ({ 'grpc-metadata-x-bin': fill(size, '', () => 'AA', '') }),
  'a key of blanks': (size) => ({ authorization: `Bearer ${' '.repeat(size - 20)}x` }),
};

/** How many different parts a large text has; they come again and again. */
const DISTINCT = 100_000;

const blocks = new Map<string, Buffer>();

/** As much as fits, made of so many different parts. Texts of 32 MB are made by copying. */
function fillLarge(open: string, part: (index: number) => string, close: string): (size: number) => Buffer {
  return (size) => {
    const id = `${open} ${part(0)}`;
    const block =
      blocks.get(id) ?? Buffer.from(Array.from({ length: DISTINCT }, (_, n) => `${part(n)},`).join(''));
    blocks.set(id, block);
    const end = part(0) + close;
    const body = Buffer.alloc(size - open.length - end.length, block);
    // Up to the last whole part.
    const whole = body.subarray(0, body.lastIndexOf(`,${part(0).slice(0, 2)}`) + 1);
    return Buffer.concat([Buffer.from(open), whole, Buffer.from(end)]);
  };
}

/** JSON responses of Vultr. */
export const RESPONSES: Readonly<Record<string, (size: number) => Buffer>> = {
  'distinct keys': fillLarge('{', (n) => `"k${n}":${n}`, '}'),
  numbers: fillLarge('{"a":[', (n) => `10${n}`, ']}'),
  'empty arrays': fillLarge('{"a":[', () => '[]', ']}'),
  instances: fillLarge('{"instances":[', (n) => `{"id":"${n}","label":"x","tags":["a"],"ram":1.5}`, ']}'),
  'long numbers': fillLarge('{"a":[', () => '1234567890123456.5', ']}'),
  'an error far down': fillLarge('{"error":{"errors":[', () => '{"message":"x"}', ']}}'),
  'nested arrays': (size) =>
    Buffer.concat([
      Buffer.from('{"a":'),
      Buffer.alloc(size / 2 - 4, '['),
      Buffer.alloc(size / 2 - 4, ']'),
      Buffer.from('}'),
    ]),
  'a text': (size) => Buffer.from(`{"a":"${'x'.repeat(size - 10)}"}`),
  'a text of escapes': (size) => Buffer.from(`{"a":"${'\\n'.repeat(size / 2 - 8)}"}`),
  'a text that is no JSON': (size) => Buffer.alloc(size, 'x: y\n'),
  'markup that never ends': (size) => Buffer.alloc(size, '<title><'),
};

const CREATE = { region: 1, plan: 2, blockDevices: 31, additional: 1000 } as const;

/** The field of a message, again and again. */
function repeated(size: number, bytes: Uint8Array): Buffer {
  return Buffer.alloc(Math.max(1, Math.floor(size / bytes.length)) * bytes.length, bytes);
}

/** A length-delimited field. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
}

function written(write: (writer: Writer) => Writer): Uint8Array {
  return write(new BinaryWriter()).finish();
}

/** The region and the plan that a creation needs. */
const NEEDED = written((writer) =>
  writer
    .tag(CREATE.region, WireType.LengthDelimited)
    .string('ams')
    .tag(CREATE.plan, WireType.LengthDelimited)
    .string('vc2-1c-1gb'),
);

/** A Struct of so many bytes, with members of different names. */
function struct(size: number, value: Uint8Array): Uint8Array {
  const id = Buffer.from(value).toString('base64');
  const entries = structs.get(id) ?? Array.from({ length: DISTINCT }, (_, n) => member(n, value));
  structs.set(id, entries);
  const chosen: Uint8Array[] = [];
  for (let length = 0, n = 0; length < size; n += 1) {
    const entry = entries[n % DISTINCT] ?? TRUE;
    chosen.push(entry);
    length += entry.length;
  }
  return Buffer.concat(chosen);
}

const structs = new Map<string, Uint8Array[]>();

function member(n: number, value: Uint8Array): Uint8Array {
  const name = Buffer.from(`k${n}`);
  const length = name.length + value.length + 4;
  if (length > 127) return field(1, Buffer.concat([field(1, name), field(2, value)]));
  return Buffer.from([0x0a, length, 0x0a, name.length, ...name, 0x12, value.length, ...value]);
}

const TRUE = Uint8Array.of(0x20, 1);
const NUMBER = written((writer) => writer.tag(2, WireType.Bit64).double(1.5));

/** A Value with lists in lists, so deep. */
function nested(depth: number): Uint8Array {
  let value: Uint8Array = TRUE;
  for (let level = 0; level < depth; level += 1) value = field(6, field(1, value));
  return value;
}

/** Messages of a creation in package vultr.v2. */
export const MESSAGES: Readonly<Record<string, (size: number) => Uint8Array>> = {
  'additional fields': (size) => Buffer.concat([NEEDED, field(CREATE.additional, struct(size, TRUE))]),
  'additional numbers': (size) => Buffer.concat([NEEDED, field(CREATE.additional, struct(size, NUMBER))]),
  'additional fields that are deep': (size) =>
    Buffer.concat([NEEDED, repeated(size, field(CREATE.additional, struct(1, nested(40))))]),
  'too deep': (size) =>
    Buffer.concat([NEEDED, field(CREATE.additional, member(0, nested(Math.min(2_000, size / 8))))]),
  'unknown fields': (size) => Buffer.concat([NEEDED, repeated(size, Uint8Array.of(0xf8, 0x7f, 0))]),
  groups: (size) => Buffer.concat([NEEDED, repeated(size, Uint8Array.of(0xfb, 0x7f, 0xfc, 0x7f))]),
  tags: (size) => Buffer.concat([NEEDED, repeated(size, field(28, Buffer.from('a')))]),
  'empty entries of a map': (size) => Buffer.concat([NEEDED, repeated(size, field(30, new Uint8Array()))]),
  'one text': (size) => Buffer.concat([NEEDED, field(18, Buffer.alloc(size, 'x'))]),
  'a text that is not UTF-8': (size) => Buffer.concat([NEEDED, field(18, Buffer.alloc(size, 0xc3))]),
  'the same field': (size) => repeated(size, field(CREATE.region, Buffer.from('a'))),
};
