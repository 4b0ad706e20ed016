import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** The comment in front of an rpc, a message or a field; empty where there is none. */
export function commentOf(target: DescMethod | DescMessage | DescField): string {
  const file = (target.kind === 'message' ? target : target.parent).file.proto;
  return commentsOf(file).get(pathOf(target).join('.'))?.trim() ?? '';
}

const comments = new WeakMap<FileDescriptorProto, ReadonlyMap<string, string>>();

function commentsOf(file: FileDescriptorProto): ReadonlyMap<string, string> {
  let found = comments.get(file);
  if (found === undefined) {
    const locations = file.sourceCodeInfo?.location ?? [];
    found = new Map(locations.map(({ path, leadingComments }) => [path.join('.'), leadingComments]));
    comments.set(file, found);
  }
  return found;
}

/** The place of a declaration in its file, as google.protobuf.SourceCodeInfo.Location.path has it. */
function pathOf(target: DescMethod | DescMessage | DescField): number[] {
  if (target.kind === 'rpc') {
    const { file, proto } = target.parent;
    return [6, file.proto.service.indexOf(proto), 2, proto.method.indexOf(target.proto)];
  }
  if (target.kind === 'field')
    return [...pathOf(target.parent), 2, target.parent.proto.field.indexOf(target.proto)];
  const { parent, file, proto } = target;
  return parent === undefined
    ? [4, file.proto.messageType.indexOf(proto)]
    : [...pathOf(parent), 3, parent.proto.nestedType.indexOf(proto)];
}
