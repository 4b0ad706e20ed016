import type { Operation } from '../contract/operation.ts';
import { isForwarded } from '../contract/vultr-path.ts';
import type { IncomingRequest } from '../rpc/call.ts';
import type { Message } from '../transcoding/message.ts';
import type { ResolveOperation } from './resolve.ts';

/**
 * Names the operations that a request could be for in the eyes of Vultr and of every program on the way there: the first is
 * the one that it is for, the others are those that it would be for if somebody decoded its path once more, or folded slashes,
 * path parameters or case. A policy has to allow them all.
 */
export type ReadOperations = (
  operation: Operation,
  request: IncomingRequest,
) => readonly [Operation, ...Operation[]];

/** Makes it. */
export function createReadings(resolve: ResolveOperation): ReadOperations {
  return (operation, request) => {
    const sent = sentPath(operation, request);
    if (sent === undefined) return [operation];
    const { method, path } = sent;
    const first = operation.isRaw && request.kind === 'message' ? resolve(method, path) : operation;
    const names = new Set([first.name]);
    const others: Operation[] = [];
    for (const folded of foldings(path)) {
      const other = resolve(method, folded);
      if (names.has(other.name)) continue;
      names.add(other.name);
      others.push(other);
    }
    return [first, ...others];
  };
}

interface SentPath {
  readonly method: string;
  readonly path: string;
}

/** The path that Vultr is sent; undefined: it leaves no doubt, or nothing is sent by a path of the caller's. */
function sentPath(operation: Operation, request: IncomingRequest): SentPath | undefined {
  if (request.kind === 'verbatim') return request.request;
  const { message } = request;
  if (operation.isRaw) return { method: String(message['method']), path: String(message['path']) };
  return isForwarded(operation) ? pathOfMessage(operation, message) : undefined;
}

/** What can only be an id. */
const ID = /^(?:[0-9]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

function pathOfMessage({ bindings }: Operation, message: Message): SentPath | undefined {
  const [binding] = bindings;
  const variables = binding?.template.variables ?? [];
  if (binding === undefined || variables.length === 0) return undefined;
  const values = variables.map(({ fieldPath }) => String(valueAt(message, fieldPath) ?? ''));
  if (values.every((value) => ID.test(value))) return undefined;
  const segments: string[] = binding.template.segments.map((segment) =>
    'literal' in segment ? segment.literal : '',
  );
  for (const [index, { start }] of variables.entries())
    segments[start] = encodeURIComponent((values[index] ?? '').toWellFormed());
  return { method: binding.httpMethod, path: `/${segments.join('/')}` };
}

function valueAt(message: Message, fieldPath: readonly string[]): unknown {
  let value: unknown = message;
  for (const name of fieldPath)
    value = typeof value === 'object' && value !== null ? (value as Message)[name] : undefined;
  return value;
}

/** How often a path may be decoded on its way. */
const MAX_DECODINGS = 4;

/** A path that everybody reads in the same way, literals of templates being in lower case. */
const CLEAR = /^(?:\/[-._~0-9a-z]+)+$/;

/** Whether everybody reads a path in the same way. */
export function isClearPath(path: string): boolean {
  return CLEAR.test(path);
}

/** The other ways to read a path. */
function foldings(path: string): ReadonlySet<string> {
  if (isClearPath(path)) return new Set([path]);
  const paths = new Set<string>();
  let decoded = path;
  for (let count = 0; count <= MAX_DECODINGS; count += 1) {
    for (const text of [decoded, decoded.toLowerCase()]) {
      paths.add(normalize(text));
      // Whoever decodes late has cut off parameters by then.
      paths.add(normalize(text.replace(/[?#\0].*$/s, '')));
    }
    decoded = decodeOnce(decoded);
  }
  return paths;
}

function normalize(path: string): string {
  const segments = path
    .replaceAll('\\', '/')
    .split('/')
    .map((segment) => segment.replace(/;.*$/s, '').trim())
    .filter((segment) => segment !== '');
  return `/${segments.map((segment) => encodeURIComponent(segment)).join('/')}`;
}

/** Bytes become characters of their own, so that nothing is lost which is not UTF-8. */
function decodeOnce(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_escape, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
