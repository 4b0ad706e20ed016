import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/payload/json.ts';
import { applyJsonPatch, applyMergePatch } from '../support/apply-patch.ts';
import { createRandom } from '../support/random.ts';
import { startOnSandbox } from '../support/service.ts';
import { connectHttp } from '../support/v2/gateway.ts';
import { connectWatch } from '../support/watch-client.ts';

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PATH = `/v2/instances/${EXAMPLE}`;
const CHANGES = 10_000;

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
  const [merged, patched] = [
    watcher.watch({ ...request, form: 1 }).rest(),
    watcher.watch({ ...request, form: 2 }).rest(),
  ];
  for (let index = 0; index < CHANGES; index += 1) {
    const [method, path, body] = change(random, index);
    await atVultr(method, path, { body: JSON.stringify(body) });
    if (random.below(10) === 0) sandbox.advance(1_000);
  }
  sandbox.advance(600_000);
  await atVultr('PATCH', PATH, { body: JSON.stringify({ label: 'the last one' }) });
  const { instance } = JSON.parse((await atVultr('GET', PATH)).body.toString());

  const byMerging = (await merged).reduce<JsonValue>(
    (state, message) =>
      (message['state'] ?? applyMergePatch(state, message['mergePatch'] as JsonObject)) as JsonValue,
    {},
  );
  const byPatching = (await patched).reduce<JsonValue>((state, message) => {
    const { operations = [] } = (message['jsonPatch'] ?? {}) as { operations?: JsonObject[] };
    return (message['state'] ?? applyJsonPatch(state, operations)) as JsonValue;
  }, {});
  for (const state of [byMerging, byPatching])
    expect((state as JsonObject)['instance']).toEqual({ ...instance, kvm: expect.any(String) });
  // Not nothing: many of the changes were seen by themselves, and none was told as a whole.
  expect((await merged).length).toBeGreaterThan(200);
  expect((await merged).filter((message) => message['state'] !== undefined)).toHaveLength(1);
}, 180_000);
