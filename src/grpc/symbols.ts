import type { DescFile, FileRegistry } from '@bufbuild/protobuf';
import type { DescriptorProto } from '@bufbuild/protobuf/wkt';

/**
 * The file that declares a symbol, as reflection asks for it: a type, a service, an extension, or what one of them holds, down to
 * fields and values of enums.
 * @param symbol its full name
 * @returns undefined: there is no such symbol
 */
export function fileOfSymbol(registry: FileRegistry, symbol: string): DescFile | undefined {
  const declared = registry.get(symbol);
  if (declared !== undefined) return declared.file;
  const { scope, name } = split(symbol);
  const parent = registry.get(scope);
  if (parent === undefined)
    return fileOfValue(registry, scope, name) ?? fileOfEntryField(registry, scope, name);
  return namesIn(parent).includes(name) ? parent.file : undefined;
}

function split(symbol: string): { readonly scope: string; readonly name: string } {
  const dot = symbol.lastIndexOf('.');
  return { scope: symbol.slice(0, Math.max(0, dot)), name: symbol.slice(dot + 1) };
}

/** What a type or service declares and the registry does not have by itself. */
function namesIn(parent: NonNullable<ReturnType<FileRegistry['get']>>): string[] {
  if (parent.kind === 'service') return parent.methods.map(({ name }) => name);
  return parent.kind === 'message' ? namesInMessage(parent.proto) : [];
}

function namesInMessage({ field, oneofDecl, nestedType, enumType }: DescriptorProto): string[] {
  // By protobuf's scoping the values of an enum are siblings of the enum.
  const values = enumType.flatMap(({ value }) => value);
  // The entries of maps are nested types of which the registry knows nothing.
  return [...field, ...oneofDecl, ...nestedType, ...values].map(({ name }) => name);
}

/** The file in a package that declares the value of an enum outside of messages. */
function fileOfValue({ files }: FileRegistry, scope: string, name: string): DescFile | undefined {
  for (const file of files) {
    const isHere = file.proto.package === scope;
    if (isHere && file.enums.some(({ values }) => values.some((value) => value.name === name))) return file;
  }
  return undefined;
}

/** The file that declares a field of a map's entry. */
function fileOfEntryField(registry: FileRegistry, scope: string, name: string): DescFile | undefined {
  const entry = split(scope);
  const message = registry.getMessage(entry.scope);
  const type = message?.proto.nestedType.find((nested) => nested.name === entry.name);
  return type?.field.some((field) => field.name === name) === true ? message?.file : undefined;
}
