import { readBundledContract } from '../../contract/bundled.ts';
import type { OpenApiOptions } from '../../openapi/document.ts';
import type { OpenApiFormat } from '../../openapi/render.ts';
import type { HttpReply } from '../../rpc/call.ts';
import { entityTag } from '../conditional.ts';
import type { ExtraRoute } from '../options.ts';
import { once } from './once.ts';
import type { GuardRoute } from './service.ts';

/**
 * The routes that hand out the contract itself: `/openapi.json` and `/openapi.yaml`, written when they are first asked for, and
 * `/contract.binpb`, the google.protobuf.FileDescriptorSet with all imports, from which clients are generated.
 * @param guard default: everybody may ask for all of them
 */
export function createContractRoutes(
  options: OpenApiOptions,
  guard: GuardRoute = (_part, route) => route,
): ReadonlyMap<string, ExtraRoute> {
  return new Map<string, ExtraRoute>([
    [
      '/openapi.json',
      guard(
        'docs',
        once(() => openApiReply('json', 'application/json', options)),
      ),
    ],
    [
      '/openapi.yaml',
      guard(
        'docs',
        once(() => openApiReply('yaml', 'application/yaml', options)),
      ),
    ],
    [
      '/contract.binpb',
      guard('docs', async () => ({
        status: 200,
        contentType: 'application/octet-stream',
        body: await readBundledContract(),
      })),
    ],
  ]);
}

async function openApiReply(
  format: OpenApiFormat,
  contentType: string,
  options: OpenApiOptions,
): Promise<HttpReply> {
  // Loaded here, so that a service nobody asks for the document starts without it.
  const { renderOpenApiInThread } = await import('../../openapi/thread.ts');
  const body = Buffer.from(await renderOpenApiInThread(format, options));
  // Only who may see it gets it, so no cache between may keep it.
  const headers = { etag: entityTag(body), 'cache-control': 'private, no-cache' };
  return { status: 200, contentType, headers, body };
}
