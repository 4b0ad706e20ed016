import type { Operation } from '../contract/operation.ts';
import type { Message } from '../transcoding/message.ts';
import { type NamedRead, readNamed } from './read-request.ts';

/** The service whose requests name the read that they are about. */
const SERVICE = 'vultr.v2.WatchService';

/**
 * Names the read that a request is about, whose policy applies; undefined: the operation is of another service.
 * @throws CallError INVALID_ARGUMENT when the message names none
 */
export type WatchedRead = (called: Operation, message: Message) => NamedRead | undefined;

/** Makes it from the operations of the contract. */
export function createWatchedRead(operations: ReadonlyMap<string, Operation>): WatchedRead {
  return (called, message) => (called.service === SERVICE ? readNamed(message, operations) : undefined);
}
