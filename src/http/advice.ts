import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { createMessage } from '../transcoding/message.ts';
import type { Route, Router } from '../transcoding/router.ts';
import { suggest } from '../transcoding/suggest.ts';
import type { ResolveOperation } from '../v2/resolve.ts';

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
