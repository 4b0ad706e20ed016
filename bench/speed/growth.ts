import { setTimeout as delay } from 'node:timers/promises';
import { openLoad, type Question } from './load.ts';
import { measure } from './measure.ts';
import type { Target } from './process.ts';
import { CORES, type Targets } from './targets.ts';

/** How one figure grows with something. */
export interface Growth {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly {
    readonly at: string;
    readonly value: number;
    /** The longest that a probe waited meanwhile: how long the event loop stood still. */
    readonly stallMs?: number;
  }[];
}

const ROUND_MS = 1_000;
const CALLERS_OF_EACH = 16;
const KEY = () => ({ authorization: 'Bearer key-of-a-caller' });
const LIST_INSTANCES = '/vultr.v2.InstancesService/ListInstances';
const INSTANCES = '/v2/instances';

/** The tag of `label = 4` in ListInstancesRequest, and of `instance_id = 2` in WatchInstanceRequest. */
const LABEL_TAG = 0x22;
const INSTANCE_ID_TAG = 0x12;

const SIZES = [1, 10, 100, 1_024, 3_072, 8_192] as const;

/** Measures how the cost of a call grows with its payload, with callers, streams and watchers. */
export async function measureGrowth(targets: Targets): Promise<readonly Growth[]> {
  const service = await targets.service('direct');
  return [
    await growWithBytes(service, 'HTTP, bytes passed on', (kb) => ({
      protocol: 'http',
      path: () => `${INSTANCES}?label=${kb * 1_000}`,
      headers: KEY,
    })),
    await growWithBytes(service, 'gRPC, JSON to a Struct', (kb) => ({
      protocol: 'grpc',
      path: () => LIST_INSTANCES,
      headers: KEY,
      message: labelOf(kb * 1_000),
    })),
    await growWithKeys(service),
    await growWithStreams(service),
    await growWithWatchers(service),
    await growWithReplicas(targets),
  ];
}

async function growWithBytes(
  service: Target,
  name: string,
  question: (kilobytes: number) => Question,
): Promise<Growth> {
  const probe = await openLoad(service, { protocol: 'http', path: () => '/healthz' });
  const points = [];
  for (const kilobytes of SIZES) {
    const load = await openLoad(service, question(kilobytes));
    try {
      await load.run(ROUND_MS / 4, 1);
      const [round, waits] = await Promise.all([measure(service, load, ROUND_MS, 1), probe.run(ROUND_MS, 1)]);
      // The probe's own cost is left out: it asks as often as it can, so it is measured as a wait alone.
      points.push({
        at: `${kilobytes} KB`,
        value: round.p50Ms / kilobytes,
        stallMs: waits.reduce((a, b) => Math.max(a, b), 0),
      });
    } catch (error) {
      process.stderr.write(`${name}, ${kilobytes} KB: ${String(error)}\n`);
    } finally {
      load.close();
    }
  }
  probe.close();
  return { name, unit: 'ms a KB, one call at a time', points };
}

async function growWithKeys(service: Target): Promise<Growth> {
  const points = [];
  for (const keys of [1, 100, 10_000]) {
    const load = await openLoad(service, {
      protocol: 'http',
      path: () => INSTANCES,
      headers: (count) => ({ authorization: `Bearer another-key-${count % keys}` }),
    });
    await load.run(ROUND_MS, 16);
    const { cpuMicros } = await measure(service, load, ROUND_MS * 2, 16);
    points.push({ at: String(keys), value: cpuMicros });
    load.close();
  }
  return { name: 'credentials', unit: 'us CPU a call (one key: calls share requests)', points };
}

async function growWithStreams(service: Target): Promise<Growth> {
  const points = [];
  for (const streams of [1, 8, 64, 512]) {
    const load = await openLoad(service, {
      protocol: 'grpc',
      path: () => LIST_INSTANCES,
      headers: (count) => ({ authorization: `Bearer another-key-${count % 1_000}` }),
      connections: 1,
    });
    await load.run(ROUND_MS / 2, streams);
    const { cpuMicros } = await measure(service, load, ROUND_MS, streams);
    points.push({ at: String(streams), value: cpuMicros });
    load.close();
  }
  return { name: 'streams on one connection', unit: 'us CPU a call', points };
}

/** Watches have replies without end, so what counts is what they cost a second once they are open. */
async function growWithWatchers(service: Target): Promise<Growth> {
  const points = [];
  const id = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
  const message = Buffer.concat([Buffer.from([INSTANCE_ID_TAG, id.length]), Buffer.from(id)]);
  for (const watchers of [1, 10, 100, 1_000]) {
    const load = await openLoad(service, {
      protocol: 'grpc',
      path: () => '/vultr.cloud.v1.CloudService/WatchInstance',
      headers: KEY,
      message,
      connections: 8,
    });
    const running = load.run(ROUND_MS, watchers).catch(() => []);
    await delay(2_000);
    const before = service.cpuMicros();
    await delay(4_000);
    points.push({ at: String(watchers), value: (service.cpuMicros() - before) / 4 / watchers });
    load.close();
    await running;
  }
  return { name: 'watchers of one instance', unit: 'us CPU a second for each', points };
}

/** The second replica shares its core with the callers, as there may be no third. */
async function growWithReplicas(targets: Targets): Promise<Growth> {
  const replicas = [
    await targets.service('default'),
    await targets.service('default', undefined, {}, CORES.load),
  ];
  const loads = await Promise.all(
    replicas.map((replica) => openLoad(replica, { protocol: 'http', path: () => '/v2/plans?per_page=100' })),
  );
  const points = [];
  for (const load of loads) await load.run(ROUND_MS, CALLERS_OF_EACH);
  for (const count of [1, 2]) {
    const used = loads.slice(0, count);
    const calls = await Promise.all(used.map((load) => load.run(ROUND_MS * 3, CALLERS_OF_EACH)));
    points.push({ at: String(count), value: calls.flat().length / 3 });
  }
  for (const load of loads) load.close();
  return { name: 'replicas, each on a core', unit: 'cached calls a second', points };
}

/** A ListInstancesRequest with nothing but a label, which tells the upstream of the bench how much to send. */
function labelOf(bytes: number): Buffer {
  const text = Buffer.from(String(bytes));
  return Buffer.concat([Buffer.from([LABEL_TAG, text.length]), text]);
}
