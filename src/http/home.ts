import { createHash } from 'node:crypto';
import type { ExtraRoute } from './options.ts';

/** What the page cannot know. */
export interface HomeOptions {
  readonly version: string;
  /** What is asked: `sandbox`, or the base URL of a Vultr. */
  readonly upstream: string;
  /** How callers reach this side, as far as the service knows: something before it may do the TLS. */
  readonly scheme: 'http' | 'https';
}

/** The pages of the service, by path, with what they are. */
const LINKS: readonly (readonly [path: string, text: string])[] = [
  ['/openapi.json', 'every operation, as OpenAPI 3.1'],
  ['/openapi.yaml', 'the same as YAML'],
  ['/contract.binpb', 'the protos with all imports, for generators of clients'],
  ['/healthz', 'whether the process lives'],
  ['/readyz', 'whether it takes calls'],
  ['/metrics', 'its numbers, for Prometheus'],
];

const ABOUT = 'The Vultr cloud as a gRPC service, and the same calls over HTTP and JSON.';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; border-radius: 0.25rem; }
`;

/** The page has one style sheet, its own, and nothing else is loaded. */
const HEADERS = {
  vary: 'Accept',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

/** `GET /`: where a caller has come to. HTML for browsers, JSON for programs. */
export function createHomeRoute({ version, upstream, scheme }: HomeOptions): ExtraRoute {
  return ({ headers }) => {
    const base = `${scheme}://${/^[\w.:[\]-]+$/.exec(headers.host ?? '')?.[0] ?? '127.0.0.1:8005'}`;
    const facts = {
      service: 'vultr-grpc',
      about: ABOUT,
      version,
      upstream,
      links: Object.fromEntries(LINKS),
      try: commands(base),
    };
    const isPage = /\btext\/html\b/.test(headers.accept ?? '');
    return {
      status: 200,
      contentType: isPage ? 'text/html; charset=utf-8' : 'application/json',
      headers: HEADERS,
      body: Buffer.from(isPage ? page(facts) : `${JSON.stringify(facts, undefined, 2)}\n`),
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

function page({
  about,
  version,
  upstream,
  try: lines,
}: Omit<HomeOptions, 'scheme'> & { about: string; try: readonly string[] }): string {
  const links = LINKS.map(
    ([path, text]) => `<li><a href="${path}">${path}</a> ${escapeHtml(text)}</li>`,
  ).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vultr-grpc</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>vultr-grpc ${escapeHtml(version)}</h1>
<p>${escapeHtml(about)} Upstream: <code>${escapeHtml(upstream)}</code></p>
<h2>Try it</h2>
<pre tabindex="0">${escapeHtml(lines.join('\n'))}</pre>
<h2>Here</h2>
<ul>
${links}
</ul>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
