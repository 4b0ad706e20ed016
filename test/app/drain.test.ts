import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { expect, test } from 'vitest';
import {
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../src/gen/grpc/health/v1/health.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startOnSandbox } from '../support/service.ts';

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };

test('a service that drains is not ready at once, and serves calls until the delay is over', async () => {
  const { app, client } = await startOnSandbox({ ...HTTP, drainDelayMs: 1_500 });
  const http = app.httpAddress ?? '';
  const health = connectRaw(app.grpcAddress).stream('/grpc.health.v1.Health/Watch', new Uint8Array());
  const statusOf = async () => HealthCheckResponse.decode((await health.next()) ?? Buffer.alloc(0)).status;
  expect(await statusOf()).toBe(Status.SERVING);
  const watch = client.watch({ instance_id: EXAMPLE });
  await watch.next();
  const agent = new Agent({ keepAlive: true });
  closeAtEnd(() => agent.destroy());
  const begun = performance.now();

  const closing = app.close();
  expect(await statusOf()).toBe(Status.NOT_SERVING);
  const readiness = await sendHttp(http, 'GET', '/readyz');
  expect([readiness.status, JSON.parse(readiness.text).status]).toEqual([503, 'draining']);
  expect((await sendHttp(http, 'GET', '/healthz')).status).toBe(200);
  expect((await client.ask('getInstance', { instance_id: EXAMPLE })).value).toBeDefined();
  const outgoing = request(`http://${http}/api/regions`, { agent }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.resume();
  expect([response.statusCode, response.headers.connection]).toEqual([200, 'close']);

  expect(await failureOf(watch.rest())).toMatchObject({
    code: 'UNAVAILABLE',
    info: { reason: 'SHUTTING_DOWN' },
  });
  expect(performance.now() - begun).toBeGreaterThanOrEqual(1_490);
  expect((await failureOf(health.next())).code).toBe('UNAVAILABLE');
  await closing;
});

test('on loopback there is no delay unless it is asked for', async () => {
  const { app, client } = await startOnSandbox({ drainDelayMs: undefined });
  const watch = client.watch({ instance_id: EXAMPLE });
  await watch.next();
  const begun = performance.now();
  await Promise.all([app.close(), failureOf(watch.rest())]);
  expect(performance.now() - begun).toBeLessThan(4_000);
});
