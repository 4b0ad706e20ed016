import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Plan, Result } from './compare.ts';
import type { Growth } from './growth.ts';
import type { Spread } from './measure.ts';
import { isPinned } from './pin.ts';
import type { Start } from './start.ts';

/** What the figures are from. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly isPinned: boolean;
  readonly node: string;
  readonly go: string | undefined;
}

/** What this machine is. */
export function machine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    isPinned,
    node: process.versions.node,
    go: goVersion(),
  };
}

function goVersion(): string | undefined {
  try {
    return execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** The first line of the report. */
export function formatMachine(
  { date, cpu, cores, node, go }: Machine,
  { rounds, roundMs, concurrency }: Plan,
): string {
  const pinned = isPinned ? 'the server on one core, callers and upstream on another' : 'not pinned';
  return (
    `${date}, ${cores} cores of ${cpu}, ${pinned}, Node ${node}, ${go ?? 'no Go'}. ` +
    `Medians of ${rounds} interleaved rounds of ${roundMs} ms with ${concurrency} callers; in brackets the middle half.\n`
  );
}

/** The table of the comparison, in Markdown. */
export function formatResults(results: readonly Result[]): string {
  const lines = results.flatMap(({ row, goal, sides, ratios }) =>
    ratios.map(({ to, rate, cpu }, index) => {
      const [subject] = sides;
      const other = sides[index + 1];
      const cells = [
        index === 0 ? row : '',
        `${rates(subject?.perSecond)}, ${micros(subject?.cpuMicros)}`,
        `${to}: ${rates(other?.perSecond)}, ${micros(other?.cpuMicros)}`,
        bracket(cpu),
        bracket(rate),
        to.endsWith(' before') || goal === undefined ? '' : goal.toFixed(2),
        `${(subject?.p50Ms.median ?? Number.NaN).toFixed(2)} / ${(other?.p50Ms.median ?? Number.NaN).toFixed(2)}`,
        `${(subject?.residentMb ?? Number.NaN).toFixed(0)} / ${(other?.residentMb ?? Number.NaN).toFixed(0)}`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  return [
    '| work | measured | beside | by CPU | by rate | to reach | p50, ms | MB |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

/** How the service starts. */
export function formatStart(starts: readonly Start[]): string {
  return starts
    .map(
      ({ name, ms, residentMb }) =>
        `${name}: ready after ${ms.median.toFixed(0)} ms (${ms.low.toFixed(0)} to ${ms.high.toFixed(0)}), ${residentMb.toFixed(0)} MB\n`,
    )
    .join('');
}

/** How cost grows, in Markdown. */
export function formatGrowth(growths: readonly Growth[]): string {
  return growths
    .map(({ name, unit, points }) =>
      [
        `| ${name} | ${points.map(({ at }) => at).join(' | ')} |`,
        `|---|${points.map(() => '---').join('|')}|`,
        `| ${unit} | ${points.map(({ value }) => value.toPrecision(3)).join(' | ')} |`,
        ...(points.some(({ stallMs }) => stallMs !== undefined)
          ? [
              `| longest a probe waited, ms | ${points.map(({ stallMs }) => (stallMs ?? Number.NaN).toFixed(1)).join(' | ')} |`,
            ]
          : []),
        '',
      ].join('\n'),
    )
    .join('\n');
}

function rates(value: Spread | undefined): string {
  return `${(value?.median ?? Number.NaN).toFixed(0)}/s`;
}

function micros(value: Spread | undefined): string {
  return `${(value?.median ?? Number.NaN).toFixed(0)} us`;
}

function bracket({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
