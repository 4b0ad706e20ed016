import { CallError } from '../status/call-error.ts';
import { type HttpBinding, HttpRuleError } from './binding.ts';
import { isPathValue } from './encode-http.ts';
import type { PathTemplate } from './path-template.ts';
import { percentDecode, percentDecodeExceptSlash } from './percent.ts';

/** A binding, and what it leads to. */
export interface Route<Target> {
  readonly binding: HttpBinding;
  readonly target: Target;
}

/** The route of a request. */
interface Match<Target> extends Route<Target> {
  readonly kind: 'match';
  /** Routes of other methods whose paths fit better, as literals: they may be what was meant. */
  readonly nearer: readonly Route<Target>[];
  /** The text of each variable of the binding, decoded. */
  readonly values: readonly string[];
}

/** What a method and a path lead to. */
export type RouteMatch<Target> =
  | Match<Target>
  /** The path is known, the method is not: the methods that are, with HEAD if GET is one, and the routes that have them. */
  | {
      readonly kind: 'other_methods';
      readonly allow: readonly string[];
      readonly routes: readonly Route<Target>[];
    }
  | { readonly kind: 'unknown' };

/** Finds the binding of an HTTP request. */
export interface Router<Target> {
  /**
   * Matches a request.
   * @param path as it came, not decoded, without the query
   * @throws CallError INVALID_ARGUMENT when the path is not percent-encoded UTF-8
   */
  match(method: string, path: string): RouteMatch<Target>;
}

/** A node of the tree of paths: what may follow, and the routes that end here, by verb and then by method. */
interface Node<Target> {
  readonly literals: Map<string, Node<Target>>;
  wildcard: Node<Target> | undefined;
  doubleWildcard: Node<Target> | undefined;
  readonly ends: Map<string, End<Target>>;
}

/** The routes that end at a node with the same verb, by method, as the matches that they are where there are no variables. */
type End<Target> = Map<string, Match<Target>>;

/** A segment of a request's path. */
interface PathSegment {
  readonly raw: string;
  /** Decoded once. */
  readonly text: string;
}

/** The key of routes without a verb; no verb is empty. */
const NO_VERB = '';

/**
 * Builds a router. A literal takes precedence over `*`, and `*` over `**`, with back-tracking, for each method on its own. A
 * rule for every method (`*`) comes after one that names the method, and HEAD is served as GET. `**` also matches no
 * segment at all.
 * @throws HttpRuleError that names both rpcs, when two have the same method and path
 */
export function createRouter<Target>(routes: Iterable<Route<Target>>): Router<Target> {
  const root = createNode<Target>();
  /** The ends of templates that stand for one path: it is the best match of that path, and most requests have such a one. */
  const ends = new Map<string, End<Target>>();
  for (const route of routes) {
    const end = insert(root, route);
    const { path, verb } = route.binding.template;
    if (path !== undefined && verb === undefined) ends.set(path, end);
  }
  return {
    match(method, path) {
      const known = ends.get(path);
      const only = known === undefined ? undefined : routeFor(known, method);
      if (only !== undefined) return only;
      if (!path.startsWith('/')) return { kind: 'unknown' };
      const segments = path === '/' ? [] : path.slice(1).split('/').map(decodeSegment);
      const others = new Map<string, Route<Target>>();
      for (const [end, matched] of findEnds(root, segments)) {
        const route = routeFor(end, method);
        if (route !== undefined) {
          const values = capture(route.binding.template, matched);
          return { ...route, values, nearer: [...others.values()] };
        }
        for (const [known, other] of end) if (!others.has(known)) others.set(known, other);
      }
      if (others.size === 0) return { kind: 'unknown' };
      const methods = [...others.keys(), ...(others.has('GET') ? ['HEAD'] : [])];
      return { kind: 'other_methods', allow: methods.sort(), routes: [...others.values()] };
    },
  };
}

function routeFor<Target>(end: End<Target>, method: string): Match<Target> | undefined {
  return end.get(method) ?? (method === 'HEAD' ? end.get('GET') : undefined) ?? end.get('*');
}

