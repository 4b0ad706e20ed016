import type { Route } from './call.ts';

/** The result of routing a request. */
export type Match =
  | { kind: 'route'; route: Route; params: Record<string, string> }
  | { kind: 'wrong-method'; allowed: string[] }
  | { kind: 'unknown' };

interface Compiled {
  route: Route;
  segments: string[];
}

/**
 * Finds the route of a request. The raw path is split at `/` before each segment is percent-decoded once, so `%2F`
 * stays inside its segment. HEAD is routed as GET. Where a literal and a parameter both match, the literal wins, from
 * the left.
 */
export class Router {
  readonly #byLength = new Map<number, Compiled[]>();

  /** Throws when two routes have the same method and template shape. */
  constructor(routes: readonly Route[]) {
    const seen = new Set<string>();
    for (const route of routes) {
      const shape = `${route.method} ${route.template.replace(/\{\w+\}/g, '{}')}`;
      if (seen.has(shape)) throw new Error(`two routes for ${shape}`);
      seen.add(shape);
      const segments = route.template.split('/');
      const sameLength = this.#byLength.get(segments.length) ?? [];
      sameLength.push({ route, segments });
      this.#byLength.set(segments.length, sameLength);
    }
    for (const compiled of this.#byLength.values()) compiled.sort(literalFirst);
  }

  /** Takes the raw path, without the query. */
  match(method: string, rawPath: string): Match {
    const path = decodeSegments(rawPath);
    if (path === undefined) return { kind: 'unknown' };
    const fitting = (this.#byLength.get(path.length) ?? []).filter(({ segments }) => fits(segments, path));
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = fitting.find(({ route }) => route.method === wanted);
    if (found === undefined) {
      const allowed = [...new Set(fitting.map(({ route }) => route.method))].sort();
      return allowed.length === 0 ? { kind: 'unknown' } : { kind: 'wrong-method', allowed };
    }
    const params: Record<string, string> = {};
    for (const [at, segment] of found.segments.entries()) {
      if (isParameter(segment)) params[segment.slice(1, -1)] = path[at] ?? '';
    }
    return { kind: 'route', route: found.route, params };
  }
}

/** True for a `{parameter}` segment of a template. */
export const isParameter = (segment: string): boolean => segment.startsWith('{');

function decodeSegments(rawPath: string): string[] | undefined {
  try {
    return rawPath.split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function fits(segments: readonly string[], path: readonly string[]): boolean {
  return segments.every((segment, at) => (isParameter(segment) ? path[at] !== '' : segment === path[at]));
}

function literalFirst(one: Compiled, other: Compiled): number {
  for (const [at, segment] of one.segments.entries()) {
    const difference = Number(isParameter(segment)) - Number(isParameter(other.segments[at] ?? ''));
    if (difference !== 0) return difference;
  }
  return 0;
}
