import type { Entity, Store } from './store.ts';

/** The prefix of the collections in which deleted things wait for their restoration. */
const TRASH = 'deleted:';
/** How many are kept of each kind. The oldest are dropped first. */
const MAX_TRASH = 100;

/** Keeps a thing that is about to be removed from `collection`. */
export function keepInTrash(store: Store, collection: string, { id, fields }: Entity): void {
  const [oldest] = store.all(TRASH + collection);
  if (oldest !== undefined && store.count(TRASH + collection) >= MAX_TRASH)
    store.remove(TRASH + collection, oldest.id);
  store.add(TRASH + collection, id, fields);
}

/**
 * Restores a deleted thing and returns it. Returns a thing that was not deleted as it is, and undefined for an unknown
 * one.
 */
export function takeFromTrash(store: Store, collection: string, id: string): Entity | undefined {
  const deleted = store.get(TRASH + collection, id);
  if (deleted === undefined) return store.get(collection, id);
  store.remove(TRASH + collection, id);
  return store.add(collection, id, deleted.fields);
}
