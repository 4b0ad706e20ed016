import type { CallError } from '../status/call-error.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { SentRecord } from './record.ts';

/** One call that creates something under a key, as createOnce sees it. */
export interface Creation {
  /** Names the record. */
  readonly key: string;
  readonly fields: SentRecord['fields'];
  /** The correlation tag that the resource will carry; undefined: it can carry none, so it cannot be found. */
  readonly tag: string | undefined;
  /** Until when the caller waits, by the clock. */
  readonly deadline: number;
  /** Aborts when the caller does not wait any more. */
  readonly signal: AbortSignal;
  /** Asks Vultr to create it, carrying this tag; throws a CallError, also for a success that does not prove it. */
  post(tag: string | undefined, context: PostContext): Promise<VultrResponse>;
  /**
   * Looks for the resource that carries the tag; undefined: Vultr's lists do not hold it. Throws a CallError.
   * @param isThorough whether every page of the whole list is read, without trusting a filter of Vultr's
   */
  find(tag: string, isThorough: boolean, context: PollContext): Promise<VultrResponse | undefined>;
  encrypt(response: VultrResponse): Uint8Array;
  decrypt(encrypted: Uint8Array): VultrResponse;
}

/** What bounds a poll in time. */
export interface PollContext {
  readonly signal: AbortSignal;
  readonly deadline: number;
}

/** What bounds the request that creates. */
export interface PostContext extends PollContext {
  /** Called before the request is handed to the connection. */
  readonly onSend: () => void;
}

/** How one attempt at a creation ended. */
export type Outcome =
  /** The resource exists. */
  | {
      readonly kind: 'made';
      /** Made just now, found by its tag after its response was lost, or made earlier and in the record. */
      readonly how: 'made' | 'found' | 'repeated';
      readonly response: VultrResponse;
    }
  /** Nothing was made, for certain, and the reason holds for everyone who asks the same. */
  | { readonly kind: 'refused'; readonly error: unknown }
  /** Nothing was sent because this caller left, or the way to Vultr gave up: another caller may fare better. */
  | { readonly kind: 'not-sent'; readonly error: unknown }
  /** Another process works on it. */
  | { readonly kind: 'in-progress' }
  /** The resource may exist. */
  | { readonly kind: 'uncertain'; readonly isFindable: boolean; readonly cause: CallError | undefined };
