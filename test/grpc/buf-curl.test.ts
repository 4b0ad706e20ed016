import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CloudServiceService } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const opened = openForFile(() => startOnSandbox({}, { lag: { readMs: 0 } }));

/** Runs `buf curl`, a client that knows nothing but what reflection tells it. */
function bufCurl(path: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const url = `http://${opened().app.grpcAddress}${path}`;
  const all = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args, url];
  return new Promise((settle) => {
    execFile(resolve('node_modules/.bin/buf'), all, (error, out, err) => {
      settle({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

function call(rpc: string, request: object): ReturnType<typeof bufCurl> {
  const args = ['-H', `authorization: Bearer ${KEY}`, '-d', JSON.stringify(request)];
  return bufCurl(`/vultr.cloud.v1.CloudService/${rpc}`, ...args);
}

describe('buf curl', () => {
  test('lists services and methods', async () => {
    const services = await bufCurl('', '--list-services');
    expect(services.out.split('\n')).toEqual(
      expect.arrayContaining([
        'vultr.cloud.v1.CloudService',
        'vultr.v2.InstancesService',
        'grpc.health.v1.Health',
      ]),
    );
    const methods = await bufCurl('', '--list-methods');
    const paths = Object.values(CloudServiceService).map(({ path }) => path.slice(1));
    expect(methods.out.split('\n')).toEqual(expect.arrayContaining(paths));
  });

  test.each<[string, object, string]>([
    ['ListRegions', { perPage: 1 }, 'regions'],
    ['ListImages', { per_page: 1 }, 'images'],
    ['ListPlans', { region: 'ams' }, 'plans'],
    ['ListInstances', {}, 'instances'],
    ['GetInstance', { instanceId: EXAMPLE }, 'instance'],
    ['CreateInstance', { region: 'ams', plan: 'vc2-1c-1gb', imageId: '124' }, 'instance'],
    ['StartInstance', { instanceId: EXAMPLE }, ''],
    ['HaltInstance', { instanceId: EXAMPLE }, ''],
    ['RebootInstance', { instanceId: EXAMPLE }, ''],
    ['WatchInstance', { instanceId: EXAMPLE, until: { status: 'active' } }, 'instance'],
    ['TerminateInstance', { instanceId: EXAMPLE }, ''],
  ])('calls %s', async (rpc, request, member) => {
    const { code, out, err } = await call(rpc, request);
    expect([code, err]).toEqual([0, '']);
    const { data } = JSON.parse(out) as { data: { '@type': string; value: object } };
    expect(data['@type']).toBe('type.googleapis.com/google.protobuf.Struct');
    expect(Object.keys(data.value).filter((name) => name !== 'meta')).toEqual(member === '' ? [] : [member]);
  });

  test('shows the details of an error', async () => {
    const { code, err } = await call('CreateInstance', {});
    expect(code).not.toBe(0);
    const error = JSON.parse(err) as { code: string; details: { type: string; value: string }[] };
    expect(error).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('region') });
    expect(error.details.map(({ type }) => type)).toEqual(['google.rpc.ErrorInfo', 'google.rpc.BadRequest']);
    expect(Buffer.from(error.details[1]?.value ?? '', 'base64').toString()).toContain('region');
  });
});
