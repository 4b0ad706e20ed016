import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';
import { connectWatch, openEvents } from '../support/watch-client.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PATH = `/v2/instances/${ID}`;
const OPERATION = 'vultr.v2.InstancesService/GetInstance';
const LAB_KEY = 'LAB-KEY-0123456789';
const SPARE_KEY = 'SPARE-KEY-0123456789';

const key = createVirtualKey();
const another = createVirtualKey();

/** What the callers file says of the one caller. */
interface Says {
  readonly allow?: string;
  readonly tokens?: readonly string[];
  readonly account?: string;
}

/** A service with one caller, of whom the callers file can say something else, and two accounts. */
async function serve(says: Says = {}) {
  const upstream = await startFakeUpstream(({ url, authorization }) => [
    200,
    url.startsWith('/v2/instances?') || url === '/v2/instances'
      ? { instances: [{ id: ID }], meta: { total: 1, links: { next: '', prev: '' } } }
      : { instance: { id: ID, label: authorization === `Bearer ${LAB_KEY}` ? 'first key' : 'another key' } },
  ]);
  const folder = temporaryFolder();
  const [file, lab] = [join(folder, 'callers.yaml'), join(folder, 'lab')];
  const replace = (name: string, text: string): void => {
    writeFileSync(`${name}.new`, text);
    renameSync(`${name}.new`, name);
  };
  let writes = 0;
  const say = ({ allow = '"effect:read"', tokens = [key.sha256], account = 'lab' }: Says): void => {
    writes += 1;
    const proofs = tokens.map((sha256) => `{ token_sha256: ${sha256} }`).join(', ');
    replace(
      file,
      `# ${writes}
accounts: { lab: { key_file: ${lab} }, spare: { key_env: SPARE_KEY } }
callers: [ { name: dash, is: [ ${proofs} ], account: ${account}, allow: [ ${allow} ] } ]
`,
    );
  };
  replace(lab, LAB_KEY);
  say(says);
  const settings = {
    upstream: upstream.url,
    callersFile: file,
    httpListen: { host: '127.0.0.1', port: 0 },
  };
  const service = await startService(settings, { env: { SPARE_KEY } });
  const reloaded = async (): Promise<void> => {
    const seen = (): number => service.log.lines({ msg: 'callers file reloaded' }).length;
    const before = reloads;
    await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThan(before);
    reloads = seen();
  };
  let reloads = 0;
  return { ...service, upstream, replace, say, lab, reloaded, address: service.app.httpAddress ?? '' };
}

type Served = Awaited<ReturnType<typeof serve>>;

/** A watch over one of the transports. */
interface Watch {
  /** The label of the next state. */
  readonly next: () => Promise<unknown>;
  /** The reason with which it ends. */
  readonly end: () => Promise<string | undefined>;
}

const headers = { authorization: `Bearer ${key.key}` };

async function watchHttp({ address }: Served): Promise<Watch> {
  const events = await openEvents(address, PATH, headers);
  expect(events.status).toBe(200);
  return {
    next: async () => labelOf((await events.next())?.data),
    end: async () => /"reason":"(\w+)"/.exec(JSON.stringify((await events.rest()).at(-1)))?.[1],
  };
}

async function watchGrpc({ app }: Served): Promise<Watch> {
  const request = { operation: OPERATION, request: { case: 'values', value: { instance_id: ID } } };
  const stream = connectWatch(app.grpcAddress, key.key).watch(request);
  return {
    next: async () => labelOf((await stream.next())?.['state']),
    end: async () => (await failureOf(stream.rest())).info?.reason,
  };
}

function labelOf(state: unknown): unknown {
  return (state as { instance?: { label?: string } } | undefined)?.instance?.label;
}

test('a watch is judged as the operation that it reads', async () => {
  const { address } = await serve({ allow: '"vultr.v2.InstancesService/ListInstances"' });
  for (const accept of ['text/event-stream', 'application/x-ndjson']) {
    const denied = await openEvents(address, PATH, { ...headers, accept });
    expect(denied.status).toBe(403);
    expect(await denied.text()).toContain(OPERATION);
  }
});

test('a walk over gRPC is judged as the list that it reads', async () => {
  const walk = { operation: 'vultr.v2.InstancesService/ListInstances' };
  const denied = await serve({ allow: '"vultr.v2.WatchService/*", "vultr.v2.InstancesService/GetInstance"' });
  const refusal = await failureOf(connectWatch(denied.app.grpcAddress, key.key).walk(walk).next());
  expect(refusal).toMatchObject({ code: 'PERMISSION_DENIED', info: { reason: 'CALLER_DENIED' } });
  expect(refusal.message).toContain(walk.operation);
  expect(denied.upstream.received).toEqual([]);
  const allowed = await serve({ allow: `"${walk.operation}"` });
  expect(await connectWatch(allowed.app.grpcAddress, key.key).walk(walk).rest()).toMatchObject([
    { element: { id: ID } },
  ]);
});

describe.each([
  ['HTTP', watchHttp],
  ['gRPC', watchGrpc],
])('a watch over %s', (_transport, watch) => {
  test.each<[string, Says, string]>([
    ['may no longer see the thing', { allow: '"service:metrics"' }, 'CALLER_DENIED'],
    ['has another token', { tokens: [another.sha256] }, 'CALLER_UNKNOWN'],
    ['has another account', { account: 'spare' }, 'ACCOUNT_UNAVAILABLE'],
  ])('ends when its caller %s', async (_what, says, reason) => {
    const served = await serve();
    const under = await watch(served);
    expect(await under.next()).toBe('first key');
    served.say(says);
    expect(await under.end()).toBe(reason);
  });

  test('goes on when its caller has one more token, and when its account has a new key', async () => {
    const served = await serve();
    const { say, reloaded, replace, lab, upstream } = served;
    const under = await watch(served);
    expect(await under.next()).toBe('first key');
    say({ tokens: [another.sha256, key.sha256] });
    await reloaded();
    replace(lab, `${LAB_KEY}-NEW`);
    // What begins from now on has the new key, soon; what is under way keeps its own, and is polled on.
    const seenAnew = async (): Promise<string> =>
      (await sendHttp(served.address, 'GET', PATH, undefined, headers)).text;
    await expect.poll(seenAnew, { timeout: 20_000 }).toContain('another key');
    const polls = (): number =>
      upstream.received.filter(({ authorization }) => authorization === `Bearer ${LAB_KEY}`).length;
    const before = polls();
    await expect.poll(polls, { timeout: 20_000 }).toBeGreaterThan(before);
    say({ allow: '"service:metrics"' });
    expect(await under.end()).toBe('CALLER_DENIED');
  });
});
