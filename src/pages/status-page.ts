import type { Snapshot } from '../figures/snapshot.ts';
import { renderChart } from './chart.ts';
import { escapeHtml, renderPage } from './layout.ts';

/** A column of a table, and how a row fills it. */
type Column<Row> = readonly [head: string, cell: (row: Row) => string, kind?: 'number'];

/** The whole page, with the figures of now; its script brings the following ones. */
export function renderStatus(snapshot: Snapshot): string {
  return statusPage(`<p id="live" class="soft small" role="status">As of ${escapeHtml(timeOf(snapshot))}. Without JavaScript the page stays as it is.</p>
<div id="figures">${renderFigures(snapshot)}</div>`);
}

/** The page for a browser that has not shown who it is: it asks for a key, and fetches the figures with that. */
export function renderLockedStatus(message: string): string {
  return statusPage(`<p id="live" class="soft small" role="status"></p>
<div class="notice"><p>${escapeHtml(message)}</p></div>
<form class="key" id="key"><label>Key or token of a caller that may see service:status. It stays in this tab's memory.
<input type="password" name="key" autocomplete="off" spellcheck="false" required></label><button type="submit">Show the status</button></form>
<noscript><p>Without JavaScript: <code>curl -H "Authorization: Bearer $KEY" …/status</code></p></noscript>
<div id="figures"></div>`);
}

function statusPage(content: string): string {
  const head = '<h1>Status</h1>\n';
  return renderPage({
    title: 'Status · vultr-grpc',
    current: '/status',
    content: head + content,
    script: '/assets/status.js',
  });
}

/** The figures alone, as they are sent again and again. */
export function renderFigures(snapshot: Snapshot): string {
  return [
    tiles(snapshot),
    charts(snapshot),
    section('Calls by method, last minute', methodTable(snapshot)),
    `<div class="grid">${section('Request budget by caller', callerTable(snapshot))}${section('Catalogue cache', cacheTable(snapshot))}</div>`,
    section('Last failures', errorTable(snapshot)),
    section('Replicas', replicaTable(snapshot)),
  ].join('\n');
}

function tiles(snapshot: Snapshot): string {
  const { calls, cache, watches, idempotency, phase, version, uptime_s } = snapshot;
  const all: (readonly [name: string, value: string, note: string])[] = [
    ['Service', state(phase === 'ready', phase), `${version}, up ${duration(uptime_s)}`],
    [
      'Calls',
      `${perSecond(calls.per_second)}/s`,
      `${perSecond(calls.failed_per_second)}/s fail, ${calls.active} under way`,
    ],
    budgetTile(snapshot),
    ['Queue', queued(snapshot), `${snapshot.budget?.in_flight ?? 0} under way to Vultr`],
    breakerTile(snapshot),
    ['Watches', String(watches.watches), `of ${watches.things} things`],
    [
      'Cache',
      cache === null ? 'off' : `${cache.entries} kept`,
      cache === null ? '' : bytes(cache.held_bytes),
    ],
    ['Record of creates', state(idempotency === 'available', idempotency), ''],
  ];
  const items = all.map(
    ([name, value, note]) => `<div><dt>${name}</dt><dd>${value}<span>${escapeHtml(note)}</span></dd></div>`,
  );
  return `<dl class="tiles">${items.join('')}</dl>`;
}

function budgetTile({ budget }: Snapshot): readonly [string, string, string] {
  if (budget === null) return ['Budget', 'off', 'requests go as they come'];
  const { source, rate, rate_factor, per_second } = budget;
  const slowed = rate_factor < 1 ? `, slowed to ${Math.round(rate_factor * 100)} %` : '';
  return ['Budget', `${perSecond(per_second)} of ${number(rate)}/s`, `${source}${slowed}`];
}

function queued({ budget }: Snapshot): string {
  const waiting = budget?.waiting ?? 0;
  return waiting > 100 ? span('warn', `${waiting} waiting`) : `${waiting} waiting`;
}

function breakerTile({ breaker, retries_left }: Snapshot): readonly [string, string, string] {
  if (breaker === null) return ['Breaker', 'off', ''];
  const { reads, changes } = breaker;
  const retries = `${Math.floor(retries_left)} retries left`;
  if (reads === changes) return ['Breaker', state(reads === 'closed', reads), retries];
  return ['Breaker', span('bad', 'partly open'), `reads ${reads}, changes ${changes}, ${retries}`];
}

function charts({ calls, budget }: Snapshot): string {
  const all = [
    renderChart({
      title: 'Calls a second',
      text: `${perSecond(calls.per_second)}/s, ${perSecond(calls.failed_per_second)}/s failed`,
      values: calls.per_second,
      bad: calls.failed_per_second,
    }),
    ...(budget === null
      ? []
      : [
          renderChart({
            title: 'Requests to Vultr a second',
            text: `${perSecond(budget.per_second)} of ${number(budget.rate)}/s`,
            values: budget.per_second,
            limit: budget.rate,
          }),
        ]),
  ];
  return `<div class="charts">${all.join('')}</div>`;
}

