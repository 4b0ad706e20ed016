import { Metadata } from '@grpc/grpc-js';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthListResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../src/gen/grpc/health/v1/health.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { connectRaw, type RawClient, type RawStream } from '../support/raw-client.ts';
import { startOnSandbox, type TestService } from '../support/service.ts';

const opened = openForFile(() => startOnSandbox());
let service: TestService;
let client: RawClient;
beforeEach(() => use(opened()));

/** What the tests talk to. */
function use(running: TestService): void {
  service = running;
  client = connectRaw(running.app.grpcAddress);
}

function request(name: string): Uint8Array {
  return HealthCheckRequest.encode({ service: name }).finish();
}

async function check(name: string): Promise<Status> {
  return HealthCheckResponse.decode(await client.unary('/grpc.health.v1.Health/Check', request(name))).status;
}

async function nextStatus(watch: RawStream): Promise<Status | undefined> {
  const bytes = await watch.next();
  return bytes === undefined ? undefined : HealthCheckResponse.decode(bytes).status;
}

const NAMES = ['', 'vultr.cloud.v1.CloudService', 'vultr.v2.InstancesService', 'grpc.health.v1.Health'];

describe('health', () => {
  test('of the server and of each service is SERVING', async () => {
    for (const name of NAMES) expect(await check(name), name).toBe(Status.SERVING);
  });

  test('of a service that is not there is NOT_FOUND', async () => {
    for (const name of ['vultr.cloud.v1', 'constructor', 'x'.repeat(10_000), '\u{1F4A9}']) {
      expect(await failureOf(check(name)), name).toMatchObject({
        code: 'NOT_FOUND',
        info: { reason: 'SERVICE_NOT_FOUND', domain: 'vultr-grpc' },
      });
    }
  });

  test('of every service is listed', async () => {
    const bytes = await client.unary('/grpc.health.v1.Health/List', new Uint8Array());
    const { statuses } = HealthListResponse.decode(bytes);
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(NAMES));
    expect(new Set(Object.values(statuses).map(({ status }) => status))).toEqual(new Set([Status.SERVING]));
  });

  test('needs no credential, and takes no offence at that of a proxy', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', 'Basic eDp5');
    const bytes = await client.unary('/grpc.health.v1.Health/Check', request(''), metadata);
    expect(HealthCheckResponse.decode(bytes).status).toBe(Status.SERVING);
  });

  test('that is watched tells that the service goes down, and ends', async () => {
    use(await startOnSandbox());
    const watches = NAMES.map((name) => client.stream('/grpc.health.v1.Health/Watch', request(name)));
    for (const watch of watches) expect(await nextStatus(watch)).toBe(Status.SERVING);
    const closing = service.app.close();
    for (const watch of watches) {
      expect(await nextStatus(watch)).toBe(Status.NOT_SERVING);
      const end = await failureOf(watch.next());
      expect(end).toMatchObject({ code: 'UNAVAILABLE', info: { reason: 'SHUTTING_DOWN' } });
    }
    await closing;
  });

  test('of an unknown service can be watched, and ends at shutdown', async () => {
    use(await startOnSandbox());
    const watch = client.stream('/grpc.health.v1.Health/Watch', request('some.Service'));
    expect(await nextStatus(watch)).toBe(Status.SERVICE_UNKNOWN);
    const closing = service.app.close();
    expect((await failureOf(watch.next())).code).toBe('UNAVAILABLE');
    await closing;
  });

  test('checks are logged at debug, not among the calls', async () => {
    await check('');
    expect(service.log.lines({ method: 'grpc.health.v1.Health/Check' }).at(-1)).toMatchObject({
      level: 'debug',
      code: 'OK',
    });
    expect(service.log.lines({ level: 'info' })).toEqual([]);
  });
});
