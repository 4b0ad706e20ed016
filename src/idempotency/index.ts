import type { Call } from '../rpc/call.ts';
import type { Message } from '../transcoding/message.ts';
import type { Operation } from '../contract/operation.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { type Ask, askVultr, type Question } from '../vultr/ask.ts';
import type { Clock } from '../base/clock.ts';
import type { Send, VultrResponse } from '../vultr/request.ts';
import { createOnce } from './create-once.ts';
import type { Creation } from './creation.ts';
import { nowhereToLook, withoutId } from './errors.ts';
import { findMarked } from './find-by-tag.ts';
import { creationId } from './key.ts';
import { markBody, markFieldOf } from './tag-body.ts';
import { isCreation, readMarkings } from './marks.ts';
import type { OncePolicy } from './policy.ts';
import { creationKey, digestFields, markOf, openAnswer, sealAnswer } from './encrypt.ts';
import type { CreationStore } from './store.ts';

export { openRedisStore } from './redis-store.ts';
export { openSqliteStore } from './sqlite-store.ts';
export type { CreationStore } from './store.ts';

/** What the creations are made of. */
export interface CreationsOptions {
  readonly send: Send;
  /** The operations of the contract: they tell what can carry a mark. */
  readonly operations: readonly Operation[];
  /** Where creations are remembered. It is closed with the creations. */
  readonly store: CreationStore;
  readonly clock: Clock;
  /** Whether what is created under an id is marked, so that it can be found after an ambiguous outcome. */
  readonly isMarking: boolean;
  /** Told of a failure of the store that a call could cope with. */
  readonly onStoreFailure: (error: unknown) => void;
  readonly policy?: Partial<OncePolicy>;
}

/** The creations of the service. */
export interface Creations {
  /** Asks Vultr as askVultr does; but what creates, and is named by an id, happens once. */
  readonly ask: Ask;
  close(): Promise<void>;
}

/** Operations that create what an operation of vultr.v2 creates. */
const SAME_AS: Readonly<Record<string, string>> = {
  'vultr.cloud.v1.CloudService/CreateInstance': 'vultr.v2.InstancesService/CreateInstance',
};

/** Makes it. Calls without an id do not touch the store. */
export function createCreations(options: CreationsOptions): Creations {
  const { send, store, clock, isMarking, onStoreFailure, policy = {} } = options;
  const markings = readMarkings(options.operations);
  const once = createOnce({ store, clock, policy, onStoreFailure });

  async function ask(call: Call, question: Question): Promise<VultrResponse> {
    if (!isCreation(call.operation) || call.credential === undefined)
      return await askVultr(send, call, question);
    const id = creationId(call);
    if (id !== undefined) return await once.create(toCreation(call, question, call.credential, id));
    try {
      return await askForJson(send, call, question);
    } catch (error) {
      throw withoutId(error);
    }
  }

  function toCreation(call: Call, question: Question, credential: string, id: string): Creation {
    const { name } = call.operation;
    const key = creationKey(credential, name, id);
    const marking = markings.get(SAME_AS[name] ?? name);
    const field = marking && markFieldOf(marking, question.body);
    return {
      key,
      fields: digestFields(credential, withoutOwnFields(call.request)),
      mark: isMarking && field !== undefined ? markOf(key) : undefined,
      deadline: call.deadline,
      signal: call.signal,
      post: async (mark, { signal, deadline, onSend }) =>
        await askForJson(
          (request, context) => send(request, { ...context, onSend }),
          { ...call, signal, deadline },
          mark === undefined || field === undefined
            ? question
            : { ...question, body: markBody(question.body, field, mark) },
        ),
      find: async (mark, isThorough, context) => {
        // To find nothing would mean that nothing was made.
        if (marking === undefined || field === undefined) throw nowhereToLook(name);
        const { list, isBare } = marking;
        const search = {
          operation: list.name,
          path: question.path,
          credential,
          field,
          isBare,
          mark,
          isThorough,
        };
        return await findMarked(send, search, context);
      },
      seal: (response) => sealAnswer(credential, key, response),
      open: (answer) => openAnswer(credential, key, answer),
    };
  }

  return { ask, close: once.close };
}

/** Every creation answers JSON. What does not is no answer of Vultr's, so whether it was carried out is not known. */
async function askForJson(send: Send, call: Call, question: Question): Promise<VultrResponse> {
  const response = await askVultr(send, call, question);
  payloadOf(response.body);
  return response;
}

/** What makes two requests the same: all that goes to Vultr, but for who asks and under which id. */
function withoutOwnFields({ access_token: _, request_id: __, dry_run: ___, ...rest }: Message): Message {
  return rest;
}
