/**
 * The server that the conformance suite of connectrpc.com tests: the project's transports and pipeline, in front of the
 * suite's own service. The suite tells on the standard input what to start, and reads the address on the standard output.
 * Usage: node server.ts SET, the google.protobuf.FileDescriptorSet of the suite's protos.
 */
import { readFileSync } from 'node:fs';
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { loadContract } from '../../../src/contract/load.ts';
import { startGrpcServer } from '../../../src/grpc/server.ts';
import { startHttpServer } from '../../../src/http/server.ts';
import { admitEverybody } from '../../../src/pipeline/admission.ts';
import { createPipeline } from '../../../src/pipeline/pipeline.ts';
import { createLogger } from '../../../src/telemetry/log.ts';
import { createResolver } from '../../../src/v2/resolve.ts';
import { ConformanceService, SERVICE } from './service.ts';

const contract = loadContract(readFileSync(process.argv[2] ?? ''));
const service = new ConformanceService(contract.registry);

/** PROTOCOL_GRPC and HTTP_VERSION_1 in the suite's protos. */
const GRPC = 2;

const request = await readRequest();
const timeoutMs = { default: 60_000, max: 600_000 };
const pipeline = createPipeline({
  handlers: service.handlers(),
  openAdmission: admitEverybody('KEY-OF-THE-SERVICE-0123456789'),
  log: createLogger({ level: 'silent', format: 'json' }),
  unaryTimeoutMs: timeoutMs,
  streamTimeoutMs: timeoutMs,
});
const options = {
  operations: [...contract.operations.values()].filter((operation) => operation.service === SERVICE),
  dispatcher: service.inFrontOf(pipeline),
  listen: { host: '127.0.0.1', port: 0 },
};
const maxBytes = Number(request.get('message_receive_limit'));
const server =
  Number(request.get('protocol')) === GRPC
    ? await startGrpcServer({ ...options, ...(maxBytes > 0 && { limits: { maxMessageBytes: maxBytes } }) })
    : await startHttpServer({
        ...options,
        resolveVultr: createResolver(contract),
        ...(maxBytes > 0 && { limits: { maxBodyBytes: maxBytes } }),
      });
writeResponse('127.0.0.1', server.port);
process.on('SIGTERM', () => process.exit(0));

/** Reads the one request of the suite: four bytes of length, and a ServerCompatRequest. */
async function readRequest() {
  let bytes = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) break;
  }
  const type = messageType('ServerCompatRequest');
  const reflected = reflect(type, fromBinary(type, bytes.subarray(4, 4 + bytes.readUInt32BE(0))));
  return {
    get: (name: string): unknown => {
      const field = type.fields.find((each) => each.name === name);
      if (field === undefined) throw new Error(`A ServerCompatRequest has no ${name}.`);
      return reflected.get(field);
    },
  };
}

function writeResponse(host: string, port: number): void {
  const type = messageType('ServerCompatResponse');
  const bytes = toBinary(type, Object.assign(create(type), { host, port }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  process.stdout.write(Buffer.concat([length, bytes]));
}

function messageType(name: string): DescMessage {
  const type = contract.registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (type === undefined) throw new Error(`The protos of the suite have no ${name}.`);
  return type;
}
