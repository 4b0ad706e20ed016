import { type HomeFacts, renderHome } from '../../pages/home-page.ts';
import { HTML, PAGE_HEADERS } from '../../pages/layout.ts';
import { prefersHtml } from '../accept.ts';
import type { ExtraRequest, ExtraRoute } from '../options.ts';

/** What the page cannot know. */
export interface HomeOptions {
  readonly version: string;
  /** What is asked: `sandbox`, or the base URL of a Vultr. */
  readonly upstream: string;
  /** Whether that is only for callers who are known by name. */
  readonly hasCallers: boolean;
  /** How callers reach this side, as far as the service knows: something before it may do the TLS. */
  readonly scheme: 'http' | 'https';
  /** Tells who is asking. */
  readonly recognise: (request: ExtraRequest) => Promise<HomeFacts['you']>;
}

/** What the service has besides operations, by path. */
const LINKS = {
  '/docs': 'every operation, to search, read and try',
  '/status': 'what is going on, live',
  '/openapi.json': 'every operation, as OpenAPI 3.1',
  '/openapi.yaml': 'the same as YAML',
  '/contract.binpb': 'the protos with all imports, for generators of clients',
  '/healthz': 'whether the process lives',
  '/readyz': 'whether it takes calls',
  '/metrics': 'its numbers, for Prometheus',
};

const ABOUT = 'The Vultr cloud as a gRPC service, and the same calls over HTTP and JSON.';

/** `GET /`: where a caller has come to, and who it is there. HTML for browsers, JSON for programs. */
export function createHomeRoute(options: HomeOptions): ExtraRoute {
  const { version, upstream, hasCallers, scheme, recognise } = options;
  return async (request) => {
    const { host = '', accept } = request.headers;
    const base = `${scheme}://${/^[\w.:[\]-]+$/.exec(host)?.[0] ?? '127.0.0.1:8005'}`;
    const you = await recognise(request);
    const facts: HomeFacts = {
      service: 'vultr-grpc',
      about: ABOUT,
      version,
      ...((!hasCallers || you.caller !== null) && { upstream }),
      you,
      links: LINKS,
      try: commands(base),
    };
    const isPage = prefersHtml(accept);
    return {
      status: 200,
      contentType: isPage ? HTML : 'application/json',
      headers: PAGE_HEADERS,
      body: Buffer.from(isPage ? renderHome(facts) : `${JSON.stringify(facts, undefined, 2)}\n`),
    };
  };
}

/** Three commands that show what this is. */
function commands(base: string): readonly string[] {
  return [
    `curl ${base}/api/regions`,
    `curl ${base}/api/instances -H "Authorization: Bearer $VULTR_API_KEY"`,
    `curl ${base}/v2/plans?per_page=1`,
  ];
}
