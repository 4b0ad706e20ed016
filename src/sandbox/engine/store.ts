import { ApiError } from './api-error.ts';
import type { SandboxClock } from './clock.ts';
import type { JsonObject } from './json.ts';

/** A change that happens to an entity at a moment of sandbox time. */
export interface Change {
  atMs: number;
  set: JsonObject;
}

/** A stored thing, and the changes that will happen to it. */
export interface Entity {
  readonly id: string;
  readonly fields: JsonObject;
  due: Change[];
  /** Reads by id do not find it before this moment (read-after-write lag). */
  readableAtMs: number;
  /** Lists leave it out before this moment. */
  listedAtMs: number;
}

/** What `Store.add` can be told besides the fields. */
export interface EntityOptions {
  due?: Change[];
  readableAtMs?: number;
  listedAtMs?: number;
}

/**
 * All entities, by collection path with its parameters filled in (`/v2/databases/<id>/users`), in order of creation.
 * There are no timers: changes that are due are applied whenever an entity is read.
 */
export class Store {
  readonly #collections = new Map<string, Map<string, Entity>>();
  readonly #clock: SandboxClock;
  readonly #maxEntities: number;
  #size = 0;
  #limit = Number.POSITIVE_INFINITY;

  /** `maxEntities` limits the number of things of all kinds together, as soon as `closeExamples` has been called. */
  constructor(clock: SandboxClock, maxEntities: number) {
    this.#clock = clock;
    this.#maxEntities = maxEntities;
  }

  /** Marks everything in the store as an example. Examples do not count towards the limit. */
  closeExamples(): void {
    this.#limit = this.#size + this.#maxEntities;
  }

  /** Adds an entity and returns it; throws an ApiError 400 when the sandbox is full. */
  add(collection: string, id: string, fields: JsonObject, options: EntityOptions = {}): Entity {
    if (this.#size >= this.#limit) {
      throw new ApiError(
        400,
        `The sandbox is full: it keeps at most ${this.#maxEntities} resources. Delete some.`,
      );
    }
    const entity = { id, fields, due: [], readableAtMs: 0, listedAtMs: 0, ...options };
    const entities = this.#collections.get(collection) ?? new Map<string, Entity>();
    this.#collections.set(collection, entities);
    if (!entities.has(id)) this.#size++;
    entities.set(id, entity);
    return entity;
  }

  /** The entity as it is now; undefined when it does not exist or is not readable yet. */
  get(collection: string, id: string): Entity | undefined {
    const entity = this.#collections.get(collection)?.get(id);
    if (entity === undefined || entity.readableAtMs > this.#clock.nowMs()) return undefined;
    return this.#settle(entity);
  }

  /** Whether the id is taken, readable or not. */
  has(collection: string, id: string): boolean {
    return this.#collections.get(collection)?.has(id) === true;
  }

  /** The listed entities of a collection as they are now, oldest first. */
  list(collection: string): Entity[] {
    const nowMs = this.#clock.nowMs();
    return this.all(collection).filter((entity) => entity.listedAtMs <= nowMs);
  }

  /** Every entity of a collection, including those that lists still leave out. */
  all(collection: string): Entity[] {
    return [...(this.#collections.get(collection)?.values() ?? [])].map((entity) => this.#settle(entity));
  }

  /** How many entities a collection holds. */
  count(collection: string): number {
    return this.#collections.get(collection)?.size ?? 0;
  }

  /** Removes an entity and everything stored below `itemPath`. Does nothing when it does not exist. */
  remove(collection: string, id: string, itemPath = `${collection}/${id}`): void {
    if (this.#collections.get(collection)?.delete(id) !== true) return;
    this.#size--;
    for (const [path, entities] of this.#collections) {
      if (!path.startsWith(`${itemPath}/`)) continue;
      this.#size -= entities.size;
      this.#collections.delete(path);
    }
    if (this.count(collection) === 0) this.#collections.delete(collection);
  }

  /** Sets fields of the entity after `afterMs` of sandbox time. */
  schedule(entity: Entity, afterMs: number, set: JsonObject): void {
    entity.due.push({ atMs: this.#clock.nowMs() + afterMs, set });
    entity.due.sort((one, other) => one.atMs - other.atMs);
  }

  #settle(entity: Entity): Entity {
    const nowMs = this.#clock.nowMs();
    for (let change = entity.due[0]; change !== undefined && change.atMs <= nowMs; change = entity.due[0]) {
      Object.assign(entity.fields, change.set);
      entity.due.shift();
    }
    return entity;
  }
}
