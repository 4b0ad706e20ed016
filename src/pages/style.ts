/** The style sheet of every page: calm, readable on a phone, light or dark as the reader's system is. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f7f8fa; --card: #ffffff; --ink: #1b2330; --soft: #566072; --line: #dde2ea;
  --accent: #0b57c4; --accent-ground: #e7effc; --good: #14713d; --warn: #8a5300; --bad: #b3261e; --bad-ground: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161d; --card: #1a2029; --ink: #e6eaf1; --soft: #a3aec0; --line: #303947;
    --accent: #8fb8ff; --accent-ground: #1d2c45; --good: #6fd39b; --warn: #f0b866; --bad: #ff9d94; --bad-ground: #3a1f20;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
a { color: var(--accent); text-underline-offset: 0.15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 0.5rem; top: 0.5rem; background: var(--card); padding: 0.4rem 0.7rem; z-index: 2; }
.bar { background: var(--card); border-bottom: 1px solid var(--line); }
.bar > div { max-width: 76rem; margin: 0 auto; padding: 0.6rem 1.25rem; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: center; }
.bar .name { font-weight: 650; color: var(--ink); text-decoration: none; letter-spacing: -0.01em; margin-right: auto; }
.bar nav { display: flex; gap: 0.25rem; flex-wrap: wrap; }
.bar nav a { text-decoration: none; color: var(--soft); padding: 0.3rem 0.65rem; border-radius: 6px; }
.bar nav a:hover { color: var(--ink); background: var(--ground); }
.bar nav a[aria-current] { color: var(--accent); background: var(--accent-ground); font-weight: 600; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
main.narrow { max-width: 50rem; }
h1 { font-size: 1.65rem; line-height: 1.25; letter-spacing: -0.015em; margin: 0.25rem 0 0.5rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.6rem; }
p { margin: 0.5rem 0; }
.soft { color: var(--soft); }
.small { font-size: 0.875rem; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.875em; }
code { overflow-wrap: anywhere; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.75rem 0.9rem; overflow-x: auto; line-height: 1.6; margin: 0.5rem 0; }
pre code { overflow-wrap: normal; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.35rem 1.25rem; margin: 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
ul.links { list-style: none; padding: 0; margin: 0; }
ul.links li { padding: 0.45rem 0; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 0 1rem; }
ul.links li:last-child { border: 0; }
ul.links a { min-width: 9.5rem; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
caption { text-align: left; padding: 0.7rem 0.9rem 0.2rem; font-weight: 600; }
th, td { text-align: left; padding: 0.4rem 0.9rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.75rem; margin: 1rem 0 0.75rem; padding: 0; }
.tiles > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.7rem 0.9rem; }
.tiles dt { color: var(--soft); font-size: 0.85rem; }
.tiles dd { margin: 0.1rem 0 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.tiles dd span { font-size: 0.85rem; font-weight: 400; color: var(--soft); display: block; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0.75rem; }
.charts figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.8rem 0.9rem; }
.charts figcaption { display: flex; justify-content: space-between; gap: 1rem; font-size: 0.9rem; font-weight: 600; margin-bottom: 0.4rem; }
.charts figcaption span { color: var(--soft); font-weight: 400; }
.charts svg { display: block; width: 100%; height: 6rem; }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: 0.75rem; margin: 0.25rem 0 0; }
.chart-line { fill: none; stroke: var(--accent); stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.chart-area { fill: var(--accent); opacity: 0.14; }
.chart-bad { fill: none; stroke: var(--bad); stroke-width: 1.6; vector-effect: non-scaling-stroke; }
.chart-limit { fill: none; stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; vector-effect: non-scaling-stroke; }
.chart-base { fill: none; stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 1.25rem; align-items: start; }
form.key { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: end; margin: 0.75rem 0; }
form.key label { display: grid; gap: 0.2rem; font-size: 0.875rem; color: var(--soft); flex: 1 1 16rem; }
input, button, select { font: inherit; color: inherit; }
input { background: var(--card); border: 1px solid var(--soft); border-radius: 7px; padding: 0.45rem 0.65rem; width: 100%; min-width: 0; }
button { background: var(--accent-ground); color: var(--accent); border: 1px solid var(--accent); border-radius: 7px; padding: 0.45rem 0.9rem; font-weight: 600; cursor: pointer; }
.notice { border-left: 4px solid var(--accent); background: var(--card); border-radius: 6px; padding: 0.7rem 1rem; margin: 1rem 0; }
.notice.fault { border-color: var(--bad); }
.badge { display: inline-block; font-size: 0.75rem; font-weight: 650; letter-spacing: 0.03em; padding: 0.1rem 0.5rem; border-radius: 99px; background: var(--accent-ground); color: var(--accent); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
@media (max-width: 40rem) {
  main { padding: 1rem 0.9rem 3rem; }
  .bar > div { padding: 0.5rem 0.9rem; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .tiles dd { font-size: 1.15rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: 0.6rem; }
  th, td { padding: 0.4rem 0.6rem; }
}
@media (prefers-reduced-motion: no-preference) { .bar nav a, button { transition: background 0.15s, color 0.15s; } }
`;
