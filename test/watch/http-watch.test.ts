import { describe, expect, test } from 'vitest';
import type { FakeAnswer } from '../support/fake-upstream.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';
import { openEvents } from '../support/watch-client.ts';

/** The example instance of the sandbox. */
const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PATH = `/v2/instances/${EXAMPLE}`;
const authorization = `Bearer ${KEY}`;
const httpListen = { host: '127.0.0.1', port: 0 };

const onSandbox = openForFile(async () => {
  const service = await startOnSandbox({ httpListen });
  return { ...service, address: service.app.httpAddress ?? '' };
});

function start(): ReturnType<typeof onSandbox> {
  onSandbox().sandbox.reset();
  return onSandbox();
}

let answer: (index: number, url: string) => FakeAnswer;
const onFake = openForFile(async () => {
  const upstream = await startFakeUpstream(({ url }, index) => answer(index, url));
  const service = await startService({ upstream: upstream.url, httpListen });
  return { upstream, app: service.app, address: service.app.httpAddress ?? '' };
});

function answering(...answers: FakeAnswer[]): ReturnType<typeof onFake> {
  answer = (index) => answers[Math.min(index, answers.length - 1)] ?? 'hang';
  onFake().upstream.received.length = 0;
  return onFake();
}

describe('a GET that accepts text/event-stream', () => {
  test('is watched: Vultr’s own response as a message, a message for each change, and an end', async () => {
    const { address, client, sandbox } = start();
    const plain = await sendHttp(address, 'GET', PATH, undefined, { authorization });
    const events = await openEvents(address, `${PATH}?until=stopped`);
    expect([events.status, events.contentType]).toEqual([200, 'text/event-stream']);
    const first = await events.next();
    const { kvm: _, ...shown } = (first?.data['instance'] ?? {}) as { kvm?: string };
    expect(JSON.parse(plain.text)).toMatchObject({ instance: shown });
    expect(first?.event).toBe('message');
    await client.ask('haltInstance', { instance_id: EXAMPLE });
    sandbox.advance(5_000);
    expect(await events.rest()).toMatchObject([
      { event: 'message', data: { instance: { power_status: 'stopped' } } },
      { event: 'end' },
    ]);
  });

  test('ends at a state from which the goal cannot be reached, and again when it is resumed there', async () => {
    const { address } = answering([200, { instance: { status: 'suspended' } }]);
    const path = '/v2/instances/suspended?until=ready';
    const events = await openEvents(address, path);
    const [first, error] = await events.rest();
    expect(first).toMatchObject({ event: 'message', data: { instance: { status: 'suspended' } } });
    expect([error?.event, JSON.stringify(error?.data)]).toEqual([
      'error',
      expect.stringContaining('GOAL_UNREACHABLE'),
    ]);
    const resumed = await openEvents(address, path, { 'last-event-id': first?.id ?? '' });
    expect([resumed.status, await resumed.text()]).toEqual([
      400,
      expect.stringContaining('GOAL_UNREACHABLE'),
    ]);
  });

  test('passes on the query byte for byte, without the parameters of this service', async () => {
    const { address, upstream } = answering([200, { thing: { ram: 1 } }]);
    const until = encodeURIComponent('thing.ram == 1');
    const events = await openEvents(address, `/v2/instances/a?x=%2f+y&until=${until}&fields=thing.ram&&b`);
    expect(await events.next()).toMatchObject({ data: { thing: { ram: 1 } } });
    expect(upstream.received.map(({ url }) => url)).toEqual(['/v2/instances/a?x=%2f+y&&b']);
  });

  test.each([
    ['merge', 'merge-patch', { instance: { ram: 2 } }],
    ['json', 'json-patch', [{ op: 'replace', path: '/instance/ram', value: 2 }]],
  ])('sends changes as patches if asked: %s', async (patch, event, data) => {
    const { address } = answering([200, { instance: { ram: 1 } }], [200, { instance: { ram: 2 } }]);
    const events = await openEvents(
      address,
      `/v2/instances/${patch}?patch=${patch}&until=instance.ram%3D%3D2`,
    );
    expect(await events.rest()).toMatchObject([{ event: 'message' }, { event, data }, { event: 'end' }]);
  });

  test('goes on after Last-Event-ID without a gap, or says that it starts anew', async () => {
    let ram = 1;
    answering([200, {}]);
    answer = () => [200, { instance: { ram } }];
    const { address } = onFake();
    const [broken, other] = [
      await openEvents(address, '/v2/instances/r'),
      await openEvents(address, '/v2/instances/r'),
    ];
    const first = await broken.next();
    await other.next();
    broken.close();
    for (ram = 2; ram < 4; ram += 1) await other.next();
    ram = 3;
    const until = 'until=instance.ram%3D%3D3';
    const resumed = await openEvents(address, `/v2/instances/r?${until}`, {
      'last-event-id': first?.id ?? '',
    });
    expect(
      (await resumed.rest()).map(({ event, data }) => [event, (data['instance'] as { ram: number })?.ram]),
    ).toEqual([
      ['message', 2],
      ['message', 3],
      ['end', undefined],
    ]);
    const anew = await openEvents(address, `/v2/instances/r?${until}`, { 'last-event-id': '01234567-1' });
    expect((await anew.rest()).map(({ event }) => event)).toEqual(['restarted', 'message', 'end']);
    other.close();
  });

  test('reports that the thing is gone, or fails with the error that ended it', async () => {
    const { address, client } = start();
    const [gone, other] = [await openEvents(address, `${PATH}?until=gone`), await openEvents(address, PATH)];
    await Promise.all([gone.next(), other.next()]);
    await client.ask('terminateInstance', { instance_id: EXAMPLE });
    expect((await gone.rest()).map(({ event }) => event)).toEqual(['gone', 'end']);
    expect(await other.rest()).toMatchObject([{ event: 'error', data: { code: 5 } }]);
  });

  test.each<[string, string, number, RegExp]>([
    ['a bad expression', `${PATH}?until=instance.`, 400, /Line 1, column/],
    ['a parameter given twice', `${PATH}?until=ready&until=gone`, 400, /only once/],
    ['a patch of another kind', `${PATH}?patch=diff`, 400, /merge or json/],
    ['what the contract does not know', '/v2/no-such-thing', 406, /only reads/],
    ['what is not there', '/v2/instances/11111111-2222-3333-4444-555555555555', 404, /not found/i],
  ])('is refused for %s with an ordinary response', async (_what, target, status, text) => {
    const { address } = start();
    const events = await openEvents(address, target);
    expect(events.status).toBe(status);
    expect(await events.text()).toMatch(text);
  });

  test('leaves other requests alone', async () => {
    const { address, sandbox } = start();
    for (const accept of ['*/*', 'application/json, text/event-stream;q=0.5', 'text/event-stream;q=0']) {
      const { status, headers } = await sendHttp(address, 'GET', PATH, undefined, { authorization, accept });
      expect([accept, status, headers['content-type']]).toEqual([accept, 200, 'application/json']);
    }
    const head = await sendHttp(address, 'HEAD', PATH, undefined, {
      authorization,
      accept: 'text/event-stream',
    });
    expect(head.headers['content-type']).not.toBe('text/event-stream');
    expect(sandbox.requests.count()).toBe(4);
  });

  test('ends with an error when the service goes down', async () => {
    const { app } = await startOnSandbox({ httpListen });
    const events = await openEvents(app.httpAddress ?? '', PATH);
    await events.next();
    const rest = events.rest();
    await app.close();
    expect(await rest).toMatchObject([{ event: 'error', data: { code: 14 } }]);
  });

  test('stops polling when the caller leaves, even in the middle of a poll', async () => {
    const { address, upstream } = answering([200, { instance: { ram: 1 } }], 'hang');
    const events = await openEvents(address, '/v2/instances/leave');
    await events.next();
    await upstream.arrived(2);
    events.close();
    await upstream.received[1]?.abandoned;
  });
});

describe('a list that accepts application/x-ndjson', () => {
  const accept = 'application/x-ndjson';

  test('is walked: a line for each element, page after page', async () => {
    const { address, client } = start();
    for (let index = 0; index < 7; index += 1)
      await client.ask('createInstance', {
        region: 'ams',
        plan: 'vc2-1c-1gb',
        image_id: '124',
        label: `n${index}`,
      });
    onSandbox().sandbox.advance(60_000);
    const lines = await openEvents(address, '/v2/instances?per_page=2', { accept });
    expect([lines.status, lines.contentType]).toEqual([200, accept]);
    const labels = (await lines.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).label);
    expect(labels.filter((label) => label.startsWith('n'))).toEqual([
      'n0',
      'n1',
      'n2',
      'n3',
      'n4',
      'n5',
      'n6',
    ]);
    expect(onSandbox().sandbox.requests.count({ method: 'GET', path: '/v2/instances' })).toBe(
      Math.ceil(labels.length / 2),
    );
  });

  test('is refused when it is not a list', async () => {
    const { address } = start();
    expect(await openEvents(address, '/v2/account/bandwidth', { accept }).then((lines) => lines.status)).toBe(
      406,
    );
  });
});
