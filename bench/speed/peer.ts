/**
 * The bare peers of the speed bench in one program: `node peer.ts <kind> <upstream> <log file>`. Each is what a competent engineer
 * would write with the same libraries for one purpose, with nothing else around it; those with duties write a log.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { Pool } from 'undici';
import { encodeStruct } from '../../src/payload/encode-struct.ts';
import type { JsonObject } from '../../src/payload/json.ts';
import { dutiful } from './duties.ts';

const [kind = '', upstream = '', logFile = ''] = process.argv.slice(2);
const pool = new Pool(`http://${upstream}`, { connections: 64 });
const PLANS = '/v2/plans?per_page=100';
/** The headers that the service sends with everything. */
const ALWAYS = [
  'content-type',
  'application/json',
  'x-content-type-options',
  'nosniff',
  'vary',
  'Accept-Encoding',
];

async function fetchBytes(path: string, authorization?: string): Promise<Buffer> {
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    ...(authorization !== undefined && { authorization }),
  };
  const { body } = await pool.request({ method: 'GET', path, headers });
  return Buffer.from(await body.bytes());
}

/** node:http with the bytes of a list, plain and compressed once. */
async function serveBytes(): Promise<RequestListener> {
  const plain = await fetchBytes(PLANS);
  const gzip = gzipSync(plain);
  return (request, response) => {
    const isGzip = request.headers['accept-encoding']?.includes('gzip') === true;
    const body = isGzip ? gzip : plain;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(isGzip && { 'content-encoding': 'gzip' }),
    });
    response.end(body);
  };
}

/** node:http in front of undici. */
async function passThrough(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await fetchBytes(request.url ?? '/', request.headers.authorization);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** node:http with the bytes of a list and the duties of the service. */
async function serveBytesDutifully(): Promise<RequestListener> {
  const plain = await fetchBytes(PLANS);
  const headers = [
    'etag',
    '"b3VyIG93biBoYXNo"',
    'cache-control',
    'public, max-age=300',
    'x-cache',
    'hit',
    'age',
    '1',
  ];
  const methods = new Map([['/v2/plans', 'vultr.v2.PlansService/ListPlans']]);
  return dutiful({ bodyOf: () => plain, headers: [...headers, ...ALWAYS], methods }, logFile);
}

/** node:http in front of undici, with the duties of the service. */
function passThroughDutifully(): RequestListener {
  const methods = new Map([['/v2/instances', 'vultr.v2.InstancesService/ListInstances']]);
  const headers = ['cache-control', 'no-store', ...ALWAYS];
  const bodyOf = ({ url = '/', headers: { authorization } }: IncomingMessage) =>
    fetchBytes(url, authorization);
  return dutiful({ bodyOf, headers, methods }, logFile);
}

/** grpc-js with the bytes of a list. */
async function grpcBytes(): Promise<handleUnaryCall<Buffer, Buffer>> {
  const bytes = Buffer.from(encodeStruct(JSON.parse((await fetchBytes(PLANS)).toString()) as JsonObject));
  return (_call, callback) => callback(null, bytes);
}

/** grpc-js in front of undici, the JSON of the upstream as a Struct, by the quickest encoder there is: the service's own. */
function grpcPassThrough(): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const authorization = call.metadata.get('authorization')[0]?.toString();
    fetchBytes('/v2/instances', authorization).then(
      (body) => {
        callback(null, Buffer.from(encodeStruct(JSON.parse(body.toString()) as JsonObject)));
      },
      (error: Error) => callback(error),
    );
  };
}

function listenGrpc(handle: handleUnaryCall<Buffer, Buffer>): Promise<number> {
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  server.addService(
    {
      ListInstances: method('/vultr.v2.InstancesService/ListInstances'),
      ListPlans: method('/vultr.cloud.v1.CloudService/ListPlans'),
    },
    { ListInstances: handle, ListPlans: handle },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

function listenHttp(handle: RequestListener): Promise<number> {
  const server = createServer(handle);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

const PEERS: Readonly<Record<string, () => Promise<{ grpc?: number; http?: number }>>> = {
  'node-http': async () => ({ http: await listenHttp(await serveBytes()) }),
  undici: async () => ({
    http: await listenHttp((request, response) => void passThrough(request, response)),
  }),
  'node-http-duties': async () => ({ http: await listenHttp(await serveBytesDutifully()) }),
  'undici-duties': async () => ({ http: await listenHttp(passThroughDutifully()) }),
  'grpc-js': async () => ({ grpc: await listenGrpc(await grpcBytes()) }),
  'grpc-js-struct': async () => ({ grpc: await listenGrpc(grpcPassThrough()) }),
};

const listen = PEERS[kind];
if (listen === undefined) throw new Error(`${kind} is none of ${Object.keys(PEERS).join(', ')}`);
const { grpc = 0, http = 0 } = await listen();
process.stdout.write(`ready: gRPC 127.0.0.1:${grpc}, HTTP http://127.0.0.1:${http}\n`);
process.on('SIGTERM', () => process.exit(0));
