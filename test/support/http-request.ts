import { type IncomingMessage, request } from 'node:http';

/** A reply over HTTP, read to its end. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Sends a request the way curl does: the target as it is written, one connection each. A body is sent as JSON. */
export function sendHttp(
  address: string,
  method: string,
  target: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpReply> {
  const { hostname, port } = new URL(`http://${address}`);
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method,
        path: target,
        agent: false,
        headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
      },
      (incoming) => readReply(incoming).then(resolve, reject),
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

/** Reads a reply to its end. */
export async function readReply(incoming: IncomingMessage): Promise<HttpReply> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { statusCode: status = 0, headers } = incoming;
  return { status, headers, text: Buffer.concat(chunks).toString() };
}
