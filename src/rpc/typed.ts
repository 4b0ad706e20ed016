import type { Message } from '../transcoding/message.ts';

/** A message type of the generated code. */
interface GeneratedType<T> {
  fromPartial(partial: never): T;
}

/**
 * A request in its generated TypeScript type, absent fields filled in. The tree has been read by the descriptor that the
 * type was generated from, so its fields have the types that the declaration promises.
 */
export function toTyped<T>(type: GeneratedType<T>, message: Message): T {
  return type.fromPartial(message as never);
}
