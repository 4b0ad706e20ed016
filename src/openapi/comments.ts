import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** What may have a comment in a proto file. */
export type Commented = DescService | DescMethod | DescMessage | DescField;

/** Reads the comment in front of a declaration, its lines joined to paragraphs; empty where there is none. */
export type ReadComment = (target: Commented) => string;

/**
 * Makes the reader of comments. The compiled contract holds none, to save memory: they are read from the bytes of the files,
 * each file when it is first needed.
 * @param files the bytes of each FileDescriptorProto, by file name
 */
export function createCommentReader(files: ReadonlyMap<string, Uint8Array>): ReadComment {
  const read = new Map<string, ReadonlyMap<string, string>>();
  return (target) => {
    const { name } = fileOf(target).proto;
    let comments = read.get(name);
    if (comments === undefined) {
      comments = readComments(files.get(name));
      read.set(name, comments);
    }
    return comments.get(pathOf(target).join('.')) ?? '';
  };
}

function readComments(bytes: Uint8Array | undefined): ReadonlyMap<string, string> {
  if (bytes === undefined) return new Map();
  const locations = fromBinary(FileDescriptorProtoSchema, bytes).sourceCodeInfo?.location ?? [];
  return new Map(
    locations
      .filter(({ leadingComments }) => leadingComments !== '')
      .map(({ path, leadingComments }) => [path.join('.'), joinLines(leadingComments)]),
  );
}

/** Paragraphs stand between empty lines; inside of one, line ends are spaces. */
function joinLines(comment: string): string {
  return comment
    .split(/\n[ \t]*\n/)
    .map((paragraph) => paragraph.trim().replace(/\s*\n\s*/g, ' '))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}

function fileOf(target: Commented) {
  return target.kind === 'message' || target.kind === 'service' ? target.file : target.parent.file;
}

/** The place of a declaration in its file, as google.protobuf.SourceCodeInfo.Location.path has it. */
function pathOf(target: Commented): readonly number[] {
  switch (target.kind) {
    case 'service':
      return [6, target.file.proto.service.indexOf(target.proto)];
    case 'rpc':
      return [...pathOf(target.parent), 2, target.parent.proto.method.indexOf(target.proto)];
    case 'field':
      return [...pathOf(target.parent), 2, target.parent.proto.field.indexOf(target.proto)];
    case 'message': {
      const { parent, file, proto } = target;
      return parent === undefined
        ? [4, file.proto.messageType.indexOf(proto)]
        : [...pathOf(parent), 3, parent.proto.nestedType.indexOf(proto)];
    }
  }
}

/** The first sentence of a comment, without its full stop. */
export function firstSentence(comment: string): string {
  const [first = ''] = comment.split(/(?<=[.!?])\s+(?=[A-Z(`"])/, 1);
  return first.replace(/\.$/, '');
}
