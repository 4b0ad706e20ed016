import { escapeHtml, renderPage } from './layout.ts';

/** What a person is told of a failure. */
export interface Failure {
  /** The HTTP status. */
  readonly status: number;
  readonly title: string;
  readonly message: string;
  readonly reason: string;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** The path that was probably meant. */
  readonly suggestion: string | undefined;
  readonly retryAfterS: number | undefined;
  readonly requestId: string | undefined;
  /** The same for programs. */
  readonly json: string;
}

/** A failure as a page. */
export function renderError(failure: Failure): string {
  const { status, title, message, reason, requestId, retryAfterS, json } = failure;
  const facts = [
    ['Reason', `<code>${escapeHtml(reason)}</code>`],
    ...(retryAfterS === undefined ? [] : [['Try again', `in ${retryAfterS} s`]]),
    ...(requestId === undefined
      ? []
      : [
          [
            'Request id',
            `<code>${escapeHtml(requestId)}</code> <span class="soft">names this request in the log</span>`,
          ],
        ]),
  ];
  const content = `<h1>${escapeHtml(title)} <span class="soft">${status}</span></h1>
<div class="notice fault"><p>${linkPaths(escapeHtml(message), failure.suggestion)}</p></div>
${violationList(failure)}
<div class="card"><dl class="facts">
${facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('\n')}
</dl></div>
<p class="small"><a href="/docs">Every operation</a> · <a href="/">Where am I?</a></p>
<details class="small"><summary>As programs get it</summary><pre tabindex="0"><code>${escapeHtml(json)}</code></pre></details>`;
  return renderPage({ title: `${status} ${title}`, isNarrow: true, content });
}

function violationList({ violations }: Failure): string {
  if (violations.length === 0) return '';
  const rows = violations.map(
    ({ field, description }) =>
      `<tr><th scope="row"><code>${escapeHtml(field)}</code></th><td>${escapeHtml(description)}</td></tr>`,
  );
  return `<div class="table"><table><thead><tr><th scope="col">Field</th><th scope="col">What to do</th></tr></thead><tbody>${rows.join('')}</tbody></table></div><p></p>`;
}

/** Makes a link of the suggested path, unless it is a template that nobody can follow. */
function linkPaths(html: string, suggestion: string | undefined): string {
  if (suggestion === undefined || suggestion.includes('{')) return html;
  const path = escapeHtml(suggestion);
  return html.replace(path, `<a href="${path}">${path}</a>`);
}
