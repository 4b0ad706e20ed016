import { ApiError } from '../engine/api-error.ts';
import {
  type ApiResponse,
  type Call,
  fill,
  noContent,
  ok,
  param,
  type Route,
  routes,
} from '../engine/call.ts';
import type { JsonObject } from '../engine/json.ts';
import { page } from '../engine/paging.ts';
import type { Entity } from '../engine/store.ts';

/** A many-to-many relation that is stored at one end: the users of a role, the policies of a role. */
export interface Link {
  /** Where the relation is listed and stored: `/v2/roles/{role_id}/users`. */
  path: string;
  /** Path parameter of the other end, and where it is stored. */
  parameter: string;
  collection: string;
  /** Vultr's text for another end that does not exist. */
  missing: string;
  /** The key of the list in the Go client. */
  many: string;
  /** The key of an entry in the documentation, whose plural is the key of the list. */
  relationship: string;
  /** What an entry of the list shows. It is also the response to POST. */
  entry: (call: Call, one: Entity, other: Entity) => JsonObject;
}

/** The routes that list a relation, attach (POST) and detach (DELETE). */
export function linkRoutes(link: Link): Route[] {
  const item = `${link.path}/{${link.parameter}}`;
  return routes({
    [`GET ${link.path}`]: (call) => {
      const { items, meta } = page(linked(link, call), call.query, ({ id }) => String(id));
      return ok({ [link.many]: items, [`${link.relationship}s`]: items, meta });
    },
    [`POST ${item}`]: (call) => attach(link, call, param(call, link.parameter)),
    [`DELETE ${item}`]: (call) => detach(link, call),
  });
}

/** Attaches the other end with that id. The response has the entry both in its envelope and bare. */
export function attach(link: Link, call: Call, id: string): ApiResponse {
  const { store, clock } = call.world;
  const other = store.get(link.collection, id);
  const one = call.found[0];
  const nowMs = clock.nowMs();
  // A new role needs some seconds before it can be attached to anything.
  if (one === undefined || one.listedAtMs > nowMs) throw new ApiError(404, 'Role not found');
  if (other === undefined || other.listedAtMs > nowMs) throw new ApiError(404, link.missing);
  const entry = link.entry(call, one, other);
  store.add(fill(link.path, call.params), id, entry);
  return { status: 201, body: { ...entry, [link.relationship]: entry } };
}

/** Detaches the other end in the path. */
export function detach(link: Link, call: Call): ApiResponse {
  const path = fill(link.path, call.params);
  const id = param(call, link.parameter);
  if (!call.world.store.has(path, id)) throw new ApiError(404, link.missing);
  call.world.store.remove(path, id);
  return noContent;
}

const linked = (link: Link, call: Call): JsonObject[] =>
  call.world.store.list(fill(link.path, call.params)).map(({ id, fields }) => ({ id, ...fields }));
