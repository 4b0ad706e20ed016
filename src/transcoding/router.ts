import { ContractError } from '../contract/contract-error.ts';
import { isPathValue } from './encode-http.ts';
import type { HttpBinding, Operation } from '../contract/operation.ts';
import type { PathTemplate } from './path-template.ts';
import { percentDecode, percentDecodeExceptSlash } from './percent.ts';
import { CallError } from '../status/call-error.ts';

/** What a method and a path lead to. */
export type RouteMatch =
  | {
      readonly kind: 'match';
      readonly binding: HttpBinding;
      /** The text of each variable of the binding, decoded. */
      readonly values: readonly string[];
    }
  /** The path is known, the method is not: those that are, HEAD beside GET. */
  | { readonly kind: 'other_methods'; readonly allow: readonly string[] }
  | { readonly kind: 'unknown' };

/** Finds the binding of an HTTP request among those of all operations. */
export interface Router {
  /**
   * Matches a request.
   * @param path as it came, not decoded, without the query
   * @throws CallError INVALID_ARGUMENT when the path is not percent-encoded UTF-8
   */
  match(method: string, path: string): RouteMatch;
}

/** A node of the tree of paths: what may follow, and the bindings that end here, by verb and then by method. */
interface Node {
  readonly literals: Map<string, Node>;
  wildcard: Node | undefined;
  doubleWildcard: Node | undefined;
  readonly ends: Map<string, Map<string, HttpBinding>>;
}

/** A segment of a request's path. */
interface PathSegment {
  readonly raw: string;
  /** Decoded once. */
  readonly text: string;
}

/** The key of bindings without a verb; no verb is empty. */
const NO_VERB = '';

/**
 * Builds the router. A literal goes before `*`, `*` before `**`, with back-tracking, for each method on its own; a
 * binding for every method (`*`) comes after one that names it, and HEAD is served as GET.
 * @throws ContractError that names both rpcs, when two have the same method and path
 */
export function createRouter(operations: Iterable<Operation>): Router {
  const root = createNode();
  for (const operation of operations) for (const binding of operation.bindings) insert(root, binding);
  return {
    match(method, path) {
      if (!path.startsWith('/')) return { kind: 'unknown' };
      const segments = path.slice(1).split('/').map(decodeSegment);
      const methods = new Set<string>();
      for (const [end, matched] of findEnds(root, segments)) {
        const binding = end.get(method) ?? (method === 'HEAD' ? end.get('GET') : undefined) ?? end.get('*');
        const values = binding && capture(binding.template, matched);
        if (binding !== undefined && values !== undefined) return { kind: 'match', binding, values };
        for (const [known, other] of end)
          if (capture(other.template, matched) !== undefined) methods.add(known);
      }
      if (methods.size === 0) return { kind: 'unknown' };
      if (methods.has('GET')) methods.add('HEAD');
      return { kind: 'other_methods', allow: [...methods].sort() };
    },
  };
}

function createNode(): Node {
  return { literals: new Map(), wildcard: undefined, doubleWildcard: undefined, ends: new Map() };
}

function insert(root: Node, binding: HttpBinding): void {
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
  const end = node.ends.get(verb) ?? new Map<string, HttpBinding>();
  node.ends.set(verb, end);
  const other = end.get(binding.httpMethod);
  if (other !== undefined) {
    throw new ContractError(
      `${binding.operation.name} and ${other.operation.name} have the same route, ` +
        `${binding.httpMethod} ${other.template.source}. Give one of them another path.`,
    );
  }
  end.set(binding.httpMethod, binding);
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
function* findEnds(
  root: Node,
  segments: readonly PathSegment[],
): Generator<[Map<string, HttpBinding>, readonly PathSegment[]]> {
  const last = segments.at(-1);
  const colon = last?.raw.lastIndexOf(':') ?? -1;
  if (last !== undefined && colon >= 0) {
    const verb = percentDecode(last.raw.slice(colon + 1));
    const shortened = [...segments.slice(0, -1), decodeSegment(last.raw.slice(0, colon))];
    if (verb !== NO_VERB) yield* walk(root, shortened, 0, verb);
  }
  yield* walk(root, segments, 0, NO_VERB);
}

function* walk(
  node: Node,
  segments: readonly PathSegment[],
  index: number,
  verb: string,
): Generator<[Map<string, HttpBinding>, readonly PathSegment[]]> {
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

/**
 * The values of a template's variables: one segment decoded completely, several all but their escaped slashes. Undefined
 * when one is empty: `**` may stand for no segment at all, but a variable that is nothing else may not.
 */
function capture(template: PathTemplate, segments: readonly PathSegment[]): readonly string[] | undefined {
  const values = template.variables.map(({ start, end, isMultiSegment }) => {
    if (!isMultiSegment) return segments[start]?.text ?? '';
    const last = template.segments[end - 1];
    const isOpen = last !== undefined && 'wildcard' in last && last.wildcard === '**';
    const captured = segments.slice(start, isOpen ? undefined : end);
    return captured.map(({ raw }) => percentDecodeExceptSlash(raw)).join('/');
  });
  return values.includes('') ? undefined : values;
}