function createNode<Target>(): Node<Target> {
  return { literals: new Map(), wildcard: undefined, doubleWildcard: undefined, ends: new Map() };
}

/** @returns the end of the route's path */
function insert<Target>(root: Node<Target>, route: Route<Target>): End<Target> {
  const { binding } = route;
  let node = root;
  for (const segment of binding.template.segments) {
    if ('literal' in segment) {
      const next = node.literals.get(segment.literal) ?? createNode();
      node.literals.set(segment.literal, next);
      node = next;
    } else if (segment.wildcard === '*') {
      node.wildcard ??= createNode();
      node = node.wildcard;
    } else {
      node.doubleWildcard ??= createNode();
      node = node.doubleWildcard;
    }
  }
  const verb = binding.template.verb ?? NO_VERB;
  const end: End<Target> = node.ends.get(verb) ?? new Map();
  node.ends.set(verb, end);
  const other = end.get(binding.httpMethod);
  if (other !== undefined) {
    throw new HttpRuleError(
      `${binding.rpc} and ${other.binding.rpc} have the same route, ` +
        `${binding.httpMethod} ${other.binding.template.source}. Give one of them another path.`,
    );
  }
  end.set(binding.httpMethod, { kind: 'match', ...route, values: [], nearer: [] });
  return end;
}

function decodeSegment(raw: string): PathSegment {
  try {
    return { raw, text: percentDecode(raw) };
  } catch (cause) {
    throw new CallError('INVALID_ARGUMENT', 'INVALID_REQUEST', 'The path is not percent-encoded UTF-8.', {
      cause,
    });
  }
}

/**
 * Every end that the path reaches, the best first, with the segments that were matched. The last segment's `:verb` is
 * tried as one first, and as a part of the segment after that.
 */
function* findEnds<Target>(
  root: Node<Target>,
  segments: readonly PathSegment[],
): Generator<[End<Target>, readonly PathSegment[]]> {
  const last = segments.at(-1);
  const colon = last?.raw.lastIndexOf(':') ?? -1;
  if (last !== undefined && colon >= 0) {
    const verb = percentDecode(last.raw.slice(colon + 1));
    const shortened = segments.slice(0, -1);
    // `/:verb` is the root with a verb, which has no segments.
    if (segments.length > 1 || colon > 0) shortened.push(decodeSegment(last.raw.slice(0, colon)));
    if (verb !== NO_VERB) yield* walk(root, shortened, 0, verb);
  }
  yield* walk(root, segments, 0, NO_VERB);
}

function* walk<Target>(
  node: Node<Target>,
  segments: readonly PathSegment[],
  index: number,
  verb: string,
): Generator<[End<Target>, readonly PathSegment[]]> {
  const segment = segments[index];
  if (segment === undefined) {
    const end = node.ends.get(verb);
    if (end !== undefined) yield [end, segments];
  } else {
    const literal = node.literals.get(segment.text);
    if (literal !== undefined) yield* walk(literal, segments, index + 1, verb);
    if (node.wildcard !== undefined && isPathValue(segment.text))
      yield* walk(node.wildcard, segments, index + 1, verb);
  }
  const rest = node.doubleWildcard?.ends.get(verb);
  if (rest !== undefined && segments.slice(index).every(({ text }) => isPathValue(text)))
    yield [rest, segments];
}

/** The values of a template's variables: one segment decoded completely, several all but their escaped slashes. */
function capture(template: PathTemplate, segments: readonly PathSegment[]): readonly string[] {
  return template.variables.map(({ start, end, isMultiSegment }) => {
    if (!isMultiSegment) return segments[start]?.text ?? '';
    const last = template.segments[end - 1];
    const isOpen = last !== undefined && 'wildcard' in last && last.wildcard === '**';
    const captured = segments.slice(start, isOpen ? undefined : end);
    return captured.map(({ raw }) => percentDecodeExceptSlash(raw)).join('/');
  });
}
