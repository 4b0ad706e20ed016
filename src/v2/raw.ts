import { isVultrPath } from '../contract/vultr-path.ts';
import { stringifyJson } from '../payload/json.ts';
import type { UnaryHandler } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import { findPathFault } from '../transcoding/plain-path.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { toStructReply } from './forward.ts';
import type { ResolveOperation } from './resolve.ts';

/** A token of RFC 9110, as every HTTP method is; in upper case, like all methods of the API. */
const METHOD = /^[A-Z]{1,20}$/;

/** What a query may hold without being escaped (RFC 3986). */
const QUERY = /^(?!\?)[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e%]*$/;

/**
 * The handler of the rpc that passes on any request. A request for an operation that the contract knows counts as that
 * operation, so that the rpc cannot be used to get around the rules for it.
 * @param forward serves a request that came over HTTP and is for an operation that the contract does not know
 */
export function createRawHandler(
  vultr: Vultr,
  resolve: ResolveOperation,
  forward: UnaryHandler,
): UnaryHandler {
  return async (call) => {
    if (call.verbatim !== undefined) return await forward(call);
    const { method, path, query, body } = readFields(call.request);
    const operation = resolve(method, path);
    const request = {
      method,
      path,
      query,
      body: body === undefined ? undefined : Buffer.from(stringifyJson(body)),
    };
    return toStructReply(await vultr.call(operation, request, call), operation);
  };
}

interface RawFields {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: unknown;
}

function readFields(message: Readonly<Record<string, unknown>>): RawFields {
  const { method, path, query = '', body } = message;
  const violations = [];
  if (typeof method !== 'string' || !METHOD.test(method)) {
    violations.push({ field: 'method', description: 'Must be an HTTP method in upper case, such as GET.' });
  }
  const fault = typeof path === 'string' ? findPathFault(path) : 'is missing';
  if (fault !== undefined) {
    violations.push({ field: 'path', description: `The path ${fault}.` });
  } else if (!isVultrPath(String(path))) {
    violations.push({ field: 'path', description: 'Must be a path of the Vultr API, such as /v2/account.' });
  }
  if (typeof query !== 'string' || !QUERY.test(query)) {
    violations.push({
      field: 'query',
      description: 'Must be percent-encoded, without the question mark, such as per_page=10&label=a%20b.',
    });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
  return { method: String(method), path: String(path), query: String(query), body };
}
