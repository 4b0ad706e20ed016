/**
 * The service that bench/callers.ts measures, as a process of its own: with the arguments that it is given, in front of an
 * upstream that is asked once, since what is measured comes from the cache. Tells its parent the address, then answers every
 * message with the CPU time that it has used.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startApp } from '../../src/app/app.ts';
import { readServeConfig } from '../../src/config/read.ts';
import { createLogger } from '../../src/telemetry/log.ts';

const body = JSON.stringify({ regions: [{ id: 'ams' }], meta: { total: 1, links: { next: '', prev: '' } } });
const upstream = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(body);
});
await new Promise<void>((resolve) => {
  upstream.listen(0, '127.0.0.1', resolve);
});
const { port } = upstream.address() as AddressInfo;
const own = ['--upstream', `http://127.0.0.1:${port}`, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];
const config = readServeConfig([...own, '--state-dir', 'memory', ...process.argv.slice(2)], {});
const app = await startApp(config, createLogger({ level: 'silent', format: 'json' }));

process.send?.({ grpc: app.grpcAddress, http: app.httpAddress });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
