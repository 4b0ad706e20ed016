import type { IncomingHttpHeaders } from 'node:http';
import { type MaybeSoon, whenThere } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import { isForwarded, isVultrPath } from '../contract/vultr-path.ts';
import type { IncomingRequest } from '../rpc/call.ts';
import type { FieldViolation } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { decodeHttpRequest } from '../transcoding/decode-http.ts';
import { createMessage } from '../transcoding/message.ts';
import { findPathFault } from '../transcoding/plain-path.ts';
import { createRouter, type Route, type Router } from '../transcoding/router.ts';
import { suggest } from '../transcoding/suggest.ts';
import type { ResolveOperation } from '../v2/resolve.ts';
import { methodNotAllowed, pathNotPlain, unknownPath } from './errors.ts';

/** Where a request goes, as it came: nothing is decoded or folded. */
export interface Target {
  readonly path: string;
  /** Without the question mark; "" when there is none. */
  readonly query: string;
}

/** The absolute form of RFC 9112, section 3.2.2, which every server has to take. */
const ABSOLUTE = /^https?:\/\/[^/?]*/i;

/**
 * Splits a request target at its first question mark. `new URL` would not do: it folds `..` and `%2e%2e`, and takes the
 * first segment of `//a/b` for a host.
 */
export function parseTarget(target: string): Target {
  const local = target.startsWith('/') ? target : target.replace(ABSOLUTE, '');
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : local.slice(mark + 1) };
}

/** What a request is for, and how it is read. */
export interface Destination {
  readonly operation: Operation;
  /** Undefined: the request is passed on as it came. */
  readonly binding: HttpBinding | undefined;
  /** @param readWhole reads the body */
  readonly read: (readWhole: () => MaybeSoon<Uint8Array>) => MaybeSoon<IncomingRequest>;
}

/** Finds what a request is for. Throws a CallError when there is no such operation, or the path is malformed. */
export type FindDestination = (method: string, target: Target, headers: IncomingHttpHeaders) => Destination;

/**
 * Makes it from the operations and their HTTP rules.
 * @param otherPaths paths that are served beside the operations, so that they can be suggested, too
 * @throws HttpRuleError when two operations have the same route
 */
export function createDestinations(
  operations: Iterable<Operation>,
  resolveVultr: ResolveOperation,
  otherPaths: Iterable<string> = [],
): FindDestination {
  const routes = [...operations]
    .filter((operation) => !isForwarded(operation))
    .flatMap((operation) => operation.bindings.map((binding) => ({ binding, target: operation })));
  const router = createRouter(routes);
  const templates = new Set([...routes.map(({ binding }) => binding.template.source), ...otherPaths]);
  const suggestPath = createSuggestions({ templates, router, resolveVultr });
  return (method, target, headers) =>
    isVultrPath(target.path)
      ? toVultr(resolveVultr, method, target, headers)
      : toOperation(router, suggestPath, method, target, headers);
}

/** A request to Vultr itself: what arrives is what is sent. The contract only names it. */
function toVultr(
  resolveVultr: ResolveOperation,
  method: string,
  { path, query }: Target,
  { accept, 'content-type': contentType }: IncomingHttpHeaders,
): Destination {
  const fault = findPathFault(path);
  if (fault !== undefined) throw pathNotPlain(fault);
  return {
    operation: resolveVultr(method, path),
    binding: undefined,
    read: (readWhole) =>
      whenThere(readWhole(), (body) => ({
        kind: 'verbatim',
        request: {
          method,
          path,
          query,
          contentType,
          // `*/*` is what clients send when they do not care.
          accept: accept === '*/*' ? undefined : accept,
          body: body.length === 0 ? undefined : body,
        },
      })),
  };
}

const NO_BODY = new Uint8Array();

function toOperation(
  router: Router<Operation>,
  suggestPath: SuggestPath,
  method: string,
  { path, query }: Target,
  headers: IncomingHttpHeaders,
): Destination {
  const match = router.match(method, path);
  if (match.kind === 'unknown') throw unknownPath(suggestPath(path));
  if (match.kind === 'other_methods') throw methodNotAllowed(method, match.allow, adviceFor(match.routes));
  const { binding, target: operation, values, nearer } = match;
  return {
    operation,
    binding,
    read: (readWhole) =>
      whenThere(binding.body === 'none' ? NO_BODY : readWhole(), (body) => {
        const parts = { values, query, contentType: headers['content-type'], body };
        const message = decodeHttpRequest(binding, parts, (read) => validate(operation.input, read));
        // GET /api/instances/stop is no id: it is the path of a PUT.
        if (nearer.length > 0 && validate(operation.input, message).some(isOfPath(binding))) {
          const allow = nearer.map((route) => route.binding.httpMethod).sort();
          throw methodNotAllowed(method, allow, adviceFor(nearer));
        }
        return { kind: 'message', message };
      }),
  };
}

