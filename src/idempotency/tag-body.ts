import type { MarkField, Marking } from './marks.ts';

/** The field of this body that can carry a mark; undefined: each that could is the caller's. */
export function markFieldOf(marking: Marking, body: unknown): MarkField | undefined {
  return marking.fields.find(({ name }) => {
    const value = memberOf(body, name);
    return name === 'tags' ? value === undefined || Array.isArray(value) : value === undefined;
  });
}

/** The body with the mark: beside the caller's tags, or where the caller has said nothing. */
export function markBody(body: unknown, { name }: MarkField, mark: string): unknown {
  const value = name === 'tags' ? [...callersTags(body), mark] : mark;
  return { ...(typeof body === 'object' ? body : {}), [name]: value };
}

/** The caller's tags. `tag` is Vultr's older form of them, and would be lost beside a list that does not hold it. */
function callersTags(body: unknown): readonly unknown[] {
  const tags = memberOf(body, 'tags');
  if (Array.isArray(tags)) return tags;
  const tag = memberOf(body, 'tag');
  return typeof tag === 'string' && tag !== '' ? [tag] : [];
}

/** Whether a resource carries the mark. */
export function carries(resource: unknown, { name }: MarkField, mark: string): boolean {
  const value = memberOf(resource, name);
  return Array.isArray(value) ? value.includes(mark) : value === mark;
}

/** A member of what may be an object. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
