import { renderPage } from './layout.ts';

/** The page of all operations: a frame, which its script fills from /openapi.json. It tells nothing by itself. */
export const DOCS_PAGE = renderPage({
  title: 'Operations · vultr-grpc',
  current: '/docs',
  content: `<h1 class="hidden">Operations</h1>
<div class="docs">
<aside class="side">
<form class="key" id="key"><label>API key, for this tab only
<input type="password" name="key" autocomplete="off" spellcheck="false" placeholder="not given"></label><button type="submit">Use</button></form>
<p id="key-state" class="small soft" role="status">The key stays in the memory of this tab and goes nowhere but to this service.</p>
<label class="find">Search <kbd>/</kbd>
<input type="search" id="find" autocomplete="off" spellcheck="false" placeholder="create instance, GET /v2/plans, DESTROY"></label>
<p id="found" class="small soft" role="status"></p>
<nav id="operations" aria-label="Operations"></nav>
</aside>
<section class="operation" id="operation" aria-live="off" tabindex="-1">
<p id="loading" class="soft">Loading the operations…</p>
<noscript><p>This page needs JavaScript. Without it: <a href="/openapi.yaml">/openapi.yaml</a> has every operation.</p></noscript>
</section>
</div>`,
  styles: ['/assets/swagger-ui.css', '/assets/docs.css'],
  library: '/assets/swagger-ui-bundle.js',
  script: '/assets/docs.js',
});
