import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import type { FakeAnswer } from './fake-upstream.ts';
import { sendHttp } from './http-request.ts';
import type { OtlpReceiver } from './otlp-receiver.ts';
import { connectRaw } from './raw-client.ts';
import type { TestService } from './service.ts';

/** The instance, or whatever else, that the calls are about. */
export const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

type Headers = Readonly<Record<string, string>>;

/** Something that came out of the service. */
export interface Output {
  readonly what: string;
  readonly text: string | Uint8Array;
  /** The secrets that belong there. */
  readonly allowed?: readonly string[];
}

/** Everything that a service tells beside its replies: log, metrics, state, and what its collector has got. */
export async function remains(
  { app, log }: TestService,
  stateDir?: string,
  collector?: OtlpReceiver,
  headers: Headers = {},
): Promise<Output[]> {
  const pages = await Promise.all(
    ['/metrics', '/readyz', '/healthz', '/', '/status'].map((path) =>
      sendHttp(app.httpAddress ?? '', 'GET', path, undefined, headers),
    ),
  );
  // A service that stops removes some of them.
  const names = stateDir === undefined ? [] : readdirSync(stateDir);
  const files = names.map((file) => ({ what: file, text: readFileSync(join(stateDir ?? '', file)) }));
  // What has not been exported yet is exported when the service stops.
  if (collector !== undefined) await app.close();
  return [
    { what: 'the log', text: log.text },
    ...pages.map(({ text, headers: got }) => ({ what: 'a page', text: text + JSON.stringify(got) })),
    ...files,
    ...(collector?.bodies ?? []).map((text) => ({ what: 'an export', text })),
    ...(collector?.spans ?? []).map((span) => ({ what: 'a span', text: JSON.stringify(span) })),
  ];
}

/** Makes a call over HTTP. What came of it is an output, whether it succeeded or not. */
export async function overHttp(
  service: TestService,
  line: string,
  body: unknown,
  headers: Headers,
  allowed: readonly string[] = [],
): Promise<Output> {
  const [method = '', target = ''] = line.split(' ');
  const reply = await sendHttp(service.app.httpAddress ?? '', method, target, body, headers);
  return { what: `${line}: ${reply.status}`, text: JSON.stringify(reply.headers) + reply.text, allowed };
}

/** The same over gRPC. */
export async function overGrpc(
  service: Pick<TestService, 'app'>,
  path: string,
  request: Uint8Array,
  headers: Headers,
  allowed: readonly string[] = [],
): Promise<Output> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const text = await connectRaw(service.app.grpcAddress)
    .unary(path, request, metadata, { deadline: Date.now() + 10_000 })
    .then(
      (bytes) => bytes.toString('latin1'),
      (error: { message: string; details: string; metadata: Metadata }) =>
        [
          error.message,
          error.details,
          ...Object.values(error.metadata.getMap()).map((v) => v.toString('latin1')),
        ].join('\n'),
    );
  return { what: `${path}: ${text.slice(0, 60)}`, text, allowed };
}

/** A field of text in a message. */
export function textField(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const tag = number < 16 ? [(number << 3) | 2] : [(((number << 3) | 2) & 0x7f) | 0x80, number >> 4];
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([...tag, ...length]), bytes]);
}

/** The secrets in the requests of throughEveryDoor. */
export interface CarriedSecrets {
  readonly password: string;
  readonly userData: string;
}

