import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the imitation sends, to whatever it is asked. */
export interface Canned {
  readonly status?: number;
  readonly contentType?: string;
  readonly body: string | Buffer;
}

/** A Vultr that always says the same. */
export interface CannedVultr {
  readonly url: string;
  /** What it says from now on; `never`: it takes requests and says nothing. */
  respond(canned: Canned | 'never'): void;
  /** How many requests have come. */
  count(): number;
  close(): Promise<void>;
}

/** Starts it on a free port. */
export async function startCannedVultr(): Promise<CannedVultr> {
  let canned: Canned | 'never' = { body: '{}' };
  let count = 0;
  const server: Server = createServer((request, response) => {
    count += 1;
    request.resume();
    request.once('end', () => {
      if (canned === 'never') return;
      const { status = 200, contentType = 'application/json', body } = canned;
      response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    respond: (next) => {
      canned = next;
    },
    count: () => count,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
