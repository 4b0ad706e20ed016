/** The thread of thread.ts: writes the document once, hands it over and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import type { OpenApiOptions } from './document.ts';
import { type OpenApiFormat, renderOpenApi } from './render.ts';

const { format, options } = workerData as {
  readonly format: OpenApiFormat;
  readonly options: OpenApiOptions;
};
renderOpenApi(format, options).then((document) => parentPort?.postMessage(document));
