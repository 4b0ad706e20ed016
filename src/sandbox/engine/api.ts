import { type ApiResponse, type Call, fill, type Route } from './call.ts';
import { type Collection, collectionRoutes, idIn, isRestore, missing } from './collection.ts';
import { isParameter, type Match, Router } from './router.ts';
import type { Entity } from './store.ts';
import type { World } from './world.ts';

/** A group of operations: collections of things, and routes for everything that is not a plain collection. */
export interface Resource {
  collections?: readonly Collection[];
  routes?: readonly Route[];
  /** Puts the examples into a new world. */
  seed?: (world: World) => void;
}

/** All operations of the imitated API. */
export class Api {
  readonly #router: Router;
  readonly #collections: readonly Collection[];
  readonly #resources: readonly Resource[];
  readonly #parents = new Map<Route, Collection[]>();

  constructor(resources: readonly Resource[]) {
    this.#resources = resources;
    this.#collections = resources.flatMap((resource) => resource.collections ?? []);
    const routes = resources.flatMap((resource) => [
      ...(resource.collections ?? []).flatMap(collectionRoutes),
      ...(resource.routes ?? []),
    ]);
    this.#router = new Router(routes);
    for (const route of routes) this.#parents.set(route, this.#parentsOf(route));
  }

  /** Finds the operation of a request. */
  match(method: string, rawPath: string): Match {
    return this.#router.match(method, rawPath);
  }

  /** Puts the examples into a new world. */
  seed(world: World): void {
    for (const resource of this.#resources) resource.seed?.(world);
    world.store.closeExamples();
  }

  /** Does the work. Throws an ApiError to refuse, with the text for the first thing in the path that does not exist. */
  perform(route: Route, call: Omit<Call, 'found'>): ApiResponse {
    const found = (this.#parents.get(route) ?? []).map((row) => findIn(row, call));
    return route.handle({ ...call, found });
  }

  #parentsOf(route: Route): Collection[] {
    return this.#collections
      .filter((row) => isPrefix(row.item, route.template))
      .filter((row) => !(row.putCreates === true && route.method === 'PUT'))
      .filter((row) => !isRestore(row, route))
      .sort((one, other) => one.item.length - other.item.length);
  }
}

function findIn(row: Collection, call: Omit<Call, 'found'>): Entity {
  const entity = call.world.store.get(fill(row.list, call.params), idIn(row, call.params));
  if (entity !== undefined) return entity;
  throw missing(row, call);
}

/** True when `item` is the beginning of `template`, segment by segment; parameters must have the same name. */
function isPrefix(item: string, template: string): boolean {
  const segments = template.split('/');
  const lastOfItem = item.split('/').at(-1) ?? '';
  return item.split('/').every((segment, at) => segment === segments[at]) && isParameter(lastOfItem);
}
