/** Renders the model as a timeline: one self-contained HTML file. Pure. */
import {
  isFinal,
  jobOfTask,
  type Model,
  type RunView,
  runSegments,
  type Segment,
  type SegmentKind,
  type TaskView,
  taskSegments,
} from './model.ts';
import { type Summary, seconds, summaryLines } from './summary.ts';
import { STYLE } from './timeline-style.ts';

const WORDS: Readonly<Record<SegmentKind, string>> = {
  pending: 'waits its turn',
  queued: 'queued',
  starting: 'starting',
  busy: 'busy',
  lost: 'lost',
  waiting: 'waits for a person',
  stopping: 'stopping',
};
const LEGEND: Readonly<Record<SegmentKind, string>> = {
  pending: 'waits for an earlier run of its workspace',
  queued: 'queued: no container yet',
  starting: 'starting: a container is on its way',
  busy: 'busy: an agent executes the job',
  lost: 'lost: the agent is dead, and HCP Terraform still waits for it',
  waiting: 'planned: waits for a person',
  stopping: 'stopping: the job is done, the container leaves',
};
/** Minimum width for a word inside, in percent of the chart. */
const LABEL_PERCENT = 4.5;
/** Beyond this, a label such as `120 s` doesn't fit between its tick and the end of the narrowest chart. */
const LAST_LABEL_PERCENT = 90;
const TICKS_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000];
const MOST_TICKS = 12;

export interface TimelineFacts {
  readonly from: number;
  readonly to: number;
  readonly summary: Summary;
}

