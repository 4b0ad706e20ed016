import type { Clock } from '../base/clock.ts';
import { stringifyJson } from '../payload/json.ts';
import { createMessage, type Message } from '../transcoding/message.ts';
import { createRouter } from '../transcoding/router.ts';
import type { CallOptions, UpstreamOperation, UpstreamRequest, Vultr } from '../vultr/vultr.ts';
import { addTag, chooseTagField, correlationTag } from './correlation-tag.ts';
import { createOnce } from './create-once.ts';
import type { Creation } from './creation.ts';
import { decryptResponse, digestFields, encryptResponse, recordKey } from './encrypt.ts';
import { withoutKey } from './errors.ts';
import { findByTag } from './find-by-tag.ts';
import type { Moments } from './moment.ts';
import type { OncePolicy } from './policy.ts';
import { provesCreation, unproven } from './proof.ts';
import { readMembers, requestFields } from './request-fields.ts';
import type { IdempotencyStore } from './store.ts';

export { createMoments, type Moments } from './moment.ts';
export { openRedisStore } from './redis-store.ts';
export { openSqliteStore } from './sqlite-store.ts';
export type { IdempotencyStore } from './store.ts';

/** What idempotency is made of. */
export interface IdempotencyOptions {
  /** The way to Vultr that is wrapped. */
  readonly vultr: Vultr;
  /** Where creations are remembered. It is closed with the rest. */
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly moments: Moments;
  /** Whether what is created under a key gets a correlation tag, so that it can be found after an ambiguous outcome. */
  readonly isTagging: boolean;
  /** Told of a failure of the store that a call could cope with. */
  readonly onStoreFailure: (error: unknown) => void;
  readonly policy?: Partial<OncePolicy>;
}

/** The way to Vultr on which a creation with a key happens once. */
export interface IdempotentVultr extends Vultr {
  /** Ends the creations under way; the record knows how far they came. */
  close(): Promise<void>;
}

/** Wraps the way to Vultr. Calls that create nothing, or have no key, do not touch the store. */
export function createIdempotentVultr(options: IdempotencyOptions): IdempotentVultr {
  const { vultr, store, clock, moments, policy = {}, onStoreFailure } = options;
  const once = createOnce({ store, clock, moments, policy, onStoreFailure });
  return {
    call: async (operation, request, callOptions) => {
      const { credential, idempotencyKey } = callOptions;
      if (operation.effect !== 'CREATE' || credential === undefined)
        return await vultr.call(operation, request, callOptions);
      if (idempotencyKey !== undefined) {
        const creation = toCreation(options, operation, request, callOptions, { credential, idempotencyKey });
        return await once.create(creation);
      }
      try {
        const response = await vultr.call(operation, request, callOptions);
        // A redirect is not a success, and whoever asked for it can see that.
        if (response.status < 300 && !provesCreation(operation.create, response)) throw unproven(response);
        return response;
      } catch (error) {
        throw withoutKey(error);
      }
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
  const key = recordKey(credential, idempotencyKey);
  const members = readMembers(request);
  const rule = operation.create;
  const field =
    isTagging && rule !== undefined && members !== undefined
      ? chooseTagField(rule.tagFields, members)
      : undefined;
  const readOptions: Pick<CallOptions, 'credential'> = { credential };
  return {
    key,
    fields: digestFields(credential, requestFields(operation, request, members)),
    tag: field === undefined ? undefined : correlationTag(key),
    deadline: options.deadline,
    signal: options.signal,
    post: async (tag, context) => {
      const tagged =
        tag === undefined || field === undefined
          ? request
          : { ...request, body: Buffer.from(stringifyJson(addTag(members, field, tag))) };
      const response = await vultr.call(operation, tagged, { ...readOptions, ...context });
      if (!provesCreation(rule, response)) throw unproven(response);
      return response;
    },
    find: async (tag, isThorough, context) => {
      // To find nothing would mean that nothing was made.
      if (rule === undefined || field === undefined)
        throw new Error(`${operation.name} carries no tag to look for.`);
      const search = { rule, pathFields: readPath(operation, request), field, tag, isThorough };
      return await findByTag(vultr, search, { ...readOptions, ...context });
    },
    encrypt: (response) => encryptResponse(credential, key, response),
    decrypt: (encrypted) => decryptResponse(credential, key, encrypted),
  };
}

/** The fields that the path of a creation holds: its list is found below the same things. */
function readPath({ bindings }: UpstreamOperation, { method, path }: UpstreamRequest): Message {
  const fields = createMessage();
  const router = createRouter(bindings.map((binding) => ({ binding, target: undefined })));
  const match = router.match(method, path);
  if (match.kind !== 'match') return fields;
  for (const [index, { fieldPath }] of match.binding.template.variables.entries()) {
    fields[fieldPath.join('.')] = match.values[index] ?? '';
  }
  return fields;
}
