import { type Agent, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { onTestFinished } from 'vitest';
import { type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';

/** An answer read to its end. */
export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // Tests look into whatever came back.
  // biome-ignore lint/suspicious/noExplicitAny: the point of the tests is to check the shape
  json: any;
}

/** What a request may differ in from an ordinary authenticated one. */
export interface RequestOptions {
  body?: unknown;
  rawBody?: string;
  key?: string | null;
  headers?: Record<string, string>;
  contentType?: string | null;
}

/** Starts a sandbox without edge limit, to be closed when the test ends, and a client for it. */
export async function sandboxFor(options: SandboxOptions = {}) {
  const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 7, ...options });
  onTestFinished(() => sandbox.close());
  return { sandbox, call: client(sandbox) };
}

/** Sends requests exactly as told: the path is not normalised. */
export function client({ url }: { readonly url: string }, agent: Agent | false = false, ownKey = 'good-key') {
  const { protocol, hostname, port } = new URL(url);
  const open = protocol === 'https:' ? secureRequest : request;
  return (line: string, options: RequestOptions = {}): Promise<Reply> => {
    const [method = '', path = ''] = line.split(' ');
    const { key = ownKey, contentType = 'application/json' } = options;
    const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    return new Promise((resolve, reject) => {
      const outgoing = open(
        {
          hostname,
          port,
          method,
          path,
          agent,
          headers: {
            ...(key === null ? {} : { authorization: `Bearer ${key}` }),
            ...(contentType === null ? {} : { 'content-type': contentType }),
            ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
            ...options.headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = incoming.headers['content-type']?.startsWith('application/json') && text !== '';
            const { statusCode: status = 0, headers } = incoming;
            resolve({ status, headers, text, json: isJson ? parsed(text) : undefined });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The body of a create that works. */
export const VALID_CREATE = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136, label: 'web', hostname: 'web' };
