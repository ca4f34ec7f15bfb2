/** The timeline: a self-contained HTML file with a summary, a chart of runs and containers, and a table of jobs. */

import { type Container, jobsOf, type Model, type Run } from '../model.ts';
import { seconds } from '../seconds.ts';
import { SEGMENT_STYLES } from '../segment-styles.ts';
import { containerSegments, runSegments, type Segment } from '../segments.ts';
import { type Summary, summaryLines } from '../summary.ts';
import { Html, html } from './html.ts';
import { STYLE } from './style.ts';
import { TimeAxis } from './time-axis.ts';

/** Minimum width of a segment that contains a word, in percent of the chart. */
const LABEL_PERCENT = 4.5;
/** Minimum width of a segment, so that a short one is visible. */
const LEAST_PERCENT = 0.25;
/** Beyond this position, a label such as `120 s` would not fit into the narrowest chart, so it is on the left of its mark. */
const LAST_LABEL_PERCENT = 90;
const GOOD: readonly string[] = ['applied', 'planned_and_finished'];
const HEADINGS = ['Workspace', 'Pool', 'Job', 'Run', 'Queued at', 'Waited', 'Busy', 'Container', 'Run ended as'];

export function timelineHtml(model: Model, from: number, summary: Summary): string {
  const { runs, containers } = model;
  const axis = new TimeAxis(from, model.at);
  const scale = scaleOf(axis);
  const title = `${runs.length} runs, ${summary.jobs.served} jobs, ${containers.length} containers`;
  const lead = summary.ok
    ? html`Every job ran in its own container. No agent and no task is left.`
    : html`<strong class="bad">${summary.problems.join(' ')}</strong>`;

  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>agent-launcher: ${title}</title>
<style>${new Html(STYLE)}
.track { background-image: repeating-linear-gradient(to right, var(--grid) 0 1px, transparent 1px ${axis.ticks[1]?.percent ?? 100}%); }
</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="lead">${lead}</p>
<dl class="facts">
${summaryLines(summary).map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}
</dl>
<ul class="legend" aria-label="Legend">
${Object.entries(SEGMENT_STYLES).map(
  ([kind, { word, meaning }]) => html`<li><span class="swatch ${kind}"></span>${word}: ${meaning}</li>`,
)}
</ul>
<div class="chart" role="group" aria-label="Timeline, ${seconds(axis.to - axis.from)} long" tabindex="0">
${scale}
<h2>Runs</h2>
${groupedByPool(runs, (run) => runLane(run, axis))}
<h2>Containers</h2>
${groupedByPool(containers, (container) => containerLane(container, model, axis))}
${scale}
</div>
<details>
<summary>The jobs as a table</summary>
<div class="scroll" role="group" aria-label="Jobs" tabindex="0"><table><thead><tr>
${HEADINGS.map((heading) => html`<th scope="col">${heading}</th>`)}
</tr></thead><tbody>
${runs.flatMap((run) => jobRows(run, axis))}
</tbody></table></div>
</details>
</main>
</body>
</html>
`.text;
}

function scaleOf(axis: TimeAxis): Html {
  const ticks = axis.ticks.map(({ label, percent }) => {
    const side = percent > LAST_LABEL_PERCENT ? html` class="before"` : html``;
    return html`<span${side} style="left:${percent}%">${label}</span>`;
  });
  return html`<div class="lane scale" aria-hidden="true"><div></div><div class="ticks">${ticks}</div></div>`;
}

function groupedByPool<T extends Run | Container>(items: readonly T[], lane: (item: T) => Html): Html[] {
  return [...Map.groupBy(items, ({ pool }) => pool)].map(
    ([pool, members]) => html`<h3>${pool}</h3>\n<ul class="lanes">\n${members.map(lane)}\n</ul>`,
  );
}

function runLane(run: Run, axis: TimeAxis): Html {
  const { workspace, kind, status, endedAt } = run;
  const outcome = endedAt === undefined ? `${status}, not ended` : status.replaceAll('_', ' ');
  const [word, mark] = GOOD.includes(status) ? ['good', '✓'] : ['bad', '✗'];
  const label = html`<strong>${workspace}</strong> <span class="title">${kind}</span> <small class="${word}">${mark} ${outcome}</small>`;
  return lane(label, `${workspace}, ${kind}, ${outcome}`, runSegments(run, axis.to), axis);
}

function containerLane(container: Container, model: Model, axis: TimeAxis): Html {
  const job = jobsOf(model).find((candidate) => candidate.container === container);
  const run = model.runs.find(({ jobs }) => job !== undefined && jobs.includes(job));
  const work = run === undefined ? 'no job' : `${run.workspace} ${job?.phase}`;
  const exitCode = container.containers[0]?.exitCode;
  const end = exitCode === undefined ? 'not stopped' : `exit ${exitCode}`;
  const id = container.id.slice(0, 8);
  const label = html`<code>${id}</code> <span>${work}</span> <small>${end}</small>`;
  return lane(label, `Container ${id}, ${work}, ${end}`, containerSegments(container, job, axis.to), axis);
}

function lane(label: Html, name: string, segments: readonly Segment[], axis: TimeAxis): Html {
  const life = segments.map(({ kind, from, to }) => `${SEGMENT_STYLES[kind].word} ${seconds(to - from)}`).join(', ');
  const parts = segments.map((segment) => partOf(segment, axis));
  return html`<li class="lane" aria-label="${name}: ${life}"><div class="label">${label}</div><div class="track" aria-hidden="true">${parts}</div></li>`;
}

function partOf({ kind, from, to, phase, container }: Segment, axis: TimeAxis): Html {
  const [left, right] = [axis.percent(from), axis.percent(to)];
  const width = Math.max(LEAST_PERCENT, Math.round((right - left) * 1000) / 1000);
  const inside = kind === 'busy' && width >= LABEL_PERCENT ? (phase ?? '') : '';
  const job = phase === undefined ? '' : ` (${phase})`;
  const hover = [
    `${SEGMENT_STYLES[kind].word}${job} ${seconds(to - from)}`,
    `from ${seconds(from - axis.from)} to ${seconds(to - axis.from)}`,
    ...(container === undefined ? [] : [`container ${container}`]),
  ];
  return html`<span class="part ${kind}" style="left:${left}%;width:${width}%" title="${hover.join('\n')}">${inside}</span>`;
}

function jobRows({ workspace, pool, kind, id, status, jobs }: Run, axis: TimeAxis): Html[] {
  return jobs.map(({ phase, queuedAt, startedAt, endedAt, container }) => {
    const waited = startedAt === undefined ? undefined : startedAt - queuedAt;
    const busy = startedAt === undefined || endedAt === undefined ? undefined : endedAt - startedAt;
    const times = [queuedAt - axis.from, waited, busy].map(seconds);
    const cells = [workspace, pool, `${kind}: ${phase}`, id, ...times, container?.id.slice(0, 8) ?? '–', status];
    return html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
  });
}
