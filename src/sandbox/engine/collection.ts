import { ApiError, badRequest, type RefusalShape } from './api-error.ts';
import { type Answer, type Call, fill, noContent, type Route, target } from './call.ts';
import { iso } from './clock.ts';
import { checkRequired, parseFields, readFields, readGiven } from './fields.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { page } from './paging.ts';
import type { Entity } from './store.ts';
import { keepInTrash, takeFromTrash } from './trash.ts';
import type { World } from './world.ts';

/**
 * A kind of thing that can be listed, read, and usually created, changed and deleted: one row of the sandbox's table.
 * Field lists are written as `parseFields` reads them.
 */
export interface Collection {
  /** Template of the list, which is also where the things are stored: `/v2/databases/{database_id}/users`. */
  list: string;
  /** Template of one thing; everything below it needs the thing to exist. */
  item: string;
  /** Key of the list in its answer. */
  many: string;
  /** A second key with the same list, where the documents and the Go client name it differently. */
  alsoMany?: string;
  /** Key of one thing in its answer; null when it comes unwrapped. */
  one: string | null;
  /** Vultr's text for a missing thing. */
  missing: string | ((call: Pick<Call, 'method'>) => string);
  /** The shape of that refusal; `error` when left out. */
  missingShape?: RefusalShape;
  /** Field list of the create body. No creation when left out. */
  accepts?: string;
  /** Where and with which status things are created: `/v2/registry 201`; `<list> 201` when left out. */
  create?: string;
  /** Verb and status of the change: `PATCH 204`. No change when left out. A status other than 204 shows the thing. */
  update?: string;
  /** Field list of the change body; `accepts` when left out, where nothing is required then. */
  changes?: string;
  /** Whether it can be deleted; when left out, whether it can be created. */
  remove?: boolean;
  /** The member that is the id; `id` when left out. */
  idField?: string;
  /** The id of a new thing; a UUID when left out. */
  id?: (call: Call, fields: JsonObject) => string | number;
  /** The member that holds the time of creation; `date_created` when left out, none when null. */
  dated?: string | null;
  /** Further fields of a new thing; may refuse by throwing. Undefined members of the body already have their fallbacks. */
  initial?: (call: Call, fields: JsonObject) => JsonObject;
  /** What becomes true after the provisioning time. */
  becomes?: (world: World, entity: Entity) => JsonObject;
  /** Names of fields that are kept but not shown, separated by spaces. */
  hide?: string;
  /** Names of hidden fields that the answer to the creation shows all the same. */
  showOnce?: string;
  /** Names of fields that only the list leaves out. */
  listHides?: string;
  /** Further members of the thing as it is shown, computed when it is. */
  view?: (call: Call, entity: Entity) => JsonObject;
  /** False when the list has no `meta` and does not page. */
  meta?: boolean;
  /** Query parameters that must equal the field of the same name. */
  filters?: readonly string[];
  /** Called with a new thing. */
  created?: (call: Call, entity: Entity) => void;
  /** Called with the members of a change before they are taken over; may refuse by throwing. */
  changing?: (call: Call, entity: Entity, given: JsonObject) => void;
  /** Called before a deletion; may refuse by throwing. */
  removing?: (call: Call, entity: Entity) => void;
  /** Which of the usual routes there are not, separated by spaces: `list`, `get`. */
  omit?: string;
  /**
   * Which answers show the thing twice, in its envelope and bare, because the documents wrap it where the Go client reads
   * it bare: those to creation, change and restoration, or the one to reading it, too.
   */
  both?: 'writes' | 'all';
  /** Names of fields that only the bare form leaves out. */
  bareHides?: string;
  /**
   * How deleted things come back: verb, status and, when it is not the item itself, what follows its path:
   * `PATCH 204 /restore`. A status other than 204 shows the thing.
   */
  restore?: string;
  /** True when the creation answers without a body. */
  silent?: boolean;
  /** True when a PUT on a missing thing creates it, so that routing does not look for it. */
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
    made.push(route('GET', row.item, (call) => answerRead(row, call, target(call))));
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

/** One thing in its envelope, with that status; `extra` names hidden fields to show. */
export function answerOne(row: Collection, call: Call, entity: Entity, status: number, extra = ''): Answer {
  const shown = show(row, call, entity);
  for (const name of words(extra)) shown[name] = entity.fields[name] ?? '';
  return { status, body: row.one === null ? shown : { [row.one]: shown } };
}

/** The same for an answer to a creation, a change or a restoration, which some rows show in two ways. */
export function answerWrite(row: Collection, call: Call, entity: Entity, status: number, extra = ''): Answer {
  const answer = answerOne(row, call, entity, status, extra);
  const shown = row.one === null || !isObject(answer.body) ? undefined : answer.body[row.one];
  if (row.both === undefined || !isObject(shown)) return answer;
  return {
    status,
    body: { ...without(shown, row.bareHides), ...(isObject(answer.body) ? answer.body : {}) },
  };
}

const answerRead = (row: Collection, call: Call, entity: Entity): Answer =>
  row.both === 'all' ? answerWrite(row, call, entity, 200) : answerOne(row, call, entity, 200);

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

/** The key under which the thing that the path names is stored: the parameters that the list does not have. */
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

/** An empty filter lets everything through; `tag` also looks through `tags`. */
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
      : answerWrite(row, call, entity, Number(status), row.showOnce);
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
    return status === '204' ? noContent : answerWrite(row, call, entity, Number(status));
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

/** True when the route brings back a deleted thing of the row, so that routing must not look for it. */
export function isRestore(row: Collection, route: Pick<Route, 'method' | 'template'>): boolean {
  if (row.restore === undefined) return false;
  const { method, template } = restoration(row, row.restore);
  return route.method === method && route.template === template;
}

function restoration(row: Collection, text: string): { method: string; template: string; status: number } {
  const [method = '', status = '', suffix = ''] = text.split(' ');
  return { method, template: row.item + suffix, status: Number(status) };
}

function restore(row: Collection, call: Call, status: number): Answer {
  const entity = takeFromTrash(call.world.store, fill(row.list, call.params), idIn(row, call.params));
  if (entity === undefined) throw missing(row, call);
  return status === 204 ? noContent : answerWrite(row, call, entity, status);
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
