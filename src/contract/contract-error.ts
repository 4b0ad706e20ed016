/**
 * A fault in the contract itself: an annotation that cannot be served. It is found at start, and the service then refuses to
 * start. The message names the rpc, what is wrong with it and what to do.
 */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}
