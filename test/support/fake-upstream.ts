import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { listenLocally } from './listen.ts';

/** A request that reached the fake. */
export interface Received {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The body's text. */
  readonly body: string;
  /** Resolves when the caller has closed the connection before it had an answer. */
  readonly abandoned: Promise<void>;
}

/** What the fake answers with: status and JSON (or text), or nothing at all. */
export type FakeAnswer =
  | readonly [status: number, body: unknown, contentType?: string, headers?: Readonly<Record<string, string>>]
  | 'hang';

/** An upstream that answers as a test says. */
export interface FakeUpstream {
  readonly url: URL;
  readonly received: Received[];
  /** Resolves once so many requests have arrived. */
  arrived(count: number): Promise<void>;
}

/** Starts a fake upstream. A body that is text goes out as it is, anything else as JSON. */
export async function startFakeUpstream(
  answer: (request: Received, index: number) => FakeAnswer | Promise<FakeAnswer>,
): Promise<FakeUpstream> {
  const received: Received[] = [];
  let wake = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const abandoned = Promise.withResolvers<void>();
    response.once('close', () => {
      if (!response.writableFinished) abandoned.resolve();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const entry: Received = {
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      abandoned: abandoned.promise,
    };
    received.push(entry);
    wake.resolve();
    wake = Promise.withResolvers();
    send(response, await answer(entry, received.length - 1));
  });
  const port = await listenLocally(server);
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    received,
    arrived: async (count) => {
      while (received.length < count) await wake.promise;
    },
  };
}

function send(response: ServerResponse, answer: FakeAnswer): void {
  if (answer === 'hang') return;
  const [status, body, contentType = 'application/json', headers = {}] = answer;
  response.writeHead(status, { 'content-type': contentType, ...headers });
  response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
}