/** A whole HTML document: the summary, runs and containers on one time axis, and the same as a table. */
export function timelineHtml(model: Model, facts: TimelineFacts): string {
  const { summary } = facts;
  const axis = axisOf(facts.from, facts.to);
  const runs = [...model.runs.values()].sort((a, b) => a.createdAt - b.createdAt);
  const tasks = [...model.tasks.values()].sort((a, b) => a.createdAt - b.createdAt);
  const pools = [...new Set([...runs, ...tasks].map(({ pool }) => pool))];
  const title = `${runs.length} runs, ${summary.jobs.served} jobs, ${tasks.length} containers`;

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>agent-launcher: ${title}</title>
<style>${STYLE}
.track { background-image: repeating-linear-gradient(to right, var(--grid) 0 1px, transparent 1px ${axis.tickPercent}%); }
</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="lead">${
    summary.ok
      ? 'Every job ran in its own container. No agent and no task is left.'
      : `<strong class="bad">${summary.problems.map(escaped).join(' ')}</strong>`
  }</p>
<dl class="facts">
${summaryLines(summary)
  .map(([name, text]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(text)}</dd></div>`)
  .join('\n')}
</dl>
<ul class="legend" aria-label="Legend">
${Object.entries(LEGEND)
  .map(([kind, text]) => `<li><span class="swatch ${kind}"></span>${text}</li>`)
  .join('\n')}
</ul>
<div class="chart" role="group" aria-label="Timeline, ${seconds(facts.to - facts.from)} long" tabindex="0">
${scale(axis)}
<h2>Runs</h2>
${pools
  .map((pool) =>
    group(
      pool,
      runs.filter((run) => run.pool === pool).map((run) => runLane(model, run, axis)),
    ),
  )
  .join('\n')}
<h2>Containers</h2>
${pools
  .map((pool) =>
    group(
      pool,
      tasks.filter((task) => task.pool === pool).map((task) => taskLane(model, task, axis)),
    ),
  )
  .join('\n')}
${scale(axis)}
</div>
<details>
<summary>The same as a table</summary>
${table(model, runs, axis)}
</details>
</main>
</body>
</html>
`;
}

interface Axis {
  readonly from: number;
  readonly to: number;
  readonly tickMs: number;
  readonly tickPercent: number;
  percent(at: number): number;
}

function axisOf(from: number, to: number): Axis {
  const span = Math.max(1, to - from);
  const tickMs = TICKS_MS.find((tick) => span / tick <= MOST_TICKS) ?? span;
  return {
    from,
    to,
    tickMs,
    tickPercent: round((tickMs / span) * 100),
    percent: (at) => round(((at - from) / span) * 100),
  };
}

function scale(axis: Axis): string {
  const ticks: string[] = [];
  for (let at = axis.from; at <= axis.to; at += axis.tickMs) {
    const left = axis.percent(at);
    // A label near the end would exceed the chart, so it is to the left of its tick.
    const side = left > LAST_LABEL_PERCENT ? ' class="before"' : '';
    ticks.push(`<span${side} style="left:${left}%">${Math.round((at - axis.from) / 1000)} s</span>`);
  }
  return `<div class="lane scale" aria-hidden="true"><div></div><div class="ticks">${ticks.join('')}</div></div>`;
}

function group(pool: string, lanes: readonly string[]): string {
  return lanes.length === 0 ? '' : `<h3>${escaped(pool)}</h3>\n<ul class="lanes">\n${lanes.join('\n')}\n</ul>`;
}

function runLane(model: Model, run: RunView, axis: Axis): string {
  const outcome = isFinal(run) ? run.status.replaceAll('_', ' ') : `${run.status}, not ended`;
  const good = run.status === 'applied' || run.status === 'planned_and_finished';
  const label = `<strong>${escaped(run.workspace)}</strong> <span class="title">${escaped(run.title)}</span> <small class="${good ? 'good' : 'bad'}">${good ? '✓' : '✗'} ${escaped(outcome)}</small>`;
  return lane(label, `${run.workspace}, ${run.title}, ${outcome}`, runSegments(model, run, axis.to), axis);
}

function taskLane(model: Model, task: TaskView, axis: Axis): string {
  const job = jobOfTask(model, task.id);
  const run = job === undefined ? undefined : model.runs.get(job.runId);
  const work = run === undefined ? 'no job' : `${run.workspace} ${job?.phase}`;
  const end = task.exitCode === undefined ? 'not stopped' : `exit ${task.exitCode}`;
  const label = `<code>${escaped(task.id.slice(0, 8))}</code> <span>${escaped(work)}</span> <small>${end}</small>`;
  return lane(label, `Container ${task.id.slice(0, 8)}, ${work}, ${end}`, taskSegments(model, task, axis.to), axis);
}

function lane(label: string, name: string, segments: readonly Segment[], axis: Axis): string {
  const said = segments.map((segment) => `${WORDS[segment.kind]} ${seconds(segment.to - segment.from)}`).join(', ');
  const parts = segments.map((segment) => {
    const left = axis.percent(segment.from);
    const width = Math.max(0.25, round(axis.percent(segment.to) - left));
    const phase = segment.jobKey?.split('/')[1];
    const inside = segment.kind === 'busy' && phase !== undefined && width >= LABEL_PERCENT ? phase : '';
    const of = phase === undefined ? '' : ` (${phase})`;
    const container = segment.taskId === undefined ? '' : `\ncontainer ${segment.taskId}`;
    const hover = `${WORDS[segment.kind]}${of} ${seconds(segment.to - segment.from)}\nfrom ${seconds(segment.from - axis.from)} to ${seconds(segment.to - axis.from)}${container}`;
    return `<span class="part ${segment.kind}" style="left:${left}%;width:${width}%" title="${escaped(hover)}">${inside}</span>`;
  });
  return `<li class="lane" aria-label="${escaped(`${name}: ${said}`)}"><div class="label">${label}</div><div class="track" aria-hidden="true">${parts.join('')}</div></li>`;
}

function table(model: Model, runs: readonly RunView[], axis: Axis): string {
  const rows = runs.flatMap((run) =>
    [...model.jobs.values()]
      .filter(({ runId }) => runId === run.id)
      .map(({ phase, queuedAt, startedAt, endedAt, taskId }) => {
        const cells = [
          run.workspace,
          run.pool,
          `${run.title}: ${phase}`,
          run.id,
          seconds(queuedAt - axis.from),
          startedAt === undefined ? '–' : seconds(startedAt - queuedAt),
          startedAt === undefined || endedAt === undefined ? '–' : seconds(endedAt - startedAt),
          taskId?.slice(0, 8) ?? '–',
          run.status,
        ];
        return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
      }),
  );
  const heads = ['Workspace', 'Pool', 'Job', 'Run', 'Queued at', 'Waited', 'Busy', 'Container', 'Run ended as'];
  return `<div class="scroll" role="group" aria-label="Jobs" tabindex="0"><table><thead><tr>${heads
    .map((head) => `<th scope="col">${head}</th>`)
    .join('')}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
