import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

describe('catalogue', () => {
  test.each([
    ['regions', '/v2/regions', 32],
    ['plans', '/v2/plans', 203],
    ['os', '/v2/os', 49],
    ['applications', '/v2/applications', 122],
  ])('%s are complete', async (key, path, total) => {
    const { call } = await sandboxFor();
    const { json } = await call(`GET ${path}?per_page=500`);
    expect(json[key]).toHaveLength(total);
    expect(json.meta).toEqual({ total, links: { next: '', prev: '' } });
    expect(new Set(json[key].map(({ id }: { id: unknown }) => id)).size).toBe(total);
  });

  test.each([
    ['ewr', 102],
    ['blr', 100],
    ['fra', 98],
    ['sao', 84],
    ['dfw', 82],
    ['sea', 67],
    ['hnl', 64],
  ])('%s sells %d plans', async (region, count) => {
    const { call } = await sandboxFor();
    const { json } = await call(`GET /v2/regions/${region}/availability`);
    expect(json.available_plans).toHaveLength(count);
  });

  test.each([
    ['vc2', 20],
    ['vhf', 20],
    ['vhp', 32],
    ['voc', 102],
    ['voc-g', 20],
    ['voc-c', 22],
    ['voc-m', 36],
    ['voc-s', 24],
    ['vcg', 29],
    ['all', 203],
    ['vdc', 0],
  ])('type %s has %d plans', async (type, count) => {
    const { call } = await sandboxFor();
    expect((await call(`GET /v2/plans?type=${type}&per_page=500`)).json.plans).toHaveLength(count);
  });

  test('figures follow from the ladders, twins cost half as much again and are sold in sao only', async () => {
    const { call } = await sandboxFor();
    const { plans } = (await call('GET /v2/plans?per_page=500')).json;
    const find = (id: string) => plans.find((plan: { id: string }) => plan.id === id);
    expect(find('vc2-1c-1gb')).toMatchObject({
      vcpu_count: 1,
      ram: 1024,
      disk: 25,
      monthly_cost: 5,
      hourly_cost: 0.007,
    });
    expect(find('vc2-1c-1gb-sc1')).toMatchObject({ ram: 1024, monthly_cost: 7.5, locations: ['sao'] });
    expect(find('voc-g-1c-4gb-30s-amd')).toMatchObject({
      cpu_vendor: 'AMD',
      disk: 30,
      disk_type: 'DEDICATEDOPTIMIZED',
    });
    expect(find('voc-g-1c-4gb-30s-amd-sc1')).toMatchObject({ cpu_vendor: 'Intel', monthly_cost: 45 });
    expect(find('vcg-l40s-16c-180g-48vram')).toMatchObject({
      hourly_cost: 1.671,
      gpu_type: 'NVIDIA_L40S',
      gpu_vram_gb: 48,
    });
    expect(plans.filter(({ locations }: { locations: string[] }) => locations.length === 0)).toHaveLength(7);
    expect(plans.map(({ id }: { id: string }) => id).slice(0, 3)).toEqual([
      'vc2-1c-0.5gb-v6',
      'vc2-1c-0.5gb',
      'vc2-1c-1gb',
    ]);
  });

  test('the images of the first README exist', async () => {
    const { call } = await sandboxFor();
    const ids = (await call('GET /v2/os')).json.os.map(({ id }: { id: number }) => id);
    expect(ids).toEqual(expect.arrayContaining([124, 1797]));
    expect(ids).toEqual([...ids].sort((one: number, other: number) => one - other));
  });

  test.each([
    ['one-click', 6],
    ['marketplace', 116],
    ['all', 122],
  ])('%s applications: %d', async (type, total) => {
    const { call } = await sandboxFor();
    expect((await call(`GET /v2/applications?type=${type}`)).json.meta.total).toBe(total);
  });

  test.each([
    ['GET /v2/regions/xyz/availability', 404, 'Invalid region ID'],
    ['GET /v2/plans?type=cheap', 400, 'Invalid plan type.'],
    ['GET /v2/applications?type=free', 400, 'Invalid application type.'],
  ])('%s is refused', async (line, status, error) => {
    const { call } = await sandboxFor();
    expect((await call(line)).json).toEqual({ error, status });
  });
});

describe('paging', () => {
  test('the default page is 100, and cursors lead through the whole list and back', async () => {
    const { call } = await sandboxFor();
    const pages: string[][] = [];
    let cursor = '';
    let prev = '';
    do {
      const { json } = await call(`GET /v2/plans?cursor=${encodeURIComponent(cursor)}`);
      pages.push(json.plans.map(({ id }: { id: string }) => id));
      cursor = json.meta.links.next;
      prev = json.meta.links.prev;
      if (cursor !== '')
        expect(Buffer.from(cursor, 'base64').toString()).toBe(`next__${pages.at(-1)?.at(-1)}`);
    } while (cursor !== '');
    expect(pages.map(({ length }) => length)).toEqual([100, 100, 3]);
    expect(new Set(pages.flat()).size).toBe(203);
    expect(Buffer.from(prev, 'base64').toString()).toBe(`prev__${pages[2]?.[0]}`);
    const back = await call(`GET /v2/plans?cursor=${encodeURIComponent(prev)}`);
    expect(back.json.plans.map(({ id }: { id: string }) => id)).toEqual(pages[1]);
  });

  test.each(['0', '501', '-1', 'x', '1.5'])('per_page=%s is 400', async (perPage) => {
    const { call } = await sandboxFor();
    expect((await call(`GET /v2/regions?per_page=${perPage}`)).status).toBe(400);
  });

  test.each(['x', 'bmV4dF9f', Buffer.from('next__nowhere').toString('base64')])(
    'cursor %s is 400',
    async (cursor) => {
      const { call } = await sandboxFor();
      expect((await call(`GET /v2/regions?cursor=${cursor}`)).json).toEqual({
        error: 'Invalid cursor.',
        status: 400,
      });
    },
  );
});
