import type {
  DescriptorProto,
  EnumDescriptorProto,
  FileDescriptorProto,
  ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** The full name of everything that a file declares, as reflection asks for it: down to fields and values of enums. */
export function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  const scope = file.package === '' ? '' : `${file.package}.`;
  for (const message of file.messageType) yield* symbolsOfMessage(message, scope);
  for (const type of file.enumType) yield* symbolsOfEnum(type, scope);
  for (const service of file.service) yield* symbolsOfService(service, scope);
  for (const { name } of file.extension) yield scope + name;
}

function* symbolsOfMessage(message: DescriptorProto, scope: string): Generator<string> {
  yield scope + message.name;
  const inner = `${scope}${message.name}.`;
  for (const { name } of [...message.field, ...message.oneofDecl, ...message.extension]) yield inner + name;
  for (const nested of message.nestedType) yield* symbolsOfMessage(nested, inner);
  for (const type of message.enumType) yield* symbolsOfEnum(type, inner);
}

/** By protobuf's scoping the values of an enum are siblings of the enum. */
function* symbolsOfEnum(type: EnumDescriptorProto, scope: string): Generator<string> {
  yield scope + type.name;
  for (const { name } of type.value) yield scope + name;
}

function* symbolsOfService(service: ServiceDescriptorProto, scope: string): Generator<string> {
  yield scope + service.name;
  for (const { name } of service.method) yield `${scope}${service.name}.${name}`;
}