/** Tells violations that are about what the path holds from others. */
function isOfPath({ variables }: HttpBinding): (violation: FieldViolation) => boolean {
  const names = new Set(variables.map((fields) => fields.map(({ name }) => name).join('.')));
  return ({ field }) => names.has(field);
}

/** Names the path that was probably meant; undefined when none is near. */
export type SuggestPath = (path: string) => string | undefined;

/** What can be suggested. */
export interface Known {
  /** Paths, and path templates of operations. */
  readonly templates: ReadonlySet<string>;
  readonly router: Router<Operation>;
  readonly resolveVultr: ResolveOperation;
}

/** A longer path is not the misspelling of one. */
const MAX_PATH_LENGTH = 200;

/** How many fields are named. */
const MAX_FIELDS = 12;

/**
 * Makes it from what there is: a path with a small mistake, one whose `/api` or `/v2` was forgotten, or both. What it names are
 * paths of this service's own, never a part of what the caller sent, which may be a secret in the wrong place.
 */
export function createSuggestions({ templates, router, resolveVultr }: Known): SuggestPath {
  const served = (path: string): string | undefined => {
    if (templates.has(path)) return path;
    const match = router.match('GET', path);
    if (match.kind === 'unknown') return undefined;
    const route = match.kind === 'match' ? match : match.routes[0];
    return route?.binding.template.source;
  };
  const vultrs = (path: string): string | undefined => {
    const { isRaw, bindings } = resolveVultr('GET', path);
    return isRaw ? undefined : bindings[0]?.template.source;
  };
  return (path) => {
    if (path.length > MAX_PATH_LENGTH) return undefined;
    const plain = path.replace(/\/{2,}/g, '/').replace(/\/+$/, '');
    const bare = plain.replace(/^\/(?:api\/v[12]|api|v1)(?=\/)/i, '');
    if (bare === '') return undefined;
    return (
      served(plain) ??
      served(`/api${bare}`) ??
      vultrs(`/v2${bare}`) ??
      nearest(plain, templates) ??
      nearest(`/api${bare}`, templates)
    );
  };
}

/** The template that a path was probably meant for: its literals are near, and what its variables take counts as right. */
function nearest(path: string, templates: Iterable<string>): string | undefined {
  const segments = path.split('/');
  const byPath = new Map<string, string>();
  for (const template of templates) {
    const parts = template.split('/');
    if (parts.length !== segments.length) continue;
    const filled = parts.map((part, index) =>
      part.replace(/\{.*\}/, () => (segments[index] ?? '').replace(/:.*$/, '')),
    );
    byPath.set(filled.join('/'), template);
  }
  return byPath.get(suggest(path, byPath.keys()) ?? '');
}

/** What to send with each of these methods, as sentences. */
export function adviceFor(routes: readonly Route<Operation>[]): string {
  return routes
    .filter(({ binding }) => binding.httpMethod !== 'GET' && binding.httpMethod !== '*')
    .map(({ binding }) => `${binding.httpMethod} ${binding.template.source} takes ${bodyOf(binding)}.`)
    .join(' ');
}

function bodyOf({ body, input, variables }: HttpBinding): string {
  if (body === 'none') return 'no body';
  const fields = body === 'message' ? input.fields : (body.message?.fields ?? []);
  const bound = new Set(variables.map(([field]) => field.name));
  const names = fields
    .map(({ name }) => name)
    .filter((name) => !bound.has(name) && name !== 'additional_fields');
  // What an empty message lacks is what has to be given.
  const lacking = new Set(validate(input, createMessage()).map(({ field }) => field));
  const required = names.filter((name) => lacking.has(name));
  const optional = names.filter((name) => !lacking.has(name));
  const lists = [
    ...(required.length > 0 ? [`with ${some(required)}`] : []),
    ...(optional.length > 0
      ? [`${required.length > 0 ? 'and, if you like,' : 'that may have'} ${some(optional)}`]
      : []),
  ];
  return ['a JSON object', ...lists].join(' ');
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, MAX_FIELDS).map((name) => `"${name}"`);
  return names.length > shown.length ? `${shown.join(', ')} and more` : shown.join(', ');
}
