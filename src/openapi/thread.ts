import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { OpenApiOptions } from './document.ts';
import type { OpenApiFormat } from './render.ts';

/**
 * Writes the OpenAPI document in a thread of its own, because that takes a second or two, in which calls would wait. The
 * thread takes its memory with it when it ends.
 */
export async function renderOpenApiInThread(format: OpenApiFormat, options: OpenApiOptions): Promise<string> {
  // The worker has the ending that this file has: .ts from a checkout, .js in the package.
  const url = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(url, { workerData: { format, options }, env: {} });
  // It must not keep a service from ending.
  worker.unref();
  const [text] = await once(worker, 'message');
  return String(text);
}
