import type { DescExtension, DescFile } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import type { Contract } from '../contract/load.ts';
import { ServerReflectionRequest, ServerReflectionResponse } from '../gen/grpc/reflection/v1/reflection.ts';
import type { Call, Handler, Reply } from '../rpc/call.ts';
import { binaryReply } from '../rpc/reply.ts';
import { toTyped } from '../rpc/typed.ts';
import { fileOfSymbol } from './symbols.ts';

type Result = Omit<ServerReflectionResponse, 'valid_host' | 'original_request'>;

/** Both versions of the protocol; their messages are the same on the wire. */
const OPERATIONS = ['v1', 'v1alpha'].map(
  (version) => `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);

/**
 * The handlers of server reflection. Files go out as the bytes that buf built, so that options (google.api.http) and
 * comments are what the sources say, together with everything they import.
 */
export function createReflection(contract: Contract): ReadonlyMap<string, Handler> {
  const index = createIndex(contract);

  async function* serve(call: Call): AsyncGenerator<Reply> {
    for await (const message of call.requests ?? []) {
      const request = toTyped(ServerReflectionRequest, message);
      const response: ServerReflectionResponse = {
        valid_host: request.host,
        original_request: request,
        ...lookUp(request, index),
      };
      yield binaryReply(call.operation, ServerReflectionResponse.encode(response).finish());
    }
  }

  return new Map(OPERATIONS.map((name) => [name, { kind: 'server_streaming', handle: serve }]));
}

interface Index {
  readonly services: readonly string[];
  /** A file and all that it imports, each once, as bytes. Undefined when there is no such file. */
  closure(file: DescFile): Buffer[];
  fileByName(name: string): DescFile | undefined;
  fileBySymbol(symbol: string): DescFile | undefined;
  extensions(typeName: string): readonly DescExtension[];
  hasMessage(typeName: string): boolean;
}

function createIndex({ registry, files, operations }: Contract): Index {
  const filesByName = new Map([...registry.files].map((file) => [file.proto.name, file]));
  const extensions = new Map<string, DescExtension[]>();
  for (const type of registry) {
    if (type.kind !== 'extension') continue;
    extensions.set(type.extendee.typeName, [...(extensions.get(type.extendee.typeName) ?? []), type]);
  }
  return {
    services: [...new Set([...operations.values()].map(({ service }) => service))].sort(),
    closure(file) {
      const all = new Set<DescFile>();
      const visit = (next: DescFile): void => {
        if (all.has(next)) return;
        all.add(next);
        next.dependencies.forEach(visit);
      };
      visit(file);
      return [...all].map((each) => Buffer.from(files.get(each.proto.name) ?? []));
    },
    fileByName: (name) => filesByName.get(name),
    fileBySymbol: (symbol) => fileOfSymbol(registry, symbol),
    extensions: (typeName) => extensions.get(typeName) ?? [],
    hasMessage: (typeName) => registry.getMessage(typeName) !== undefined,
  };
}

function lookUp(request: ServerReflectionRequest, index: Index): Result {
  if (request.list_services !== undefined) {
    return { list_services_response: { service: index.services.map((name) => ({ name })) } };
  }
  if (request.file_by_filename !== undefined) {
    return fileResult(index, index.fileByName(request.file_by_filename), `file ${request.file_by_filename}`);
  }
  if (request.file_containing_symbol !== undefined) {
    const symbol = request.file_containing_symbol.replace(/^\./, '');
    return fileResult(index, index.fileBySymbol(symbol), `symbol ${symbol}`);
  }
  if (request.file_containing_extension !== undefined) {
    const { containing_type, extension_number } = request.file_containing_extension;
    const extension = index.extensions(containing_type).find(({ number }) => number === extension_number);
    return fileResult(index, extension?.file, `extension ${extension_number} of ${containing_type}`);
  }
  if (request.all_extension_numbers_of_type !== undefined) {
    const base_type_name = request.all_extension_numbers_of_type;
    if (!index.hasMessage(base_type_name)) return notFound(`message ${base_type_name}`);
    const extension_number = index.extensions(base_type_name).map(({ number }) => number);
    return { all_extension_numbers_response: { base_type_name, extension_number } };
  }
  return {
    error_response: {
      error_code: status.INVALID_ARGUMENT,
      error_message: 'The request must name what it asks for.',
    },
  };
}

function fileResult(index: Index, file: DescFile | undefined, what: string): Result {
  if (file === undefined) return notFound(what);
  return { file_descriptor_response: { file_descriptor_proto: index.closure(file) } };
}

function notFound(what: string): Result {
  return {
    error_response: {
      error_code: status.NOT_FOUND,
      error_message: `The server does not know the ${what.slice(0, 300)}.`,
    },
  };
}
