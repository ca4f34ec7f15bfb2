/** The timeline: a self-contained HTML file with a summary, a chart of runs and containers, and a table of jobs. */

import { failureOf } from '../failure.ts';
import { type Container, type GatewayHistory, jobsOf, type Model, type Run } from '../model.ts';
import { seconds } from '../seconds.ts';
import { GATEWAY_STYLES, SEGMENT_STYLES, type SegmentStyle } from '../segment-styles.ts';
import { containerSegments, gatewaySegments, runSegments, type Segment } from '../segments.ts';
import { statusWord } from '../status-words.ts';
import { factLines, type Summary } from '../summary.ts';
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
<p class="product">agent-launcher demo · ${dateOf(from)}</p>
<h1>${title}</h1>
<p class="lead">${lead}</p>
<dl class="facts">
${factLines(summary).map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}
</dl>
${summary.recoveries.length === 0 ? html`` : faultsOf(summary)}
<p class="lead"><em>Used twice</em> counts containers that executed more than one job. It must be 0: the next job would find the files and
credentials of the job before. <em>Without a job</em> counts containers whose agent got no job, such as the one that the demo killed.</p>
<p class="lead"><strong>In AWS, everything takes longer.</strong> Here, a container starts in about a second, and the launcher polls every few seconds. A
Fargate task commonly starts in 20 to 60 s (not measured by this project), and an idle launcher polls once per minute unless you set
<code>idlePollSeconds</code> or <code>nudge</code>. docs/performance.md has the waits of a simulated working day.</p>
<ul class="legend" aria-label="Legend">
${legendOf(SEGMENT_STYLES)}
</ul>
<div class="chart" role="group" aria-label="Timeline, ${seconds(axis.to - axis.from)} long" tabindex="0">
${scale}
${model.gateway === undefined ? html`` : gatewayChart(model.gateway, axis)}
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

function legendOf(styles: Readonly<Record<string, SegmentStyle>>): Html[] {
  return Object.entries(styles).map(
    ([kind, { word, meaning }]) => html`<li><span class="swatch ${kind}"></span>${word}: ${meaning}</li>`,
  );
}

/** The lane of the gateway, with its own legend, because its colors mean something else. */
function gatewayChart(gateway: GatewayHistory, axis: TimeAxis): Html {
  const segments = gatewaySegments(gateway, axis.from, axis.to);
  const parts = segments.map(({ kind, from, to }) => {
    const { word } = GATEWAY_STYLES[kind];
    const isWide = widthOf(from, to, axis) >= LABEL_PERCENT * 1.5;
    return partOf(
      { from, to, style: kind, hover: [`${word} ${seconds(to - from)}`], inside: isWide ? word : '' },
      axis,
    );
  });
  const life = segments.map(({ kind, from, to }) => `${GATEWAY_STYLES[kind].word} ${seconds(to - from)}`).join(', ');
  const { name, instanceType, skips } = gateway;
  const label = html`<strong>${name}</strong> <small>${instanceType}</small>`;
  const { absent: _, ...shown } = GATEWAY_STYLES;
  return html`<h2>Gateway</h2>
<ul class="legend" aria-label="Legend of the gateway">
${legendOf(shown)}
</ul>
<ul class="lanes">
${laneOf(label, `${name}: ${life}`, parts)}
</ul>
${skips.map(
  ({ atMs, ms }) =>
    html`<p class="aside">At ${seconds(atMs - axis.from)}, the demo skipped ${ms / 60_000} min: the launcher stops a gateway that nothing has used for so long. EC2’s emulator starts and stops it in the times that others measured on AWS.</p>`,
)}`;
}

/** The faults that the demo caused. */
function faultsOf({ recoveries }: Summary): Html {
  const items = recoveries.map(({ recovered, text }) => {
    const [word, mark] = recovered ? ['good', '✓'] : ['bad', '✗'];
    return html`<li><span class="${word}">${mark}</span> ${text}</li>`;
  });
  return html`<h2>Faults on purpose</h2>
<ul class="faults">
${items}
</ul>`;
}

/** The day in UTC, such as `29 November 2026`. */
function dateOf(ms: number): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(ms);
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
  const outcome = endedAt === undefined ? `${status}, not ended` : statusWord(status);
  const failure = failureOf(run);
  const [word, mark] = GOOD.includes(status) ? ['good', '✓'] : ['bad', '✗'];
  const label = html`<strong>${workspace}</strong> <span class="title">${kind}</span> <small class="${word}">${mark} ${outcome}</small>`;
  const name = `${workspace}, ${kind}, ${outcome}${failure === undefined ? '' : ` (${failure})`}`;
  return lane(label, name, runSegments(run, axis.to), axis, failure);
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

/** @param remark text below the lane */
function lane(label: Html, name: string, segments: readonly Segment[], axis: TimeAxis, remark?: string): Html {
  const life = segments.map(({ kind, from, to }) => `${SEGMENT_STYLES[kind].word} ${seconds(to - from)}`).join(', ');
  const parts = segments.map((segment) => segmentPart(segment, axis));
  return laneOf(label, `${name}: ${life}`, parts, remark);
}

function laneOf(label: Html, text: string, parts: readonly Html[], remark?: string): Html {
  return html`<li class="lane" aria-label="${text}"><div class="label">${label}</div><div class="track" aria-hidden="true">${parts}</div>${remark === undefined ? html`` : html`<div class="remark">${remark}</div>`}</li>`;
}

function widthOf(from: number, to: number, axis: TimeAxis): number {
  return Math.max(LEAST_PERCENT, Math.round((axis.percent(to) - axis.percent(from)) * 1000) / 1000);
}

function segmentPart({ kind, from, to, phase, container }: Segment, axis: TimeAxis): Html {
  const inside = kind === 'busy' && widthOf(from, to, axis) >= LABEL_PERCENT ? (phase ?? '') : '';
  const job = phase === undefined ? '' : ` (${phase})`;
  const hover = [
    `${SEGMENT_STYLES[kind].word}${job} ${seconds(to - from)}`,
    ...(container === undefined ? [] : [`container ${container}`]),
  ];
  return partOf({ from, to, style: kind, hover, inside }, axis);
}

interface Part {
  readonly from: number;
  readonly to: number;
  /** Class of the style sheet. */
  readonly style: string;
  /** Lines that appear when the pointer is over it. */
  readonly hover: readonly string[];
  /** Text in it. */
  readonly inside: string;
}

function partOf({ from, to, style, hover, inside }: Part, axis: TimeAxis): Html {
  const [first = '', ...more] = hover;
  const title = [first, `from ${seconds(from - axis.from)} to ${seconds(to - axis.from)}`, ...more].join('\n');
  return html`<span class="part ${style}" style="left:${axis.percent(from)}%;width:${widthOf(from, to, axis)}%" title="${title}">${inside}</span>`;
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
