import { escapeHtml, renderPage } from './layout.ts';

/** What `/` tells. */
export interface HomeFacts {
  readonly service: 'vultr-grpc';
  readonly about: string;
  readonly version: string;
  /** Undefined: it is not for this caller. */
  readonly upstream?: string;
  /** Who the caller is to the service. */
  readonly you: { readonly caller: string | null; readonly says: string };
  /** The paths of the service, with what they are. */
  readonly links: Readonly<Record<string, string>>;
  /** Commands that try it. */
  readonly try: readonly string[];
}

/** `/` as a page. */
export function renderHome({ about, version, upstream, you, links, try: lines }: HomeFacts): string {
  const items = Object.entries(links).map(
    ([path, text]) => `<li><a href="${path}">${path}</a> <span class="soft">${escapeHtml(text)}</span></li>`,
  );
  const content = `<h1>vultr-grpc ${escapeHtml(version)}</h1>
<p>${escapeHtml(about)}</p>
<div class="card"><dl class="facts">
${upstream === undefined ? '' : `<dt>Upstream</dt><dd><code>${escapeHtml(upstream)}</code></dd>\n`}<dt>You are</dt><dd>${you.caller === null ? '' : `<strong>${escapeHtml(you.caller)}</strong>. `}${escapeHtml(you.says)}</dd>
</dl></div>
<h2>Try it</h2>
<pre tabindex="0" aria-label="Commands"><code>${escapeHtml(lines.join('\n'))}</code></pre>
<h2>Here</h2>
<div class="card"><ul class="links">
${items.join('\n')}
</ul></div>`;
  return renderPage({ title: 'vultr-grpc', current: '/', isNarrow: true, content });
}
