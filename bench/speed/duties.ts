import { randomUUID } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** What a call is served with. */
export interface Source {
  /** The body of the response to a request. */
  readonly bodyOf: (request: IncomingMessage) => Buffer | Promise<Buffer>;
  /** What the service sends besides the id of the request, names and values in turn. */
  readonly headers: readonly string[];
  /** The rpc of each path. */
  readonly methods: ReadonlyMap<string, string>;
}

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * A listener that does for each call what the service owes every caller and operator whatever the call is, and nothing else: it
 * finds the rpc, gives the request an id, sends the headers of the service, writes a line to the log by the end of the turn of the
 * event loop, and counts the call; every other path has the counts. What makes a call safe (deadline, sharing, retry, breaker,
 * budget, bounds) is left out.
 * @param logFile the file that the lines go to
 */
export function dutiful({ bodyOf, headers, methods }: Source, logFile: string): RequestListener {
  const log = openLog(logFile);
  const counts = new Float64Array(BOUNDS.length + 1);
  let [sum, active] = [0, 0];

  function finish(request: IncomingMessage, method: string, id: string, startedAt: number): void {
    const ms = performance.now() - startedAt;
    const { remoteAddress, remotePort } = request.socket;
    const userAgent = JSON.stringify(request.headers['user-agent'] ?? '');
    log(
      `{"level":"info","time":"${new Date().toISOString()}","method":"${method}","code":"OK","ms":${ms.toFixed(1)},` +
        `"transport":"http","request_id":"${id}","peer":"${remoteAddress}:${remotePort}","user_agent":${userAgent},` +
        `"credential":"service","msg":"call"}\n`,
    );
    const bucket = BOUNDS.findIndex((bound) => ms / 1_000 <= bound);
    counts[bucket === -1 ? BOUNDS.length : bucket] = (counts.at(bucket) ?? 0) + 1;
    sum += ms;
    active -= 1;
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const url = request.url ?? '/';
    const query = url.indexOf('?');
    const method = methods.get(query === -1 ? url : url.slice(0, query));
    if (method === undefined) {
      response.end(`${counts.join(' ')} ${sum} ${active}\n`);
      return;
    }
    active += 1;
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' ? given : randomUUID();
    const made = bodyOf(request);
    const body = made instanceof Promise ? await made : made;
    response.writeHead(200, [...headers, 'x-request-id', id, 'content-length', String(body.length)]);
    response.end(body);
    finish(request, method, id, startedAt);
  }

  return (request, response) => void serve(request, response);
}

/** Writes lines together, by the end of the turn of the event loop. */
function openLog(file: string): (line: string) => void {
  const descriptor = openSync(file, 'w');
  let lines = '';
  return (line) => {
    if (lines === '') {
      setImmediate(() => {
        writeSync(descriptor, lines);
        lines = '';
      });
    }
    lines += line;
  };
}
