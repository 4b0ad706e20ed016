import type { SentRecord } from './record.ts';

/**
 * Where creations are remembered. Every change is durable and seen by every other user of the store once its promise has
 * resolved. The methods reject with an Error when the store cannot be used; nothing may be sent to Vultr then.
 *
 * An attempt that works on a creation owns it, under a lease. When the lease runs out, because its process has died, another
 * attempt takes over.
 */
export interface IdempotencyStore {
  /** Begins a creation, or takes over one that nobody works on, or says what is known of it. One atomic step. */
  begin(key: string, record: SentRecord, owner: string): Promise<Begun>;
  /** Prolongs the owner's lease. */
  renew(key: string, owner: string): Promise<void>;
  /** Notes until when a request may be on its way. False: the creation has another owner by now, or is done. */
  setPostUntil(key: string, owner: string, postUntil: string): Promise<boolean>;
  /** Records that the resource exists. That is true whoever found it, so no owner is asked for. The first response stays. */
  complete(key: string, response: Uint8Array): Promise<void>;
  /** Forgets the owner's creation: nothing was made. */
  remove(key: string, owner: string): Promise<void>;
  /** Ends the owner's lease, so that another attempt may go on. */
  release(key: string, owner: string): Promise<void>;
  /** Rejects when the store is known to be gone. Cheap: it is asked every few seconds. */
  check(): Promise<void>;
  /** Rejects when a new creation could not be recorded. It is asked after a failure, until it resolves. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** What `begin` found. */
export type Begun =
  /** The key is new: it is recorded as sent, and the caller owns it. */
  | { readonly kind: 'fresh' }
  /** It was begun before and nobody works on it; the caller owns it now. */
  | { readonly kind: 'recovered'; readonly record: SentRecord }
  /** Another attempt works on it. */
  | { readonly kind: 'in-progress' }
  /** The resource exists. The response is encrypted: only who has the credential can read it. */
  | { readonly kind: 'done'; readonly response: Uint8Array }
  /** The key was used for a request with other fields. */
  | { readonly kind: 'conflict'; readonly fields: SentRecord['fields'] };

/** The times that a store is given, in milliseconds. */
export interface StoreLimits {
  /** How long an owner's lease lasts without being renewed. Default 5 000. */
  readonly leaseMs: number;
  /** How long a creation is remembered. Default: a day. */
  readonly rememberedMs: number;
}

/** The digests of a request as one text that is equal for equal requests. */
export function writeFields(fields: SentRecord['fields']): string {
  return JSON.stringify(Object.entries(fields).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Reads what writeFields wrote.
 * @throws SyntaxError or TypeError when it is something else
 */
export function readFields(text: string): SentRecord['fields'] {
  return Object.fromEntries(JSON.parse(text) as [string, string][]);
}
