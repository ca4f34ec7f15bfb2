/** The cost as one HTML page without other files: a bar chart as SVG, and the same numbers as a table. */
import { dollars } from '../../lib/aws/costs.ts';
import type { Cost } from './cost-json.ts';
import { counted } from './sentences.ts';

/** Maximum number of bars. The table has all rows. */
const BARS_SHOWN = 100;

const BAR = { left: 190, width: 480, height: 18, gap: 8, right: 90 } as const;

const STYLE = `
:root { color-scheme: light dark; --text: #1f2328; --muted: #59636e; --line: #d1d9e0; --back: #ffffff; --bar: #0969da; }
@media (prefers-color-scheme: dark) {
  :root { --text: #f0f6fc; --muted: #9198a1; --line: #3d444d; --back: #0d1117; --bar: #4493f8; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 800px; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--text); font-size: 13px; } svg rect { fill: var(--bar); }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
caption, .muted { color: var(--muted); text-align: left; }
`;

export function costHtml(cost: Cost): string {
  const { stack, days, from, to, by, fargate, idle, alwaysOn } = cost;
  const title = `${stack}: Fargate cost of ${counted(days, 'day')} by ${by}`;
  const period = `${from.slice(0, 10)} to ${to.slice(0, 10)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="muted">${period}, in US dollars at list prices of us-east-1.</p>
${chart(cost)}
<table>
<caption>Fargate cost by ${by}</caption>
<thead><tr><th scope="col">${by}</th><th scope="col">tasks</th><th scope="col">runs</th><th scope="col">hours</th><th scope="col">cost</th></tr></thead>
<tbody>
${cost.rows.map(({ key, name = key, ...sum }) => row(name, sum)).join('\n')}
</tbody>
<tfoot>${row('total', fargate)}</tfoot>
</table>
<table>
<caption>Sum</caption>
<tbody>
${amount('Fargate', fargate.dollars)}
${cost.publicAddresses > 0 ? amount('Public addresses of the tasks', cost.publicAddresses) : ''}
${amount(`Idle: ${idle.parts.map(({ item }) => item).join('; ')}`, idle.dollars)}
${amount('Total', cost.total)}
${
  alwaysOn === null
    ? ''
    : `${amount(`Instead of the tasks: ${alwaysOn.maxAgents.agents} agents that run all the time (maxAgents)`, alwaysOn.maxAgents.dollars)}
${amount(`Instead of the tasks: ${alwaysOn.peak.agents} agents that run all the time (most that ran at the same time)`, alwaysOn.peak.dollars)}`
}
</tbody>
</table>
<ul class="muted">
${cost.remarks.map((remark) => `<li>${escaped(remark)}</li>`).join('\n')}
</ul>
</main>
</body>
</html>
`;
}

function chart({ rows, by }: Cost): string {
  const shown = rows.slice(0, BARS_SHOWN);
  const most = Math.max(...shown.map((one) => one.dollars), 0);
  const step = BAR.height + BAR.gap;
  const bars = shown.map(({ key, name = key, dollars: usd }, index) => {
    const y = index * step;
    const length = most === 0 ? 0 : (usd / most) * BAR.width;
    const middle = y + BAR.height - 4;
    return `<g><text x="${BAR.left - 8}" y="${middle}" text-anchor="end">${escaped(short(name))}</text><rect x="${BAR.left}" y="${y}" width="${length.toFixed(1)}" height="${BAR.height}" rx="2"/><text x="${(BAR.left + length + 6).toFixed(1)}" y="${middle}">${dollars(usd)}</text></g>`;
  });
  const width = BAR.left + BAR.width + BAR.right;
  const [largest] = shown.toSorted((a, b) => b.dollars - a.dollars);
  const summary =
    largest === undefined
      ? 'There is no task in this period.'
      : `${shown.length} bars. The longest one is ${largest.name ?? largest.key} with ${dollars(largest.dollars)}. The table below has all numbers.`;
  return `<svg role="img" aria-labelledby="chart-title chart-text" viewBox="0 0 ${width} ${Math.max(step, shown.length * step)}">
<title id="chart-title">Fargate cost by ${by}</title>
<desc id="chart-text">${escaped(summary)}</desc>
${bars.join('\n')}
</svg>`;
}

function row(key: string, { tasks, runs, billedSeconds, dollars: usd }: Cost['fargate']): string {
  return `<tr><th scope="row">${escaped(key)}</th><td>${tasks}</td><td>${runs}</td><td>${(billedSeconds / 3600).toFixed(1)}</td><td>${dollars(usd)}</td></tr>`;
}

function amount(what: string, usd: number): string {
  return `<tr><th scope="row">${escaped(what)}</th><td>${dollars(usd)}</td></tr>`;
}

function short(key: string): string {
  return key.length <= 24 ? key : `${key.slice(0, 23)}…`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
