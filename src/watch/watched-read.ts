import type { Operation } from '../contract/operation.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
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
  const named = createNamedRead(operations);
  return (called, message) => (called.service === SERVICE ? named(message) : undefined);
}

/**
 * Makes what finds the read that a message of WatchService names, among the operations of the contract.
 * @returns a function that throws CallError INVALID_ARGUMENT when the message names none
 */
export function createNamedRead(operations: ReadonlyMap<string, Operation>): (message: Message) => NamedRead {
  return (message) => readNamed(message, operations, isForwarded);
}

function isForwarded({ bindings: [binding] }: Operation): boolean {
  return binding !== undefined && isVultrPath(binding.template.source);
}
