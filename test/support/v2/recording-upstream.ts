import { createServer, type IncomingHttpHeaders } from 'node:http';
import { listenLocally } from '../listen.ts';

/** A request as it reached the upstream, byte for byte. */
export interface Recorded {
  readonly method: string;
  /** Path and query, not decoded. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Empty: none. */
  readonly body: string;
}

/** What the upstream responds with. */
export interface UpstreamResponse {
  readonly status: number;
  /** Undefined: no such header. */
  readonly contentType?: string | undefined;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** An upstream that records what it is asked and responds as the test says. */
export interface RecordingUpstream {
  readonly url: URL;
  /** The response to every request from now on. */
  answer: UpstreamResponse;
  /** What has arrived since it was last taken, and no more than that one. Fails when it is not exactly one request. */
  take(): Recorded;
  /** How many requests have arrived and were not taken. */
  readonly untaken: number;
}

/** Starts an upstream. It is closed when the test ends. */
export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  let recorded: Recorded[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    recorded.push({
      method: request.method ?? '',
      target: request.url ?? '',
      headers: request.headers,
      body,
    });
    const { status, contentType, headers = {}, body: answer } = upstream.answer;
    const type = contentType === undefined ? {} : { 'content-type': contentType };
    response.writeHead(status, { ...headers, ...type }).end(answer);
  });
  const port = await listenLocally(server);
  const upstream: RecordingUpstream = {
    url: new URL(`http://127.0.0.1:${port}`),
    answer: { status: 200, contentType: 'application/json', body: '{}' },
    take() {
      const [first, ...others] = recorded;
      recorded = [];
      if (first === undefined || others.length > 0)
        throw new Error(
          `${first === undefined ? 'No' : `More than one (${others.length + 1})`} request arrived.`,
        );
      return first;
    },
    get untaken() {
      return recorded.length;
    },
  };
  return upstream;
}
