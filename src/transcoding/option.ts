import {
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Registry,
} from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';

/**
 * The value of an option that extends those of rpcs or fields.
 * @param name the full name of the extension, such as `google.api.http`
 * @returns undefined: it is not set, or the descriptor set does not know it
 */
export function optionOf({ proto }: DescMethod | DescField, name: string, registry: Registry): unknown {
  const unknown = proto.options?.$unknown;
  if (unknown === undefined) return undefined;
  const extension = registry.getExtension(name);
  if (extension === undefined || !holds(unknown, extension.number)) return undefined;
  const writer = new BinaryWriter();
  for (const { no, wireType, data } of unknown)
    if (no === extension.number) writer.tag(no, wireType).raw(data);
  return (fromBinary(holderOf(extension), writer.finish()) as unknown as Record<string, unknown>)[name];
}

type Unknown = readonly { readonly no: number }[];

/** As `some()` would tell, in less time: a contract is asked for ten thousand options, and few of them are set. */
function holds(unknown: Unknown, number: number): boolean {
  for (const { no } of unknown) if (no === number) return true;
  return false;
}

const holders = new WeakMap<DescExtension, DescMessage>();

/**
 * The message that an extension extends, as if the extension were its only field. The library's own getOption() makes one for
 * each value that it reads; a contract has thousands, which took 25 ms of a start.
 */
function holderOf(extension: DescExtension): DescMessage {
  let holder = holders.get(extension);
  if (holder === undefined) {
    const { extendee, typeName } = extension;
    const field = {
      ...extension,
      kind: 'field',
      parent: extendee,
      localName: typeName,
    } as unknown as DescField;
    holder = { ...extendee, fields: [field], members: [field], oneofs: [] };
    holders.set(extension, holder);
  }
  return holder;
}
