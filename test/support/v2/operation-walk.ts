import { type KnownOperation as KnownFacts, readOperations } from '../../facts/operations.ts';
import {
  type Asked as AskedOf,
  type Ask as AskOf,
  OperationWalk,
  type Responded,
  type Values,
} from '../../sandbox/operation-walk.ts';
import { type Declared, declared } from './declared.ts';

export { type EncodedBody, encodeBody, targetOf } from '../../sandbox/operation-walk.ts';

/** An operation of Vultr as it is known, with the rpc that does it. */
export interface KnownOperation extends KnownFacts {
  readonly rpc: Declared;
}

/** A request of an operation, as values rather than bytes. */
export type Asked = AskedOf<KnownOperation>;

/** Sends a request in some way. */
export type Ask<Response extends Responded> = AskOf<Response, KnownOperation>;

/** Every known operation. */
export const operations: readonly KnownOperation[] = readOperations().map((known) => ({
  ...known,
  rpc: rpcOf(known),
}));

const every = new OperationWalk(operations);

/**
 * Asks for an operation after everything was made that it needs, in the same way.
 * @param values parameters of the path that are to have these values, whatever was made
 */
export function walk<Response extends Responded>(
  operation: KnownOperation,
  ask: Ask<Response>,
  values: Readonly<Values> = {},
): Promise<Response> {
  return every.walk(operation, ask, values);
}

/** The rpc with the operation's method and path; the contract may name the parameters differently. */
function rpcOf({ id, method, path }: KnownFacts): Declared {
  const found = declared.find((rpc) => rpc.httpMethod === method && shapeOf(rpc.path) === shapeOf(path));
  if (found === undefined) throw new Error(`No rpc of vultr.v2 does ${id}.`);
  return found;
}

function shapeOf(path: string): string {
  return path.replace(/\{\w+\}/g, '{}');
}
