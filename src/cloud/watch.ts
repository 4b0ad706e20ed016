import type { Operation } from '../contract/operation.ts';
import type { WatchCondition, WatchInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { JsonObject } from '../payload/json.ts';
import type { Call, Reply } from '../rpc/call.ts';
import { anyReply } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { encodeRequest } from '../vultr/encode.ts';
import { type Goal, NO_GOAL } from '../watch/goal.ts';
import { watchThing } from '../watch/watch-thing.ts';
import type { Watches } from '../watch/watches.ts';

/** The handler of WatchInstance: a watch of the operation that reads an instance. */
export function createWatch(watches: Watches, operation: Operation) {
  return async function* watchInstance(
    { instance_id, until }: WatchInstanceRequest,
    { credential, signal }: Call,
  ): AsyncGenerator<Reply> {
    assertCondition(until);
    const request = encodeRequest(operation, { instance_id });
    const events = watchThing(
      watches,
      { operation, request, credential },
      { goal: toGoal(until), select: (state) => state, form: 'whole', lastId: '', signal },
    );
    try {
      for await (const { change } of events) if (change?.form === 'whole') yield anyReply(change.state);
    } catch (error) {
      throw error instanceof CallError && error.code === 'NOT_FOUND' ? gone(instance_id) : error;
    }
  };
}

function assertCondition(until: WatchCondition | undefined): void {
  if (until?.gone !== true) return;
  const others = STATUSES.filter((field) => until[field] !== undefined);
  if (others.length === 0) return;
  const description = 'An instance that is gone has no state. Give either this field or gone.';
  throw CallError.invalid(others.map((field) => ({ field: `until.${field}`, description })));
}

const STATUSES = ['status', 'server_status', 'power_status'] as const;

/** Without a condition nothing is waited for. */
function toGoal(until: WatchCondition | undefined): Goal {
  const wanted = STATUSES.filter((field) => until?.[field] !== undefined);
  const isGone = until?.gone === true;
  if (wanted.length === 0 && !isGone) return NO_GOAL;
  return {
    isGone,
    judge: (state) => {
      const instance = state['instance'] as JsonObject | undefined;
      const isReached = wanted.length > 0 && wanted.every((field) => instance?.[field] === until?.[field]);
      return isReached ? 'reached' : 'open';
    },
  };
}

function gone(instanceId: string): CallError {
  return new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', `There is no instance ${instanceId}, or it is gone.`);
}
