import { createHash } from 'node:crypto';
import { memberOf } from '../contract/created-id.ts';
import type { TagField } from '../contract/effect.ts';

/** The text that a resource carries so that it can be found again: short, and a valid tag. */
export function correlationTag(recordKey: string): string {
  return `vultr-grpc-${createHash('sha256').update(recordKey).digest('hex').slice(0, 20)}`;
}

/** The field of this body that can carry a tag; undefined: the caller uses each one that could. */
export function chooseTagField(fields: readonly TagField[], body: unknown): TagField | undefined {
  return fields.find(({ name, isList }) => {
    const value = memberOf(body, name);
    return value === undefined || (isList && Array.isArray(value));
  });
}

/** The body with the tag: beside the caller's elements in a list, or where the caller has said nothing. */
export function addTag(body: unknown, { name, isList }: TagField, tag: string): Record<string, unknown> {
  const value = isList ? [...callersTags(body, name), tag] : tag;
  return { ...(typeof body === 'object' ? body : {}), [name]: value };
}

/** The caller's tags. `tag` is Vultr's older form of `tags`, and would be lost beside a list that does not hold it. */
function callersTags(body: unknown, name: string): readonly unknown[] {
  const tags = memberOf(body, name);
  if (Array.isArray(tags)) return tags;
  const tag = name === 'tags' ? memberOf(body, 'tag') : undefined;
  return typeof tag === 'string' && tag !== '' ? [tag] : [];
}

/** Whether a resource carries the tag. */
export function carriesTag(resource: unknown, { name }: TagField, tag: string): boolean {
  const value = memberOf(resource, name);
  return Array.isArray(value) ? value.includes(tag) : value === tag;
}
