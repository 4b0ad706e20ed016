import type { Clock } from '../base/clock.ts';
import { ownTurn } from '../base/own-turn.ts';
import { stringifyJson } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import type { VultrResponse } from '../vultr/request.ts';
import {
  type CallOptions,
  changeOptions,
  type UpstreamOperation,
  type UpstreamRequest,
  type Vultr,
} from '../vultr/vultr.ts';
import { addTag, chooseTagField, correlationTag } from './correlation-tag.ts';
import { createOnce } from './create-once.ts';
import type { Creation } from './creation.ts';
import { decryptResponse, digestFields, encryptResponse, recordKey } from './encrypt.ts';
import type { CreationEnding } from './ending.ts';
import { withoutKey } from './errors.ts';
import { findByTag, readListPath } from './find-by-tag.ts';
import type { Moments } from './moment.ts';
import type { OncePolicy } from './policy.ts';
import { provesCreation, unproven } from './proof.ts';
import { readMembers, requestFields } from './request-fields.ts';
import type { IdempotencyStore } from './store.ts';

export { createBootClock } from './boot-clock.ts';
export { createMoments, type Moments } from './moment.ts';
export { openRedisStore } from './redis-store.ts';
export { openSqliteStore } from './sqlite-store.ts';
export type { IdempotencyStore } from './store.ts';
export { type WatchedStore, watchStore } from './watched-store.ts';

/** A body from this size on is worth a turn of the event loop of its own. */
const LARGE_BYTES = 64 * 1024;

/** What idempotency works with. */
export interface IdempotencyOptions {
  /** The way to Vultr that is wrapped. */
  readonly vultr: Vultr;
  /** Where creations are remembered. It is closed with the rest. */
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly moments: Moments;
  /** Whether what is created under a key gets a correlation tag, so that it can be found after an ambiguous outcome. */
  readonly isTagging: boolean;
  /** Called when the store has failed and the call could go on without it. */
  readonly onStoreFailure: (error: unknown) => void;
  /** As in OnceOptions. */
  readonly onEnding?: (ending: CreationEnding) => void;
  readonly policy?: Partial<OncePolicy>;
}

/** The way to Vultr on which a creation with a key happens once. */
export interface IdempotentVultr extends Vultr {
  /** Ends the creations under way; the record knows how far they came. */
  close(): Promise<void>;
}

/** Wraps the way to Vultr. Calls that create nothing, or have no key, do not touch the store. */
export function createIdempotentVultr(options: IdempotencyOptions): IdempotentVultr {
  const { vultr, store, clock, moments, policy = {}, onStoreFailure, onEnding } = options;
  const once = createOnce({ store, clock, moments, policy, onStoreFailure, onEnding });

  async function create(
    operation: UpstreamOperation,
    request: UpstreamRequest,
    callOptions: CallOptions,
    credential: string,
  ): Promise<VultrResponse> {
    const { idempotencyKey } = callOptions;
    if (idempotencyKey !== undefined) {
      // Others have their turn between the transport's reading of a large request and this one.
      if ((request.body?.length ?? 0) > LARGE_BYTES) await ownTurn();
      const creation = toCreation(options, operation, request, callOptions, { credential, idempotencyKey });
      return await once.create(creation);
    }
    let isSent = false;
    const onSend = (): void => {
      isSent = true;
      callOptions.onSend?.();
    };
    try {
      const response = await vultr.call(operation, request, changeOptions(callOptions, { onSend }));
      // A redirect claims no success, so it is passed on.
      if (response.status < 300 && !provesCreation(operation.create, response)) throw unproven(response);
      return response;
    } catch (error) {
      throw withoutKey(error, isSent);
    }
  }

  return {
    call: (operation, request, callOptions) => {
      const { credential } = callOptions;
      return operation.effect === 'CREATE' && credential !== undefined
        ? create(operation, request, callOptions, credential)
        : vultr.call(operation, request, callOptions);
    },
    close: once.close,
  };
}

function toCreation(
  { vultr, isTagging }: IdempotencyOptions,
  operation: UpstreamOperation,
  request: UpstreamRequest,
  options: CallOptions,
  { credential, idempotencyKey }: { readonly credential: string; readonly idempotencyKey: string },
): Creation {
  const { caller, renewCredential, isOwnCredential = false } = options;
  const maker = { credential, renewCredential, isOwnCredential, caller };
  const key = recordKey({ caller, credential }, idempotencyKey);
  const members = readMembers(request);
  const rule = operation.create;
  const field = members === undefined ? undefined : chooseTagField(rule?.tagFields ?? [], members);
  return {
    key,
    fields: digestFields(credential, requestFields(operation, request, members)),
    tag: field === undefined || !isTagging ? undefined : correlationTag(key),
    deadline: options.deadline,
    signal: options.signal,
    post: async (tag, context) => {
      const tagged =
        tag === undefined || field === undefined
          ? request
          : { ...request, body: Buffer.from(stringifyJson(addTag(members, field, tag))) };
      const response = await vultr.call(operation, tagged, { ...maker, ...context });
      if (!provesCreation(rule, response)) throw unproven(response);
      return response;
    },
    find: async (tag, isThorough, context) => {
      // To find nothing would mean that nothing was made.
      if (rule?.list === undefined || field === undefined) throw nowhereToLook(operation);
      const { list, idPaths } = rule;
      const pathFields = readListPath(operation, request, list);
      const search = { list, idPaths, pathFields, field, tag, isThorough };
      return await findByTag(vultr, search, { ...maker, ...context });
    },
    encrypt: (response) => encryptResponse(credential, key, response),
    decrypt: (encrypted) => decryptResponse(credential, key, encrypted),
  };
}

/** The record says that the resource carries a tag, but the contract of this version does not say where. */
function nowhereToLook({ name }: UpstreamOperation): CallError {
  return new CallError(
    'INTERNAL',
    'INTERNAL_ERROR',
    `The contract does not say how to find what ${name} has made.`,
  );
}
