import type { Operation } from '../contract/operation.ts';
import type { WatchCondition, WatchInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { Call, Reply } from '../rpc/call.ts';
import { anyReply } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { encodeRequest } from '../vultr/encode.ts';
import { compileGoal } from '../watch/goal.ts';
import { ownerOf } from '../watch/options.ts';
import { watchThing } from '../watch/watch-thing.ts';
import type { Watches } from '../watch/watches.ts';

/** The handler of WatchInstance: a watch of the operation that reads an instance. */
export function createWatch(watches: Watches, operation: Operation) {
  return async function* watchInstance(
    { instance_id, until }: WatchInstanceRequest,
    call: Call,
  ): AsyncGenerator<Reply> {
    assertCondition(until);
    const goal = await compileGoal(toExpression(until), operation.states);
    const request = encodeRequest(operation, { instance_id });
    const events = watchThing(
      watches,
      { ...ownerOf(call), operation, request },
      { goal, select: (state) => state, form: 'whole', lastId: '', signal: call.signal },
    );
    try {
      for await (const { change } of events) if (change?.form === 'whole') yield anyReply(change.state);
    } catch (error) {
      throw error instanceof CallError && error.code === 'NOT_FOUND' ? gone(instance_id) : error;
    }
  };
}

/**
 * The values that Vultr's instances are known to have in these fields. A watch for any other one would never end by itself,
 * so it is refused.
 */
const STATES = {
  status: ['pending', 'installing', 'active', 'suspended', 'resizing'],
  server_status: ['none', 'locked', 'installingbooting', 'isomounting', 'ok', 'error'],
  power_status: ['starting', 'running', 'stopped'],
} as const satisfies Partial<Record<keyof WatchCondition, readonly string[]>>;

const STATE_FIELDS = Object.keys(STATES) as (keyof typeof STATES)[];

function assertCondition(until: WatchCondition | undefined): void {
  if (until === undefined) return;
  const violations = STATE_FIELDS.flatMap((field) => {
    const value = until[field];
    const allowed: readonly string[] = STATES[field];
    if (value === undefined || allowed.includes(value)) return [];
    return [{ field: `until.${field}`, description: `Must be one of ${allowed.join(', ')}.` }];
  });
  if (violations.length > 0) throw CallError.invalid(violations, { reached: 'no' });
  if (!until.gone) return;
  const others = STATE_FIELDS.filter((field) => until[field] !== undefined);
  if (others.length === 0) return;
  const description = 'Must be left out when gone is true: an instance that is gone has no state.';
  throw CallError.invalid(others.map((field) => ({ field: `until.${field}`, description })));
}

/** The same condition as WatchService takes it; "" for none. Vultr may leave out a member, which does not end the watch. */
function toExpression(until: WatchCondition | undefined): string {
  if (until?.gone === true) return 'gone';
  return STATE_FIELDS.filter((field) => until?.[field] !== undefined)
    .map((field) => `has(instance.${field}) && instance.${field} == ${JSON.stringify(until?.[field])}`)
    .join(' && ');
}

function gone(instanceId: string): CallError {
  return new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', `There is no instance ${instanceId}, or it is gone.`);
}
