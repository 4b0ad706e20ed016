import { escapeHtml } from './layout.ts';

/** The size of a chart in its own units; it is stretched to the room that it has. */
const SIZE = { width: 240, height: 60 } as const;

/** What a chart shows: one value for each second, the oldest first. */
export interface Chart {
  readonly title: string;
  /** What the newest values come to, in words. */
  readonly text: string;
  readonly values: readonly number[];
  /** Drawn as a second line. */
  readonly bad?: readonly number[];
  /** Drawn as a dashed line, when it is not far above everything else. */
  readonly limit?: number;
}

/** A small chart as SVG, which needs neither a script nor a library. */
export function renderChart({ title, text, values, bad = [], limit }: Chart): string {
  const highest = Math.max(1, ...values, ...bad);
  const top = limit !== undefined && limit <= highest * 3 ? Math.max(highest, limit) : highest;
  const x = (index: number): number => round((index * SIZE.width) / Math.max(1, values.length - 1));
  const y = (value: number): number => round(SIZE.height - 1 - (value / top) * (SIZE.height - 4));
  const line = (all: readonly number[]): string =>
    all.map((value, index) => `${x(index)},${y(value)}`).join(' ');
  const hasBad = bad.some((value) => value > 0);
  return `<figure><figcaption>${escapeHtml(title)} <span>${escapeHtml(text)}</span></figcaption>
<svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(`${title}: ${text}. At most ${highest} a second in the last ${values.length} seconds.`)}">
<polygon class="chart-area" points="0,${SIZE.height} ${line(values)} ${SIZE.width},${SIZE.height}"/>
<line class="chart-base" x1="0" y1="${SIZE.height - 0.5}" x2="${SIZE.width}" y2="${SIZE.height - 0.5}"/>
<line class="chart-limit" x1="0" y1="${limit !== undefined && limit <= top ? y(limit) : -5}" x2="${SIZE.width}" y2="${limit !== undefined && limit <= top ? y(limit) : -5}"/>
<polyline class="chart-line" points="${line(values)}"/>
<polyline class="chart-bad" points="${hasBad ? line(bad) : ''}"/>
</svg><p class="axis" aria-hidden="true"><span>${values.length} s ago</span><span>highest ${highest}/s</span><span>now</span></p></figure>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