/** The same calls through every door, those with secrets in them included. */
export async function throughEveryDoor(
  service: TestService,
  headers: Headers,
  { password, userData }: CarriedSecrets,
): Promise<Output[]> {
  const create = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284', user_data: userData };
  const createMessage = Buffer.concat([
    textField(2, 'ams'),
    textField(3, 'vc2-1c-1gb'),
    textField(4, '2284'),
    textField(16, userData),
  ]);
  const v2 = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284, user_data: userData };
  const user = { username: 'u', password };
  return await Promise.all([
    overHttp(service, `GET /api/instances/${ID}`, undefined, headers),
    // A watch asks again after a 429, until its deadline.
    overHttp(service, `GET /api/instances/${ID}:watch`, undefined, { ...headers, 'grpc-timeout': '1S' }),
    overHttp(service, 'GET /api/instances', undefined, headers),
    overHttp(service, 'POST /api/instance', create, headers),
    overHttp(service, `GET /v2/instances/${ID}`, undefined, headers),
    overHttp(service, `DELETE /v2/instances/${ID}`, undefined, headers),
    overHttp(service, 'POST /v2/instances', v2, headers),
    overHttp(service, `POST /v2/databases/${ID}/users`, user, headers),
    overGrpc(service, '/vultr.cloud.v1.CloudService/GetInstance', textField(2, ID), headers),
    overGrpc(service, '/vultr.cloud.v1.CloudService/ListInstances', Buffer.alloc(0), headers),
    overGrpc(service, '/vultr.cloud.v1.CloudService/CreateInstance', createMessage, headers),
    overGrpc(service, '/vultr.v2.InstancesService/GetInstance', textField(1, ID), headers),
    overGrpc(service, '/vultr.v2.InstancesService/ListInstances', Buffer.alloc(0), headers),
    overGrpc(
      service,
      '/vultr.v2.DatabasesService/CreateDatabaseUser',
      Buffer.concat([textField(1, ID), textField(2, 'u'), textField(3, password)]),
      headers,
    ),
  ]);
}

/** A text in base64, with more around it. */
export const base64 = (text: string, before = ''): string =>
  Buffer.from(`${before}${text} and more`).toString('base64');
/** A text of which every byte is percent-encoded. */
export const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
/** A text of which every character is escaped as in JSON. */
export const escaped = (text: string): string =>
  [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** How Vultr, or what stands before it, may repeat a secret of a request. */
export const ECHOES: readonly [string, (secret: string) => FakeAnswer][] = [
  ...[400, 401, 403, 404, 409, 422, 429, 500, 503].map((status): [string, (key: string) => FakeAnswer] => [
    `in the text of a ${status}`,
    (key) => [status, { error: `Bad key ${key}`, status }],
  ]),
  ...['', 'x', 'xy'].map((before): [string, (key: string) => FakeAnswer] => [
    `in base64 behind ${JSON.stringify(before)}`,
    (key) => [400, { error: `Authorization ${base64(key, before)}` }],
  ]),
  ['in base64url', (key) => [400, { error: Buffer.from(`Basic ${key}>>>???`).toString('base64url') }]],
  ['percent-encoded', (key) => [400, { error: `/v2/?key=${percent(key)}` }]],
  ['percent-encoded base64', (key) => [400, { error: percent(base64(key)) }]],
  ['escaped', (key) => [400, `{"error":"${escaped(key)}"}`]],
  ['in a member that is no text of the error', (key) => [400, { error: 'Bad.', request: { token: key } }]],
  ['in a success that is an error', (key) => [200, { error: `Bad key ${key}`, status: 401 }]],
  ['in a success that is no JSON', (key) => [200, `{"a": ${key}`, 'application/json']],
  ['in the title of a page', (key) => [403, `<html><title>${key}</title></html>`, 'text/html']],
  ['in plain text', (key) => [502, `upstream said ${key}`, 'text/plain']],
  ['in the media type', (key) => [400, { error: 'Bad.' }, `application/json; key=${key}`]],
  ['in Retry-After', (key) => [503, { error: 'Later.' }, 'application/json', { 'retry-after': key }]],
  ['in a redirect', (key) => [302, '', 'text/html', { location: `https://x/?key=${key}` }]],
  [
    'in a redirect, in base64',
    (key) => [302, '', 'text/html', { location: `https://x/?key=${base64(key, 'a')}` }],
  ],
  [
    'in a header that nobody knows',
    (key) => [400, { error: 'Bad.' }, 'application/json', { 'x-request-id': key }],
  ],
];
