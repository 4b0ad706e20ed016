import { ApiError, badRequest, type RefusalShape } from './api-error.ts';
import { type ApiResponse, type Call, fill, noContent, type Route, target } from './call.ts';
import { iso } from './clock.ts';
import { checkRequired, parseFields, readFields, readGiven } from './fields.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { page } from './paging.ts';
import type { Entity } from './store.ts';
import { keepInTrash, takeFromTrash } from './trash.ts';
import type { World } from './world.ts';

/**
 * A kind of thing that can be listed and read, and usually created, changed and deleted: one row of the sandbox's
 * table. Field lists are written as `parseFields` reads them.
 */
export interface Collection {
  /** Template of the list, which is also where the things are stored: `/v2/databases/{database_id}/users`. */
  list: string;
  /** Template of one thing; everything below it needs the thing to exist. */
  item: string;
  /** The key of the list in its response. */
  many: string;
  /** A second key for the same list, where the documentation and the Go client use different names. */
  alsoMany?: string;
  /** The key of one thing in its response; null when the thing is not wrapped. */
  one: string | null;
  /** Vultr's text for a missing thing. */
  missing: string | ((call: Pick<Call, 'method'>) => string);
  /** The shape of that refusal; `error` by default. */
  missingShape?: RefusalShape;
  /** The fields of the create body. When left out, things cannot be created. */
  accepts?: string;
  /** The path and status of a creation, such as `/v2/registry 201`; `<list> 201` by default. */
  create?: string;
  /**
   * The verb and status of a change, such as `PATCH 204`. When left out, things cannot be changed. With any status but
   * 204, the response shows the thing.
   */
  update?: string;
  /** The fields of the change body. By default those of `accepts`, none of them required. */
  changes?: string;
  /** Whether things can be deleted; by default, those that can be created can. */
  remove?: boolean;
  /** The member that holds the id; `id` by default. */
  idField?: string;
  /** The id of a new thing; a UUID by default. */
  id?: (call: Call, fields: JsonObject) => string | number;
  /** The member that holds the time of creation: `date_created` by default, and none for null. */
  dated?: string | null;
  /**
   * Further fields of a new thing. May refuse by throwing. Members that the body lacks already have their fallbacks.
   */
  initial?: (call: Call, fields: JsonObject) => JsonObject;
  /** What becomes true after the provisioning time. */
  becomes?: (world: World, entity: Entity) => JsonObject;
  /** The names of fields that are kept but not shown, separated by spaces. */
  hide?: string;
  /** The names of hidden fields that the response to the creation shows all the same. */
  showOnce?: string;
  /** The names of fields that only lists leave out. */
  listHides?: string;
  /** Further members of a thing, computed whenever it is shown. */
  view?: (call: Call, entity: Entity) => JsonObject;
  /** False for a list without `meta`, which does not page. */
  meta?: boolean;
  /** Query parameters that filter the list by the field of the same name. */
  filters?: readonly string[];
  /** Called with a new thing. */
  created?: (call: Call, entity: Entity) => void;
  /** Called with the members of a change before they are applied. May refuse by throwing. */
  changing?: (call: Call, entity: Entity, given: JsonObject) => void;
  /** Called before a deletion. May refuse by throwing. */
  removing?: (call: Call, entity: Entity) => void;
  /** Which of the usual routes do not exist, separated by spaces: `list`, `get`. */
  omit?: string;
  /**
   * Which responses show the thing twice, in its envelope and bare, because the documentation wraps it where the Go
   * client reads it bare: `writes` are those to creations, changes and restorations; `all` includes reads.
   */
  both?: 'writes' | 'all';
  /** The names of fields that only the bare form leaves out. */
  bareHides?: string;
  /**
   * How deleted things come back: the verb, the status and what follows the path of the item, such as
   * `PATCH 204 /restore`. With any status but 204, the response shows the thing.
   */
  restore?: string;
  /** True when the response to the creation has no body. */
  silent?: boolean;
  /** True when a PUT creates the thing if it is missing, so that routing must not look for it. */
  putCreates?: boolean;
}

/** The routes that a row stands for. */
export function collectionRoutes(row: Collection): Route[] {
  const omitted = words(row.omit);
  const route = (method: string, template: string, handle: Route['handle']): Route => ({
    method,
    template,
    auth: true,
    handle,
  });
  const made: Route[] = [];
  if (!omitted.includes('list'))
    made.push(route('GET', row.list, (call) => ({ status: 200, body: showList(row, call) })));
  if (!omitted.includes('get'))
    made.push(route('GET', row.item, (call) => readResponse(row, call, target(call))));
  if (row.accepts !== undefined) made.push(createRoute(row, row.accepts));
  if (row.update !== undefined) made.push(updateRoute(row, row.update));
  if (row.remove ?? row.accepts !== undefined)
    made.push(route('DELETE', row.item, (call) => removeTarget(row, call)));
  if (row.restore !== undefined) {
    const { method, template, status } = restoration(row, row.restore);
    made.push(route(method, template, (call) => restore(row, call, status)));
  }
  return made;
}

/** The thing as the API shows it, without its envelope. */
export function show(row: Collection, call: Call, entity: Entity): JsonObject {
  return { ...without(entity.fields, row.hide), ...row.view?.(call, entity) };
}

/** A response with one thing in its envelope; `extra` names hidden fields to show. */
export function oneResponse(
  row: Collection,
  call: Call,
  entity: Entity,
  status: number,
  extra = '',
): ApiResponse {
  const shown = show(row, call, entity);
  for (const name of words(extra)) shown[name] = entity.fields[name] ?? '';
  return { status, body: row.one === null ? shown : { [row.one]: shown } };
}

