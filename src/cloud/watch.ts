import { systemClock } from '../base/clock.ts';
import type { WatchCondition, WatchInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { JsonObject } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { Call, Reply } from '../rpc/call.ts';
import { anyReply } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { callerKey, credentialKey } from '../vultr/credential-key.ts';
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
 * The handler of WatchInstance. The watchers of one instance that belong to one caller and have one credential share a
 * poller; it starts with the first and stops with the last.
 */
export function createWatch({ ask, recent, intervalMs }: WatchOptions) {
  const pollers = new Map<string, InstancePoller>();

  /** The poller of the call's instance, caller and credential, made if there is none. Nobody else shares it. */
  function pollerFor(instanceId: string, call: Call): InstancePoller {
    const key = `${callerKey(call)} ${credentialKey(call)} ${instanceId.toLowerCase()}`;
    const known = pollers.get(key);
    if (known !== undefined) return known;
    const { caller } = call;
    let { credential } = call;
    // A watch may outlive the key that it began with; the polls after a renewal are made with the new one.
    const renewCredential = (refused: string): string | undefined => {
      const renewed = call.renewCredential?.(refused);
      credential = renewed ?? credential;
      return renewed;
    };
    const poller: InstancePoller = createInstancePoller({
      intervalMs,
      poll: async (signal) => {
        const deadline = systemClock.now() + POLL_TIMEOUT_MS;
        const options = { credential, renewCredential, caller, signal, deadline, isPoll: true };
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

/** Whether everything that is waited for is so. Without a condition nothing is waited for, and it never is. */
function holds(until: WatchCondition | undefined, { payload }: Extract<Sighting, { kind: 'seen' }>): boolean {
  if (until === undefined || until.gone) return false;
  const instance = payload.value['instance'] as JsonObject | undefined;
  const wanted = STATE_FIELDS.filter((field) => until[field] !== undefined);
  return wanted.length > 0 && wanted.every((field) => instance?.[field] === until[field]);
}

function gone(instanceId: string): CallError {
  return new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', `There is no instance ${instanceId}, or it is gone.`);
}
