/**
 * The HTTP side in a process of its own, with a small heap: calls wait for ever. It says on which port it listens, and is
 * asked for the memory that it holds. Run by memory.test.ts.
 */
import { readFileSync } from 'node:fs';
import { loadContract } from '../../src/contract/load.ts';
import { createServiceRoutes } from '../../src/http/routes/service.ts';
import { startHttpServer } from '../../src/http/server.ts';
import type { Dispatcher } from '../../src/rpc/call.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createResolver } from '../../src/v2/resolve.ts';
import { heldMb } from '../support/held-memory.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const large = Buffer.alloc(1024 * 1024, 'x');

/** GET /v2/plans is a large response; everything else is read, and never gets one. */
const dispatcher: Dispatcher = {
  async unary(incoming) {
    await incoming.read();
    if (incoming.operation.rpc !== 'ListPlans') return await new Promise(() => undefined);
    const body = Buffer.from(large);
    const http = { status: 200, contentType: 'application/json', body };
    return { toBinary: () => body, toJson: () => body, http };
  },
  async *stream() {},
  refused() {},
};

const { port } = await startHttpServer({
  operations: contract.operations.values(),
  resolveVultr: createResolver(contract),
  dispatcher,
  listen: { host: '127.0.0.1', port: 0 },
  extraRoutes: createServiceRoutes(() => ({ phase: 'ready', details: {} }), createMetrics()),
});

process.on('message', () => process.send?.({ heldMb: heldMb() }));
process.send?.({ port });
