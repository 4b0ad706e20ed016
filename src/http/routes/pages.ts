import { ASSETS, type Asset } from '../../pages/assets.ts';
import { DOCS_PAGE } from '../../pages/docs-page.ts';
import { HTML, PAGE_HEADERS } from '../../pages/layout.ts';
import { entityTag } from '../conditional.ts';
import type { ExtraRoute } from '../options.ts';
import { once } from './once.ts';

/**
 * `/docs`, and the files that pages load. They are the same for everybody and tell nothing of the service, so they need no
 * proof: what the page shows comes from `/openapi.json`, which does.
 */
export function createPageRoutes(): ReadonlyMap<string, ExtraRoute> {
  const page = Buffer.from(DOCS_PAGE);
  return new Map<string, ExtraRoute>([
    ['/docs', () => ({ status: 200, contentType: HTML, headers: PAGE_HEADERS, body: page })],
    ...ASSETS.map((asset): [string, ExtraRoute] => [`/assets/${asset.name}`, assetRoute(asset)]),
  ]);
}

/** A file, read when it is first asked for and then kept. Browsers ask each time whether theirs is still the right one. */
function assetRoute({ contentType, read }: Asset): ExtraRoute {
  return once(async () => {
    const body = await read();
    const headers = { etag: entityTag(body), 'cache-control': 'no-cache' };
    return { status: 200, contentType, headers, body };
  });
}
