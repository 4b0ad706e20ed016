/**
 * The upstream of the speed bench: responses of the sandbox, kept as bytes, so that asking for them costs next to nothing.
 *
 * `/v2/plans` is 37 KB, `/v2/instances` 1.2 KB, and `/v2/instances?label=<bytes>` a list of that size. `long_number=1` puts one number of
 * seventeen digits into the list.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSandbox } from '../../src/sandbox/index.ts';

const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 1 });
const headers = { 'content-type': 'application/json', authorization: 'Bearer k' };
const get = async (path: string): Promise<Buffer> =>
  Buffer.from(await (await fetch(sandbox.url + path, { headers })).arrayBuffer());
const create = { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 1743, label: 'bench' };
await fetch(`${sandbox.url}/v2/instances`, { method: 'POST', headers, body: JSON.stringify(create) });
const list = JSON.parse((await get('/v2/instances')).toString()) as {
  instances: { id: string }[];
  meta: unknown;
};
const instance = list.instances[0];
const plans = await get('/v2/plans?per_page=100');
const regions = await get('/v2/regions');
const empty = Buffer.from('{}');
await sandbox.close();

const sizes = new Map<string, Buffer>();

/** As many instances as make a list of about so many bytes. */
function listOf(bytes: number): Buffer {
  const one = JSON.stringify(instance).length + 1;
  const instances = Array.from({ length: Math.max(1, Math.round(bytes / one)) }, () => instance);
  return Buffer.from(JSON.stringify({ ...list, instances }));
}

function instancesFor(query: URLSearchParams): Buffer {
  const label = query.get('label') ?? '1100';
  let body = sizes.get(label);
  if (body === undefined) {
    body = listOf(Number(label));
    sizes.set(label, body);
  }
  return body;
}

function bodyFor(target: string): Buffer {
  const { pathname, searchParams } = new URL(target, 'http://upstream');
  if (pathname === '/v2/plans') return plans;
  if (pathname === '/v2/regions') return regions;
  if (pathname === '/v2/instances') return instancesFor(searchParams);
  if (pathname.startsWith('/v2/instances/')) return Buffer.from(JSON.stringify({ instance }));
  return empty;
}

const server = createServer((request, response) => {
  const body = bodyFor(request.url ?? '');
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`ready: gRPC ${address}, HTTP http://${address}\n`);
});
process.on('SIGTERM', () => process.exit(0));