function methodTable({ calls }: Snapshot): string {
  return table(calls.last_minute, 'No calls in the last minute.', [
    ['Method', ({ method }) => escapeHtml(method)],
    ['Calls', (row) => String(row.calls), 'number'],
    ['Failed', ({ errors }) => (errors > 0 ? span('bad', String(errors)) : '0'), 'number'],
    ['Median', ({ p50_ms }) => millis(p50_ms), 'number'],
    ['95%', ({ p95_ms }) => millis(p95_ms), 'number'],
    ['Longest', ({ max_ms }) => millis(max_ms), 'number'],
  ]);
}

function callerTable({ budget }: Snapshot): string {
  if (budget === null) return '<p class="soft">There is no budget.</p>';
  return table(budget.callers, 'Nobody has asked Vultr for anything in the last minute.', [
    ['Caller', ({ caller }) => escapeHtml(caller)],
    ['Requests, last minute', ({ requests }) => String(requests), 'number'],
    ['Waiting', ({ waiting }) => String(waiting), 'number'],
    ['Longest wait', ({ longest_wait_ms }) => millis(longest_wait_ms), 'number'],
  ]);
}

function cacheTable({ cache }: Snapshot): string {
  if (cache === null) return '<p class="soft">There is no cache.</p>';
  return table(cache.recent, 'Nothing is kept yet.', [
    ['Response', ({ path }) => `<code>${escapeHtml(path)}</code>`],
    ['Age', ({ age_s }) => duration(age_s), 'number'],
    ['State', ({ is_fresh }) => (is_fresh ? span('good', 'fresh') : span('warn', 'stale'))],
  ]);
}

function errorTable({ errors }: Snapshot): string {
  return table(errors, 'None since the start.', [
    ['Time', ({ at }) => `<time datetime="${at}">${at.slice(11, 19)}</time>`],
    ['Method', ({ method }) => escapeHtml(method)],
    [
      'Reason',
      ({ reason, message }) =>
        `<code>${escapeHtml(reason)}</code><br><span class="soft small">${escapeHtml(message)}</span>`,
    ],
    ['Caller', ({ caller }) => escapeHtml(caller ?? '')],
    ['Request id', ({ request_id }) => (request_id === null ? '' : `<code>${escapeHtml(request_id)}</code>`)],
  ]);
}

function replicaTable({ replicas }: Snapshot): string {
  if (replicas === null)
    return '<p class="soft">This one. Replicas know of each other through Redis, and there is none.</p>';
  if (!replicas.is_known) return '<p class="bad">Redis does not respond, so the others are not known.</p>';
  return table(replicas.replicas, 'None has reported yet.', [
    ['Replica', ({ id, is_this }) => `<code>${escapeHtml(id)}</code>${is_this ? ' (this one)' : ''}`],
    ['Version', ({ version }) => escapeHtml(version)],
    ['Up', ({ uptime_s }) => duration(uptime_s), 'number'],
    ['Heard of', ({ seen_s }) => `${seen_s} s ago`, 'number'],
  ]);
}

function section(title: string, content: string): string {
  return `<section><h2>${title}</h2>${content}</section>`;
}

/** A table whose first column names the row. */
function table<Row>(rows: readonly Row[], none: string, columns: readonly Column<Row>[]): string {
  if (rows.length === 0) return `<p class="soft">${none}</p>`;
  const kindOf = (kind: 'number' | undefined): string => (kind === undefined ? '' : ` class="${kind}"`);
  const heads = columns.map(([head, , kind]) => `<th scope="col"${kindOf(kind)}>${head}</th>`);
  const lines = rows.map((row) => {
    const cells = columns.map(([, cell, kind], index) =>
      index === 0 ? `<th scope="row">${cell(row)}</th>` : `<td${kindOf(kind)}>${cell(row)}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<div class="table" tabindex="0" role="group" aria-label="Table"><table><thead><tr>${heads.join('')}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`;
}

function state(isGood: boolean, text: string): string {
  return span(isGood ? 'good' : 'bad', text);
}

function span(kind: 'good' | 'warn' | 'bad', text: string): string {
  return `<b class="${kind}">${escapeHtml(text)}</b>`;
}

/** The mean of the last ten seconds. */
function perSecond(values: readonly number[]): string {
  const last = values.slice(-10);
  return number(last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length));
}

function number(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

function millis(ms: number): string {
  return ms >= 1_000 ? `${number(ms / 1_000)} s` : `${number(ms)} ms`;
}

function bytes(count: number): string {
  return count >= 1_048_576 ? `${number(count / 1_048_576)} MB` : `${number(count / 1_024)} KB`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${number(seconds / 3_600)} h` : `${number(seconds / 86_400)} days`;
}

function timeOf({ at }: Snapshot): string {
  return `${at.slice(0, 19).replace('T', ' ')} UTC`;
}
