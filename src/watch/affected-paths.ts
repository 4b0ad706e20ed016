import type { Operation } from '../contract/operation.ts';

/** How many segments of a path name a collection, the empty one before the first slash included: `/v2/instances`. */
const COLLECTION = 3;

/**
 * Tells which reads may show a change: those of the thing that the change names by its id and the lists that contain it; of a
 * creation, the lists; of a change of many things at once, or one that the contract does not know, everything in its collection.
 * @param operation the one that the path is for
 * @param path of the request that changed something, in lower case
 * @returns a function that judges the path of a read, in lower case
 */
export function affectedBy(
  { bindings: [binding], effect, isRaw }: Pick<Operation, 'bindings' | 'effect' | 'isRaw'>,
  path: string,
): (watched: string) => boolean {
  const segments = path.split('/');
  const idAt = binding?.template.segments.findIndex((segment) => 'wildcard' in segment) ?? -1;
  if (!isRaw && idAt !== -1) return isAround(segments.slice(0, idAt + 2).join('/'));
  if (!isRaw && effect === 'CREATE') return (watched) => isWithin(path, watched);
  const collection = segments.slice(0, COLLECTION).join('/');
  return (watched) => isWithin(watched, collection);
}

/** Whether a path belongs to a thing, or to what contains it. */
function isAround(thing: string): (watched: string) => boolean {
  return (watched) => isWithin(watched, thing) || isWithin(thing, watched);
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}/`);
}
