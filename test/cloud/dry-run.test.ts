import { beforeEach, expect, test } from 'vitest';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { startOnSandbox } from '../support/service.ts';

const opened = openForFile(() => startOnSandbox());
beforeEach(() => opened().sandbox.reset());

/** A create that Vultr would take. */
const GOOD = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284, dry_run: true };

/** The fields that a dry run refuses. */
async function refusedFields(request: object): Promise<string[]> {
  const failure = await failureOf(opened().client.ask('createInstance', request));
  expect(failure.code).toBe('INVALID_ARGUMENT');
  return Object.keys(failure.violations);
}

test('a dry run of a good create reports plan and region, and buys nothing', async () => {
  const { value } = await opened().client.ask('createInstance', GOOD);
  expect(value).toMatchObject({
    dry_run: true,
    plan: { id: 'vc2-1c-1gb', monthly_cost: 5 },
    region: { id: 'ams', city: 'Amsterdam' },
  });
  expect(opened().sandbox.state.instancesCreated).toBe(0);
  expect(opened().sandbox.requests.count({ method: 'POST' })).toBe(0);
});

test.each([
  ['a plan that there is not', { ...GOOD, plan: 'vc2-0c' }, ['plan']],
  ['a region that there is not', { ...GOOD, region: 'moon' }, ['region']],
  ['both, at once', { ...GOOD, plan: 'vc2-0c', region: 'moon' }, ['plan', 'region']],
  ['a plan that is not sold in the region', { ...GOOD, region: 'hnl' }, ['plan']],
  ['an os_id that there is not', { ...GOOD, os_id: 1 }, ['os_id']],
  ['an image_id of digits that there is not', { ...GOOD, os_id: undefined, image_id: '1' }, ['image_id']],
  ['an application that there is not', { ...GOOD, os_id: undefined, image_id: 'no-such' }, ['image_id']],
  ['an app_id that there is not', { ...GOOD, os_id: undefined, app_id: 1 }, ['app_id']],
  ['a snapshot that the account has not', { ...GOOD, os_id: undefined, snapshot_id: 'x' }, ['snapshot_id']],
  ['an ISO that the account has not', { ...GOOD, os_id: undefined, iso_id: 'x' }, ['iso_id']],
  ['two sources to boot from', { ...GOOD, app_id: 29 }, ['os_id']],
  ['no source to boot from', { ...GOOD, os_id: undefined }, ['image_id']],
])('a dry run refuses %s', async (_name, request, fields) => {
  expect((await refusedFields(request)).sort()).toEqual(fields.sort());
  expect(opened().sandbox.state.instancesCreated).toBe(0);
});

test.each([
  ['an operating system by image_id', { image_id: '124' }],
  ['a one-click application', { app_id: 29 }],
  ['a marketplace application', { image_id: 'openlitespeed-rails' }],
])('a dry run takes %s', async (_name, source) => {
  const { value } = await opened().client.ask('createInstance', { ...GOOD, os_id: undefined, ...source });
  expect(value['dry_run']).toBe(true);
});
