import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { closeAtEnd } from '../../support/opened.ts';

/**
 * Starts a server that passes everything on to a sandbox and adds nothing but the Content-Type that Vultr asks for, so that
 * clients from before that can be shown a sandbox without the gateway. It is closed when the test ends.
 */
export async function startWithContentType(sandbox: string): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    const headers = { 'content-type': 'application/json', ...incoming.headers };
    const passed = request(new URL(incoming.url ?? '/', sandbox), {
      method: incoming.method,
      headers,
      agent: false,
    });
    passed.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      pipeline(response, outgoing).catch(() => outgoing.destroy());
    });
    pipeline(incoming, passed).catch(() => outgoing.destroy());
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  closeAtEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
