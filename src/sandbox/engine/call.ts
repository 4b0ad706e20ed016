import type { Json, JsonObject } from './json.ts';
import type { Entity } from './store.ts';
import type { World } from './world.ts';

/** A request as a handler sees it: authenticated and routed, its body parsed, and the things in its path looked up. */
export interface Call {
  readonly world: World;
  readonly method: string;
  /** Decoded path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The body when it is an object, else `{}`. */
  readonly body: JsonObject;
  /** The body when it is an array, else `[]`. */
  readonly list: readonly Json[];
  /** The things named by the path, outermost first: the instance of `/v2/instances/{instance_id}/halt`. */
  readonly found: readonly Entity[];
  readonly remoteAddress: string;
  /** The key of the request, undefined when it has none. Operations without `auth` may look at it. */
  readonly key: string | undefined;
}

/** The response of a handler. Without a `body` it is empty (a 204, and the odd empty 200 or 202). */
export interface ApiResponse {
  status: number;
  body?: Json;
  /** For the operations whose responses are not JSON. */
  contentType?: string;
  location?: string;
}

/** Does the work of one operation; throws an ApiError to refuse. */
export type Handler = (call: Call) => ApiResponse;

/** An operation of the API. */
export interface Route {
  readonly method: string;
  /** `/v2/instances/{instance_id}`: literal and `{parameter}` segments. */
  readonly template: string;
  /** The format of the body; `json` by default. */
  readonly bodyFormat?: BodyFormat;
  readonly handle: Handler;
  /** False for the operations that do not need a key of the account. */
  readonly auth: boolean;
  /** True for a GET that takes its parameters from the body. */
  readonly readsBody?: boolean;
}

/** `json` accepts application/json, `scim` also application/scim+json, and `form` application/x-www-form-urlencoded. */
export type BodyFormat = 'json' | 'scim' | 'form';

/** Handlers by `METHOD /template`. */
export type RouteTable = Record<string, Handler>;

/** Turns a table of handlers into routes. */
export function routes(table: RouteTable, auth = true, bodyFormat: BodyFormat = 'json'): Route[] {
  return Object.entries(table).map(([key, handle]) => {
    const space = key.indexOf(' ');
    return { method: key.slice(0, space), template: key.slice(space + 1), handle, auth, bodyFormat };
  });
}

/** 200 with a body. */
export const ok = (body: Json): ApiResponse => ({ status: 200, body });

/** 204 without a body. */
export const noContent: ApiResponse = { status: 204 };

/** The innermost thing that the path names; routing has made sure that it exists. */
export function target(call: Call): Entity {
  const entity = call.found.at(-1);
  if (entity === undefined) throw new Error('the path of this route names no stored thing');
  return entity;
}

/** The outermost thing that the path names. */
export function owner(call: Call): Entity {
  const [entity] = call.found;
  return entity ?? target(call);
}

/** The path parameter `name`; routing has made sure that it is there. */
export function param(call: Call, name: string): string {
  const value = call.params[name];
  if (value === undefined) throw new Error(`the route has no parameter ${name}`);
  return value;
}

/** Fills `{parameters}` of a template with the call's values. */
export function fill(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
