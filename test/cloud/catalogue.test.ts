import { describe, expect, test } from 'vitest';
import { type FakeAnswer, type Received, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';

interface Plans {
  readonly plans: readonly { readonly id: string; readonly locations: readonly string[] }[];
  readonly meta: { readonly total: number; readonly Links: { readonly next: string; readonly prev: string } };
}

const onSandbox = openForFile(() => startOnSandbox());

describe('the catalogue', () => {
  test('is what Vultr has, under the names of the original API', async () => {
    const { client } = onSandbox();
    const regions = (await client.ask('listRegions', {})).value;
    expect(Object.keys(regions)).toEqual(['regions', 'meta']);
    expect(regions['regions']).toHaveLength(32);
    expect(regions['meta']).toEqual({ Links: { next: '', prev: '' }, total: 32 });
    const images = (await client.ask('listImages', {})).value;
    expect(Object.keys(images)).toEqual(['images', 'meta']);
    expect((images['images'] as { id: number }[]).map(({ id }) => id)).toEqual(
      expect.arrayContaining([124, 1797]),
    );
  });

  test('is paged with the cursors of Vultr', async () => {
    const { client } = onSandbox();
    const ids: string[] = [];
    let cursor = '';
    do {
      const { value } = await client.ask('listRegions', { per_page: 10, cursor });
      const page = value as unknown as { regions: { id: string }[]; meta: Plans['meta'] };
      expect(page.regions.length).toBeLessThanOrEqual(10);
      ids.push(...page.regions.map(({ id }) => id));
      cursor = page.meta.Links.next;
    } while (cursor !== '');
    expect(new Set(ids).size).toBe(32);
  });

  test('of plans in one region is what can be deployed there now, in pages that go both ways', async () => {
    const { client } = onSandbox();
    const page = async (request: object): Promise<Plans> =>
      (await client.ask('listPlans', { region: 'ams', ...request })).value as unknown as Plans;
    const whole = await page({ per_page: 500 });
    const all = (await client.ask('listPlans', { per_page: 500 })).value as unknown as Plans;
    expect(whole.meta.total).toBe(whole.plans.length);
    expect(whole.plans.length).toBeGreaterThan(10);
    expect(whole.plans.length).toBeLessThan(all.plans.length);

    const forward: string[] = [];
    let cursor = '';
    let last: Plans;
    do {
      last = await page({ per_page: 7, cursor });
      forward.push(...last.plans.map(({ id }) => id));
      cursor = last.meta.Links.next;
    } while (cursor !== '');
    expect(forward).toEqual(whole.plans.map(({ id }) => id));
    const before = await page({ per_page: 7, cursor: last.meta.Links.prev });
    expect(before.plans.map(({ id }) => id)).toEqual(
      forward.slice(-7 - last.plans.length, -last.plans.length),
    );
    expect((await page({})).plans.length).toBe(Math.min(100, whole.plans.length));
    expect((await page({ type: 'vhf' })).plans.every(({ id }) => id.startsWith('vhf'))).toBe(true);
  });

  test.each<[string, object, string, string?]>([
    ['an unknown region', { region: 'xyz' }, 'NOT_FOUND'],
    [
      'a cursor that nobody gave out',
      { region: 'ams', cursor: 'bm90aGluZw==' },
      'INVALID_ARGUMENT',
      'cursor',
    ],
    ['no element a page', { region: 'ams', per_page: 0 }, 'INVALID_ARGUMENT', 'per_page'],
    ['less than none', { region: 'ams', per_page: -1 }, 'INVALID_ARGUMENT', 'per_page'],
    ['more than Vultr allows', { region: 'ams', per_page: 501 }, 'INVALID_ARGUMENT', 'per_page'],
    ['no element a page, without a region', { per_page: 0 }, 'INVALID_ARGUMENT'],
    ['a region that is a path', { region: '..' }, 'INVALID_ARGUMENT', 'region'],
  ])('refuses %s', async (_what, request, code, field) => {
    const { client } = onSandbox();
    const failure = await failureOf(client.ask('listPlans', request));
    expect(failure.code).toBe(code);
    if (field !== undefined) expect(Object.keys(failure.violations)).toEqual([field]);
  });

  test('is asked for without a credential, whatever the caller or the service has', async () => {
    const upstream = await startFakeUpstream(({ url }) => [
      200,
      url.includes('availability') ? { available_plans: [] } : {},
    ]);
    const { client } = await startService({ upstream: upstream.url, apiKey: 'SERVICE-KEY' });
    const access_token = KEY;
    await client.ask('listRegions', { access_token });
    await client.ask('listImages', { access_token });
    await client.ask('listPlans', { access_token });
    await client.ask('listPlans', { access_token, region: 'ams' });
    expect(upstream.received.length).toBeGreaterThanOrEqual(4);
    for (const { authorization, url, body } of upstream.received) {
      expect([authorization, body]).toEqual([undefined, '']);
      expect(url).not.toContain('KEY');
    }
  });

  test('that never ends is given up', async () => {
    let page = 0;
    const upstream = await startFakeUpstream(({ url }: Received): FakeAnswer => {
      if (url.includes('availability')) return [200, { available_plans: [] }];
      page += 1;
      return [200, { plans: [], meta: { total: 1, links: { next: `again${page}`, prev: '' } } }];
    });
    const { client } = await startService({ upstream: upstream.url });
    expect(await failureOf(client.ask('listPlans', { region: 'ams' }))).toMatchObject({
      code: 'INTERNAL',
      info: { reason: 'BAD_UPSTREAM_RESPONSE' },
    });
    expect(page).toBeLessThan(100);
  });
});