/** The same as a response to a creation, a change or a restoration, in which some rows show the thing twice. */
export function writeResponse(
  row: Collection,
  call: Call,
  entity: Entity,
  status: number,
  extra = '',
): ApiResponse {
  const wrapped = oneResponse(row, call, entity, status, extra);
  const shown = row.one === null || !isObject(wrapped.body) ? undefined : wrapped.body[row.one];
  if (row.both === undefined || !isObject(shown)) return wrapped;
  return {
    status,
    body: { ...without(shown, row.bareHides), ...(isObject(wrapped.body) ? wrapped.body : {}) },
  };
}

const readResponse = (row: Collection, call: Call, entity: Entity): ApiResponse =>
  row.both === 'all' ? writeResponse(row, call, entity, 200) : oneResponse(row, call, entity, 200);

/** Creates a thing of the row from a body that was already read. */
export function createEntity(row: Collection, call: Call, given: JsonObject): Entity {
  const { world } = call;
  const idField = row.idField ?? 'id';
  const id = row.id?.(call, given) ?? String(given[idField] ?? world.random.uuid());
  const path = fill(row.list, call.params);
  if (world.store.has(path, String(id))) throw badRequest(`${id} already exists.`);
  const dated = row.dated === undefined ? 'date_created' : row.dated;
  const date: JsonObject = dated === null ? {} : { [dated]: iso(world.clock.nowMs()) };
  const fields = { [idField]: id, ...date, ...given, ...row.initial?.(call, given) };
  const entity = world.store.add(path, String(id), fields);
  if (row.becomes !== undefined)
    world.store.schedule(entity, world.lag.provisionMs, row.becomes(world, entity));
  row.created?.(call, entity);
  return entity;
}

/** The key under which the thing in the path is stored: the parameters that the list's path does not have. */
export function idIn(row: Collection, params: Call['params']): string {
  const names = [...row.item.slice(row.list.lastIndexOf('}') + 1).matchAll(/\{(\w+)\}/g)];
  return names.map(([, name]) => params[name ?? ''] ?? '').join('/');
}

function showList(row: Collection, call: Call): Json {
  const fitting = call.world.store
    .list(fill(row.list, call.params))
    .filter(({ fields }) => (row.filters ?? []).every((name) => fits(fields, name, call.query.get(name))));
  const shown = (entity: Entity): JsonObject => without(show(row, call, entity), row.listHides);
  if (row.meta === false) return { [row.many]: fitting.map(shown) };
  const { items, meta } = page(fitting, call.query, ({ id }) => id);
  const list = items.map(shown);
  return { [row.many]: list, ...(row.alsoMany === undefined ? {} : { [row.alsoMany]: list }), meta };
}

/** An empty filter lets everything pass; `tag` also searches `tags`. */
function fits(fields: JsonObject, name: string, wanted: string | null): boolean {
  if (wanted === null || wanted === '' || String(fields[name]) === wanted) return true;
  return name === 'tag' && Array.isArray(fields['tags']) && fields['tags'].includes(wanted);
}

function createRoute(row: Collection, accepts: string): Route {
  const [path = '', status = ''] = (row.create ?? `${row.list} 201`).split(' ');
  const fields = parseFields(accepts);
  const handle: Route['handle'] = (call) => {
    const entity = createEntity(row, call, readFields(fields, call.body));
    return row.silent === true
      ? { status: Number(status) }
      : writeResponse(row, call, entity, Number(status), row.showOnce);
  };
  return { method: 'POST', template: path, auth: true, handle };
}

function updateRoute(row: Collection, update: string): Route {
  const [method = '', status = ''] = update.split(' ');
  const fields = parseFields(row.changes ?? row.accepts ?? '');
  const handle: Route['handle'] = (call) => {
    const entity = target(call);
    if (row.changes !== undefined) checkRequired(fields, call.body);
    const given = readGiven(fields, call.body);
    row.changing?.(call, entity, given);
    Object.assign(entity.fields, given);
    return status === '204' ? noContent : writeResponse(row, call, entity, Number(status));
  };
  return { method, template: row.item, auth: true, handle };
}

function removeTarget(row: Collection, call: Call): { status: number } {
  row.removing?.(call, target(call));
  const path = fill(row.list, call.params);
  const id = idIn(row, call.params);
  if (row.restore !== undefined) keepInTrash(call.world.store, path, target(call));
  call.world.store.remove(path, id, fill(row.item, call.params));
  return noContent;
}

/** True when the route restores a deleted thing of the row, so that routing must not look for it. */
export function isRestore(row: Collection, route: Pick<Route, 'method' | 'template'>): boolean {
  if (row.restore === undefined) return false;
  const { method, template } = restoration(row, row.restore);
  return route.method === method && route.template === template;
}

function restoration(row: Collection, text: string): { method: string; template: string; status: number } {
  const [method = '', status = '', suffix = ''] = text.split(' ');
  return { method, template: row.item + suffix, status: Number(status) };
}

function restore(row: Collection, call: Call, status: number): ApiResponse {
  const entity = takeFromTrash(call.world.store, fill(row.list, call.params), idIn(row, call.params));
  if (entity === undefined) throw missing(row, call);
  return status === 204 ? noContent : writeResponse(row, call, entity, status);
}

/** Vultr's refusal for a thing of this row that does not exist. */
export function missing(row: Collection, call: Pick<Call, 'method'>): ApiError {
  const text = typeof row.missing === 'string' ? row.missing : row.missing(call);
  return new ApiError(404, text, row.missingShape);
}

function without(fields: JsonObject, names = ''): JsonObject {
  const left = { ...fields };
  for (const name of words(names)) delete left[name];
  return left;
}

const words = (text = ''): string[] => text.split(' ').filter((word) => word !== '');
