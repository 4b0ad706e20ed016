import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { compileHttpBindings } from '../../src/transcoding/http-rule.ts';
import type { Route } from '../../src/transcoding/router.ts';
import { compileProto } from './compile-proto.ts';

/** The descriptors of a file of proto text. */
export async function compileRegistry(source: string): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await compileProto(source)));
}

/** The routes of every rpc of a registry; the target of a route is the name of its rpc. */
export function routesOf(registry: FileRegistry): Route<string>[] {
  return [...registry].flatMap((type) =>
    type.kind !== 'service'
      ? []
      : type.methods.flatMap((method) =>
          compileHttpBindings(method, registry).map((binding) => ({ binding, target: method.name })),
        ),
  );
}
