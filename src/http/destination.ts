import type { IncomingHttpHeaders } from 'node:http';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import type { IncomingRequest } from '../rpc/call.ts';
import type { FieldViolation } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { decodeHttpRequest } from '../transcoding/decode-http.ts';
import { findPathFault } from '../transcoding/plain-path.ts';
import { createRouter, type Router } from '../transcoding/router.ts';
import { isForwarded, type ResolveOperation } from '../v2/resolve.ts';
import { adviceFor, createSuggestions, type SuggestPath } from './advice.ts';
import { methodNotAllowed, pathNotPlain, unknownPath } from './errors.ts';
import type { Target } from './target.ts';

/** What a request is for, and how it is read. */
export interface Destination {
  readonly operation: Operation;
  /** Undefined: the request is passed on as it came. */
  readonly binding: HttpBinding | undefined;
  /** @param readWhole reads the body */
  readonly read: (readWhole: () => Promise<Uint8Array>) => Promise<IncomingRequest>;
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
    read: async (readWhole) => {
      const body = await readWhole();
      return {
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
      };
    },
  };
}

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
    read: async (readWhole) => {
      const body = binding.body === 'none' ? new Uint8Array() : await readWhole();
      const parts = { values, query, contentType: headers['content-type'], body };
      const message = decodeHttpRequest(binding, parts, (read) => validate(operation.input, read));
      // GET /api/instances/stop is no id: it is the path of a PUT.
      if (nearer.length > 0 && validate(operation.input, message).some(isOfPath(binding))) {
        const allow = nearer.map((route) => route.binding.httpMethod).sort();
        throw methodNotAllowed(method, allow, adviceFor(nearer));
      }
      return { kind: 'message', message };
    },
  };
}

/** Tells violations that are about what the path holds from others. */
function isOfPath({ variables }: HttpBinding): (violation: FieldViolation) => boolean {
  const names = new Set(variables.map((fields) => fields.map(({ name }) => name).join('.')));
  return ({ field }) => names.has(field);
}
