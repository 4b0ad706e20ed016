import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/payload/json.ts';
import { applyJsonPatch, applyMergePatch } from '../support/apply-patch.ts';
import { createRandom } from '../support/random.ts';
import { startOnSandbox } from '../support/service.ts';
import { connectHttp } from '../support/v2/gateway.ts';
import { connectWatch, type WatchStream } from '../support/watch-client.ts';

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PATH = `/v2/instances/${EXAMPLE}`;
const CHANGES = 10_000;

/** How many are made at the same time, which only saves time. */
const AT_ONCE = 5;

/** After so many, the watch is waited for: whatever the speed of the machine, it tells of many changes on the way. */
const UNSEEN = 40;

/** A random change of the instance, made at Vultr itself, not through this service. */
function change(
  random: ReturnType<typeof createRandom>,
  index: number,
): [method: string, path: string, body: object] {
  if (random.below(20) === 0) return ['POST', `${PATH}/${random.pick(['halt', 'start', 'reboot'])}`, {}];
  const tags = Array.from({ length: random.below(5) }, () => `t${random.below(6)}`);
  const body = random.pick<object>([
    { label: `change ${index}` },
    { tags },
    { label: '', tags },
    { enable_ipv6: random.below(2) === 0 },
    { backups: random.pick(['enabled', 'disabled']) },
  ]);
  return ['PATCH', PATH, body];
}

test('10 000 random changes: the patches of a watch, applied to its first state, give the last one', async () => {
  const { app, sandbox } = await startOnSandbox({}, { seed: 14 });
  const watcher = connectWatch(app.grpcAddress);
  const atVultr = connectHttp(sandbox.url);
  const random = createRandom(14);
  const request = {
    operation: 'vultr.v2.InstancesService/GetInstance',
    request: { case: 'values', value: { instance_id: EXAMPLE } },
    until: 'instance.label == "the last one"',
  };
  const merged = mergeStates(watcher.watch({ ...request, form: 1 }));
  const patched = watcher.watch({ ...request, form: 2 }).rest();
  for (let index = 0; index < CHANGES; index += AT_ONCE) {
    const changes = Array.from({ length: AT_ONCE }, (_, offset) => change(random, index + offset));
    await Promise.all(
      changes.map(([method, path, body]) => atVultr(method, path, { body: JSON.stringify(body) })),
    );
    if (random.below(2) === 0) sandbox.advance(1_000);
    if (index % UNSEEN !== 0) continue;
    const label = `seen ${index}`;
    await atVultr('PATCH', PATH, { body: JSON.stringify({ label }) });
    await merged.until(label);
  }
  sandbox.advance(600_000);
  await atVultr('PATCH', PATH, { body: JSON.stringify({ label: 'the last one' }) });
  const { instance } = JSON.parse((await atVultr('GET', PATH)).body.toString());

  const byMerging = await merged.until('the last one');
  const byPatching = (await patched).reduce<JsonValue>((state, message) => {
    const { operations = [] } = (message['jsonPatch'] ?? {}) as { operations?: JsonObject[] };
    return (message['state'] ?? applyJsonPatch(state, operations)) as JsonValue;
  }, {});
  for (const state of [byMerging, byPatching])
    expect((state as JsonObject)['instance']).toEqual({ ...instance, kvm: expect.any(String) });
  // None but the first was told as a whole.
  expect(merged.wholes()).toBe(1);
}, 180_000);

/** Follows the state of a watch by its merge patches. */
function mergeStates(stream: WatchStream) {
  let state: JsonValue = {};
  let wholes = 0;
  return {
    /** The state once it has this label. Rejects when the watch ends before. */
    until: async (label: string): Promise<JsonValue> => {
      while (labelOf(state) !== label) {
        const message = await stream.next();
        if (message === undefined) throw new Error(`The watch ended before the label ${label}.`);
        if (message['state'] !== undefined) wholes += 1;
        state = (message['state'] ??
          applyMergePatch(state, message['mergePatch'] as JsonObject)) as JsonValue;
      }
      return state;
    },
    /** How many states were told as a whole. */
    wholes: () => wholes,
  };
}

function labelOf(state: JsonValue): unknown {
  return ((state as JsonObject)['instance'] as JsonObject | undefined)?.['label'];
}
