import {
  create,
  createFileRegistry,
  type DescExtension,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  getExtension,
} from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { ContractError } from './contract-error.ts';
import { compileHttpBindings } from '../transcoding/http-rule.ts';
import type { HttpBinding, Operation } from './operation.ts';
import { compileValidator } from './validate.ts';

/** The contract, compiled: what the service offers, and the descriptors that say so. */
export interface Contract {
  readonly registry: FileRegistry;
  /** The bytes of each FileDescriptorProto as they were built, by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Every rpc, by full name (`package.Service/Method`). */
  readonly operations: ReadonlyMap<string, Operation>;
}

/**
 * Compiles a descriptor set into the table of operations.
 * @param bytes a google.protobuf.FileDescriptorSet with all imports
 * @throws ContractError that names the rpc, on any fault in an annotation
 */
export function loadContract(bytes: Uint8Array): Contract {
  const files = splitFiles(bytes);
  const file = [...files.values()].map((each) =>
    fromBinary(FileDescriptorProtoSchema, withoutComments(each)),
  );
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
  const operations = new Map<string, Operation>();
  for (const type of registry) {
    if (type.kind !== 'service') continue;
    for (const method of type.methods) {
      const operation = compileOperation(method, registry);
      operations.set(operation.name, operation);
    }
  }
  return { registry, files, operations };
}

function compileOperation(method: DescMethod, registry: FileRegistry): Operation {
  const bindings: HttpBinding[] = [];
  const operation: Operation = {
    name: `${method.parent.typeName}/${method.name}`,
    service: method.parent.typeName,
    rpc: method.name,
    descriptor: method,
    input: method.input,
    kind: method.methodKind,
    idempotency: idempotencyOf(method),
    isPublic: isPublic(method, registry),
    bindings,
  };
  bindings.push(...compileHttpBindings(operation, registry));
  try {
    compileValidator(method.input, registry);
  } catch (cause) {
    throw new ContractError(`${operation.name}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  return operation;
}

function idempotencyOf(method: DescMethod): Operation['idempotency'] {
  switch (method.idempotency) {
    case MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS:
      return 'NO_SIDE_EFFECTS';
    case MethodOptions_IdempotencyLevel.IDEMPOTENT:
      return 'IDEMPOTENT';
    default:
      return 'IDEMPOTENCY_UNKNOWN';
  }
}

function isPublic(method: DescMethod, registry: FileRegistry): boolean {
  const option: DescExtension | undefined = registry.getExtension('vultr.options.v1.public');
  return (
    option !== undefined &&
    method.proto.options !== undefined &&
    getExtension(method.proto.options, option) === true
  );
}

/** Cuts a FileDescriptorSet (repeated FileDescriptorProto file = 1) into its files without re-encoding them. */
function splitFiles(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== 1) {
      reader.skip(wireType, field);
      continue;
    }
    const file = reader.bytes();
    files.set(nameOf(file), file);
  }
  return files;
}

/**
 * A FileDescriptorProto without its comments and positions (source_code_info = 9): three quarters of the bytes, which only
 * readers of the reflection service want.
 */
function withoutComments(file: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const reader = new BinaryReader(file);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    if (field !== 9) parts.push(file.subarray(start, reader.pos));
  }
  return Buffer.concat(parts);
}

/** The name of a FileDescriptorProto (string name = 1). */
function nameOf(file: Uint8Array): string {
  const reader = new BinaryReader(file);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) return reader.string();
    reader.skip(wireType, field);
  }
  throw new ContractError('a file of the descriptor set has no name');
}
