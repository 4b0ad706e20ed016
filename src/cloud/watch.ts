import { systemClock } from '../base/clock.ts';
import type { WatchCondition, WatchInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { JsonObject } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { Call, Reply } from '../rpc/call.ts';
import { anyReply } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { credentialKey } from '../vultr/credential-key.ts';
import { createInstancePoller, type InstancePoller, type Sighting } from './instance-poller.ts';
import type { RecentCreations } from './recent-creations.ts';
import type { AskVultr } from './upstream.ts';

/** What watching needs. */
export interface WatchOptions {
  readonly ask: AskVultr;
  readonly recent: RecentCreations;
  readonly intervalMs: number;
}

/** How long one poll may take. */
const POLL_TIMEOUT_MS = 30_000;

/**
 * The handler of WatchInstance. Watchers of one instance with one credential share one poller; it starts with the first
 * and stops with the last.
 */
export function createWatch({ ask, recent, intervalMs }: WatchOptions) {
  const pollers = new Map<string, InstancePoller>();

  /** The poller of the call's instance and credential, made if there is none. Never shared across credentials. */
  function pollerFor(instanceId: string, call: Call): InstancePoller {
    const key = `${credentialKey(call)} ${instanceId.toLowerCase()}`;
    const known = pollers.get(key);
    if (known !== undefined) return known;
    const poller: InstancePoller = createInstancePoller({
      intervalMs,
      poll: async (signal) => {
        const deadline = systemClock.now() + POLL_TIMEOUT_MS;
        const { credential } = call;
        const options = { credential, signal, deadline, isPoll: true };
        return payloadOf((await ask('getInstance', { instance_id: instanceId }, options)).body);
      },
      mayNotBeKnownYet: () => recent.has(instanceId),
      onIdle: () => {
        // By then another one may have taken its place.
        if (pollers.get(key) === poller) pollers.delete(key);
      },
    });
    pollers.set(key, poller);
    return poller;
  }

  return async function* watchInstance(
    { instance_id, until }: WatchInstanceRequest,
    call: Call,
  ): AsyncGenerator<Reply> {
    assertCondition(until);
    for await (const sighting of pollerFor(instance_id, call).watch(call.signal)) {
      if (sighting.kind === 'gone') {
        if (until?.gone === true) return;
        throw gone(instance_id);
      }
      yield anyReply(sighting.payload);
      if (holds(until, sighting)) return;
    }
  };
}

function assertCondition(until: WatchCondition | undefined): void {
  if (until?.gone !== true) return;
  const others = (['status', 'server_status', 'power_status'] as const).filter(
    (field) => until[field] !== undefined,
  );
  if (others.length === 0) return;
  const description = 'An instance that is gone has no state: leave it out, or gone.';
  throw CallError.invalid(others.map((field) => ({ field: `until.${field}`, description })));
}

/** Whether everything that is waited for is so. Without a condition nothing is waited for, and it never is. */
function holds(until: WatchCondition | undefined, { payload }: Extract<Sighting, { kind: 'seen' }>): boolean {
  if (until === undefined || until.gone) return false;
  const instance = payload.value['instance'] as JsonObject | undefined;
  const wanted = (['status', 'server_status', 'power_status'] as const).filter(
    (field) => until[field] !== undefined,
  );
  return wanted.length > 0 && wanted.every((field) => instance?.[field] === until[field]);
}

function gone(instanceId: string): CallError {
  return new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', `There is no instance ${instanceId}, or it is gone.`);
}
