import {
  create,
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
} from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { type HttpBinding, HttpRuleError } from '../transcoding/binding.ts';
import { compileHttpBindings } from '../transcoding/http-rule.ts';
import { optionOf } from '../transcoding/option.ts';
import { ContractError } from './contract-error.ts';
import { type CreateOption, checkDestroysWith, compileCreateRule, resolveEffect } from './effect.ts';
import type { Operation } from './operation.ts';
import { compileStates, type StatesOption } from './states.ts';
import { compileValidator, isRequired } from './validate.ts';

/** The contract, compiled: what the service offers, and the descriptors that declare it. */
export interface Contract {
  readonly registry: FileRegistry;
  /** The bytes of each FileDescriptorProto as they were built, by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Every rpc, by full name (`package.Service/Method`). */
  readonly operations: ReadonlyMap<string, Operation>;
}

/** An operation while it is compiled: what refers to other operations is filled in last. */
type Compiling = { -readonly [K in keyof Operation]: Operation[K] };

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
  const operations = new Map<string, Compiling>();
  for (const type of registry) {
    if (type.kind !== 'service') continue;
    for (const method of type.methods) {
      const operation = compileOperation(method, registry);
      operations.set(operation.name, operation);
    }
  }
  const raw = [...operations.values()].filter(({ isRaw }) => isRaw);
  if (raw.length > 1)
    throw new ContractError(
      `${raw.map(({ name }) => name).join(' and ')} have option (vultr.options.v1.raw). Only one rpc may.`,
    );
  for (const operation of operations.values()) {
    operation.create = compileCreateRule(
      operation,
      optionOf(operation.descriptor, 'vultr.options.v1.create', registry) as CreateOption | undefined,
      (name) => operation.input.fields.some((field) => field.name === name && isRequired(field, registry)),
      (name) => operations.get(name),
    );
    checkDestroysWith(operation);
  }
  return { registry, files, operations };
}

function compileOperation(method: DescMethod, registry: FileRegistry): Compiling {
  const name = `${method.parent.typeName}/${method.name}`;
  const bindings = compileBindings(method, registry);
  const idempotency = idempotencyOf(method);
  const isRaw = optionOf(method, 'vultr.options.v1.raw', registry) === true;
  const stated = Number(optionOf(method, 'vultr.options.v1.effect', registry) ?? 0);
  try {
    compileValidator(method.input, registry);
  } catch (cause) {
    throw new ContractError(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const effect = resolveEffect(name, stated, bindings[0]?.httpMethod, idempotency, isRaw);
  const states = optionOf(method, 'vultr.options.v1.states', registry) as StatesOption | undefined;
  return {
    name,
    service: method.parent.typeName,
    rpc: method.name,
    descriptor: method,
    input: method.input,
    kind: method.methodKind,
    idempotency,
    isPublic: optionOf(method, 'vultr.options.v1.public', registry) === true,
    effect,
    create: undefined,
    states: compileStates(name, effect, states),
    destroysWith: (optionOf(method, 'vultr.options.v1.destroys_with', registry) ?? []) as readonly string[],
    isRaw,
    isForm: optionOf(method, 'vultr.options.v1.form', registry) === true,
    bindings,
  };
}

function compileBindings(method: DescMethod, registry: FileRegistry): readonly HttpBinding[] {
  try {
    return compileHttpBindings(method, registry);
  } catch (error) {
    if (!(error instanceof HttpRuleError)) throw error;
    throw new ContractError(error.message, { cause: error });
  }
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
 * users of the reflection service need.
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
  throw new ContractError('A file of the descriptor set has no name.');
}
