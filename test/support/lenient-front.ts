import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { Effect } from '../../src/contract/effect.ts';
import { loadContract } from '../../src/contract/load.ts';
import { createResolver } from '../../src/v2/resolve.ts';
import { listenLocally } from './listen.ts';

const resolve = createResolver(
  loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url))),
);

/** A request in the reading of the front: what the upstream was made to do. */
export interface Reading {
  readonly method: string;
  readonly path: string;
  readonly effect: Effect;
  /** What the request says, in the most generous reading: query and body, decoded, in lower case. */
  readonly text: string;
}

/** What stands before the upstream. */
export interface LenientFront {
  readonly url: URL;
  readonly readings: Reading[];
}

/**
 * Starts the most obliging front that an API could stand behind. It decodes paths as often as it can, folds slashes, dots,
 * path parameters and case, and takes every word of a method override: whatever gets by a policy here might get by it
 * somewhere. The upstream is asked for what it has understood.
 */
export async function startLenientFront(upstream: string): Promise<LenientFront> {
  const readings: Reading[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { url = '', headers } = incoming;
    const mark = url.indexOf('?');
    const query = mark < 0 ? '' : url.slice(mark + 1);
    const path = foldPath(mark < 0 ? url : url.slice(0, mark));
    const text = understand(query, body, headers);
    const method = understandMethod(incoming.method ?? '', headers, text);
    const { effect } = resolve(method, path);
    readings.push({ method, path, text, effect });
    const onward = request(
      new URL(`${path}${query === '' ? '' : `?${query}`}`, upstream),
      {
        method,
        headers: { 'content-type': 'application/json', authorization: headers.authorization ?? '' },
        agent: false,
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, {
          'content-type': answer.headers['content-type'] ?? 'application/json',
        });
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    onward.end(body);
  });
  return { url: new URL(`http://127.0.0.1:${await listenLocally(server)}`), readings };
}

const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

function understandMethod(method: string, headers: IncomingHttpHeaders, text: string): string {
  const named =
    OVERRIDES.map((name) => headers[name]).find((value) => value !== undefined) ??
    /_method["\]]*\s*[=:]\s*"?([a-z]+)/.exec(text)?.[1] ??
    /name="?_method"?\s+([a-z]+)/.exec(text)?.[1] ??
    method;
  const upper = String(named).toUpperCase();
  return upper === 'HEAD' ? 'GET' : upper;
}

function understand(query: string, body: Buffer, headers: IncomingHttpHeaders): string {
  const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  const text = `${query}\n${plain.toString('latin1')}`;
  return decode(text.replace(/\\u([0-9a-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))))
    .replaceAll('\0', '')
    .toLowerCase();
}

function foldPath(path: string): string {
  const segments: string[] = [];
  const plain = decode(path)
    .replaceAll('\\', '/')
    .replace(/[\0?#].*$/s, '');
  for (const segment of plain.toLowerCase().split('/')) {
    const name = segment.replace(/;.*$/s, '').trim();
    if (name === '..') segments.pop();
    else if (name !== '' && name !== '.') segments.push(encodeURIComponent(name));
  }
  return `/${segments.join('/')}`;
}

function decode(text: string): string {
  let decoded = text;
  for (let count = 0; count < 4; count += 1)
    decoded = decoded.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decoded;
}
