/**
 * Vultr's client for Node, which returns errors instead of throwing them: tells as JSON what a user of it sees. Arguments: the
 * folder where it is installed, the base URL and the key.
 */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const [folder, url, apiKey] = process.argv.slice(2);
const { initialize } = createRequire(`${folder}/`)('@vultr/vultr-node');
const vultr = initialize({ apiKey, baseUrl: `${url}/v2` });

async function done(call) {
  const result = await call;
  if (result instanceof Error) throw result;
  return result;
}

async function refusal(call) {
  const result = await call;
  if (result instanceof Error) return result.message.split(':')[0];
  throw new Error('not refused');
}

/** Polls, since the client has no other way to wait. */
async function until(read, isWanted) {
  for (let tries = 0; tries < 1000; tries++) {
    const value = await read();
    if (isWanted(value)) return value;
    await sleep(20);
  }
  throw new Error('not in time');
}

/** What a call without a response body gives. */
async function nothing(call) {
  return (await done(call)) === undefined;
}

async function instanceStory() {
  const { regions } = await done(vultr.regions.listRegions());
  const { plans } = await done(vultr.plans.listPlans({ per_page: '500' }));
  const { os } = await done(vultr.operatingSystems.listImages({}));
  const system = os.find(({ name }) => name.startsWith('Debian 12'));
  // The client wants a string here, where the API has a number.
  const order = { region: 'ewr', plan: 'vc2-1c-1gb', os_id: String(system.id), label: 'story' };
  const { instance } = await done(vultr.instances.createInstance({ ...order, tags: ['drop-in'] }));
  const one = { 'instance-id': instance.id };
  const now = async () => (await done(vultr.instances.getInstance(one))).instance;
  const powered = async (power) =>
    (await until(now, ({ status, power_status }) => status === 'active' && power_status === power))
      .power_status;
  const { instances } = await done(vultr.instances.listInstances({ per_page: '500' }));
  return {
    catalogue: [regions.length > 20, plans.length > 50, os.length > 20],
    created: [instance.label, instance.status, instance.os_id === system.id, instance.tags],
    booted: await powered('running'),
    listed: instances.filter(({ id }) => id === instance.id).map(({ label }) => label),
    halted: [await nothing(vultr.instances.haltInstance(one)), await powered('stopped')],
    started: [await nothing(vultr.instances.startInstance(one)), await powered('running')],
    rebooted: [await nothing(vultr.instances.rebootInstance(one)), await powered('running')],
    volume: await volumeStory(instance.id),
    destroyed: await nothing(vultr.instances.deleteInstance(one)),
    gone: await refusal(vultr.instances.getInstance(one)),
  };
}

async function volumeStory(instanceId) {
  const { block } = await done(
    vultr.blockStorage.createStorage({ region: 'ewr', size_gb: 10, label: 'story', block_type: 'high_perf' }),
  );
  const one = { 'block-id': block.id };
  const now = async () => (await done(vultr.blockStorage.getStorage(one))).block;
  const attachedTo = async (wanted) =>
    (await until(now, ({ attached_to_instance }) => attached_to_instance === wanted)).attached_to_instance ===
    wanted;
  await until(now, ({ status }) => status === 'active');
  return {
    created: [block.label, block.size_gb, block.region],
    attached: [
      await nothing(vultr.blockStorage.attachStorage({ ...one, instance_id: instanceId, live: true })),
      await attachedTo(instanceId),
    ],
    detached: [await nothing(vultr.blockStorage.detachStorage({ ...one, live: true })), await attachedTo('')],
    updated: [
      await nothing(vultr.blockStorage.updateStorage({ ...one, label: 'renamed' })),
      (await now()).label,
    ],
    destroyed: await nothing(vultr.blockStorage.deleteStorage(one)),
    gone: await refusal(vultr.blockStorage.getStorage(one)),
  };
}

async function domainStory() {
  const zone = { 'dns-domain': 'node-story.example' };
  const { domain } = await done(vultr.dns.createDomain({ domain: zone['dns-domain'], ip: '192.0.2.7' }));
  const { record } = await done(
    vultr.dns.createRecord({ ...zone, name: 'www', type: 'A', data: '192.0.2.8', ttl: 600 }),
  );
  const one = { ...zone, 'record-id': record.id };
  const { records } = await done(vultr.dns.listRecords(zone));
  return {
    created: domain.domain,
    record: [record.name, record.type, record.data, record.ttl],
    listed: records.map(({ type, name, data }) => [type, name, data]).sort(),
    updated: [
      await nothing(vultr.dns.updateRecord({ ...one, data: '192.0.2.9' })),
      (await done(vultr.dns.getRecord(one))).record.data,
    ],
    deleted: [await nothing(vultr.dns.deleteRecord(one)), await refusal(vultr.dns.getRecord(one))],
    left: [await nothing(vultr.dns.deleteDomain(zone)), await refusal(vultr.dns.getDomain(zone))],
  };
}

process.stdout.write(JSON.stringify({ instance: await instanceStory(), domain: await domainStory() }));
