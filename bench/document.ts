/** Writes docs/performance.md from the measurements. */
import { markdownTable } from '../labs/markdown-table.ts';
import type { ColdStart } from './cold-start.ts';
import { betterThanOurs, type Comparison, type Result } from './comparison.ts';
import { duration, kilobytes, money, number } from './format.ts';
import { OTHERS, OURS } from './peers/launchers.ts';
import { MAX_AGENTS as PEERS_MAX_AGENTS } from './peers/world.ts';
import { percentile } from './statistics.ts';
import { type Burst, MAX_AGENTS } from './wire/bursts.ts';
import type { GatewayStarts } from './wire/gateway-start.ts';
import type { IdleRequests } from './wire/idle-requests.ts';
import type { Reaction } from './wire/reaction.ts';

export interface Measurements {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly bursts: readonly Burst[];
  readonly reactions: readonly Reaction[];
  readonly gateway: GatewayStarts;
  readonly idle: IdleRequests;
  readonly emptyFunctionMiB: number;
  readonly coldStart: ColdStart;
  readonly comparisons: readonly Comparison[];
}

const LARGEST_PACKAGES = 10;

export function documentOf(measured: Measurements): string {
  return `${[
    head(measured),
    waits(measured),
    costs(),
    burstSection(measured),
    reactionSection(measured),
    gatewaySection(measured.gateway),
    requestSection(measured),
    sizeSection(measured),
    coldStartSection(measured),
    method(measured),
  ].join('\n\n')}\n`;
}

function head({ date, commit, machine, bursts, comparisons }: Measurements): string {
  const largest = bursts.filter(({ jobs }) => jobs <= MAX_AGENTS).at(-1);
  const last = bursts.at(-1);
  const summary = [
    ...daySummary(comparisons),
    ...(largest === undefined ? [] : [burstSentence(largest)]),
    ...(last === undefined
      ? []
      : [
          `With ${number(last.jobs)} queued jobs, a tick uses at most ${duration(last.tickCpuSeconds)} of one core, and the process uses ${number(last.peakMiB)} MiB. Much of that belongs to the emulator's host ([size](#how-much-processor-time-and-memory-does-a-tick-use)).`,
        ]),
  ];
  return `# Performance

\`npm run bench\` wrote this page. Don't edit it by hand.

| date | commit | machine |
|---|---|---|
| ${date} | ${commit} | ${machine} |

${summary.map((line) => `- ${line}`).join('\n')}

The times over HTTP depend on the machine, so compare them with each other, and not with those of another run. The simulated days have the same result in every run.
[Costs](costs.md) has the prices, and [Reliability](reliability.md) has what happens when something fails.`;
}

/** The sentences about the simulated days in the summary, each with the beginning by which {@link withSimulatedDays} finds it. */
function daySummary(comparisons: readonly Comparison[]): string[] {
  const working = comparisons.find(({ workload }) => workload.name === 'working day');
  return [
    ...(working === undefined
      ? []
      : [
          `${WORKING_DAY} with ${number(working.workload.runs.length)} runs, half of the jobs get an agent within ${seconds(working.ours.p50)}, and 95 % within ${seconds(working.ours.p95)}. 1,000 jobs cost ${usd(working.ours.usdPer1000)}.`,
        ]),
    `${IDLE_MONTH} costs ${money(OURS.idleMonthUsd)}, without the network.`,
  ];
}

const REQUESTS = '## How many requests does the launcher make?';
const WORKING_DAY = 'On a working day';
const IDLE_MONTH = 'A month without any run';

/** Replaces everything about the simulated days in a page that exists. They don't depend on the machine. */
export function withSimulatedDays(page: string, comparisons: readonly Comparison[]): string {
  const sections = sectionsOf(page);
  const replaced = [waits({ comparisons }), costs()].reduce(
    (all, section) => all.map((old) => (heading(old) === heading(section) ? `${section}\n` : old)),
    sections,
  );
  return daySummary(comparisons).reduce((text, sentence) => {
    const beginning = [WORKING_DAY, IDLE_MONTH].find((one) => sentence.startsWith(one)) ?? sentence;
    return text.replace(new RegExp(`^- ${beginning}.*$`, 'm'), `- ${sentence.replaceAll('$', '$$$$')}`);
  }, replaced.join('\n'));
}

/** Replaces the section about gateways in a page that exists, or adds it. */
export function withGatewayStarts(page: string, starts: GatewayStarts): string {
  const section = `${gatewaySection(starts)}\n`;
  const others = sectionsOf(page).filter((old) => heading(old) !== heading(section));
  const before = others.findIndex((old) => old.startsWith(REQUESTS));
  return others.toSpliced(before === -1 ? others.length : before, 0, section).join('\n');
}

const sectionsOf = (page: string): string[] => page.split(/\n(?=## )/);
const heading = (text: string) => text.split('\n')[0];

function burstSentence({ jobs, launched, wanted, lastSeconds, firstSeconds, idealSeconds }: Burst): string {
  if (launched < wanted) {
    return `Of ${number(jobs)} jobs queued at once, ${number(launched)} have a task after ${duration(lastSeconds)}. ECS would need ${duration(idealSeconds)} for all.`;
  }
  return `${number(jobs)} jobs queued at once have all their tasks ${duration(lastSeconds - firstSeconds)} after the first one. ECS's limit is ${duration(idealSeconds)}.`;
}

const seconds = (value: number | undefined): string => (value === undefined ? '–' : duration(value));
const usd = (value: number | undefined): string => (value === undefined ? '–' : money(value));

function waits({ comparisons }: Pick<Measurements, 'comparisons'>): string {
  return `## How long does a job wait?

![Wait of 95 % of the jobs, for each launcher and workload](performance-wait.svg)

Every launcher plays the same four days in the same simulated world, with at most ${PEERS_MAX_AGENTS} agents.
A wait lasts from the moment when a job is queued until an agent takes it. It includes the start of the agent's task.
[Method](#method) describes the launchers and what their models leave out.

${comparisons.map(dayTable).join('\n\n')}`;
}

function dayTable(comparison: Comparison): string {
  const { workload, ours, others } = comparison;
  const header = [
    'launcher',
    'wait p50',
    'p95',
    'p99',
    'jobs never served',
    'jobs interrupted',
    'idle agent-seconds per job',
    'requests to HCP Terraform',
    'requests to AWS',
    'price per 1,000 jobs',
  ];
  const better = betterThanOurs(comparison);
  return [
    `### ${sentenceCase(workload.name)}`,
    '',
    `${sentenceCase(workload.description)}.`,
    '',
    markdownTable(header, [ours, ...others].map(dayRow)),
    '',
    better.length === 0
      ? 'No other launcher is clearly better at anything here.'
      : `What others are better at:\n\n${better.map((line) => `- ${line}`).join('\n')}`,
  ].join('\n');
}

const sentenceCase = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function dayRow({ launcher, day, p50, p95, p99, usdPer1000 }: Result): string[] {
  const { waitsMs, neverServed, interrupted, idleMs, requests } = day;
  const price = launcher.notIncluded === undefined ? usd(usdPer1000) : `${usd(usdPer1000)} + ${launcher.notIncluded}`;
  return [
    launcher === OURS ? `**${launcher.name}**` : launcher.name,
    seconds(p50),
    seconds(p95),
    seconds(p99),
    number(neverServed),
    number(interrupted),
    waitsMs.length === 0 ? '–' : number(idleMs / 1000 / waitsMs.length),
    number(requests.hcpTerraform),
    number(requests.aws),
    price,
  ];
}

function costs(): string {
  const rows = [OURS, ...OTHERS].map(({ name, idleMonthUsd, notIncluded }) => [
    name,
    notIncluded === undefined ? money(idleMonthUsd) : `${money(idleMonthUsd)} + ${notIncluded}`,
  ]);
  const cheaper = OTHERS.filter(({ idleMonthUsd }) => idleMonthUsd < OURS.idleMonthUsd).map(
    ({ name, notIncluded }) =>
      `- **${name}** costs less while nothing runs: ${notIncluded === undefined ? 'a webhook costs nothing until it is called' : `it uses a cluster that you pay anyway, and that the price leaves out`}.`,
  );
  return `## What do the jobs cost?

![Dollars per 1,000 jobs, for each launcher and workload](performance-cost.svg)

All agents have 1 vCPU and 2 GB on x86. The price of a day includes agents that wait, and everything else that runs for them: this launcher's function, alarms, metrics and secrets; oulman's daemon and secrets.
The network isn't included, because it costs the same for all ([Costs](costs.md)).

A month in which nothing runs:

${markdownTable(['launcher', 'per idle month'], rows)}

${cheaper.join('\n')}`;
}

export function burstTable(bursts: readonly Burst[]): string {
  const header = [
    'jobs',
    'launched',
    'first RunTask after',
    'last RunTask after',
    'first to last',
    'ECS’s limit',
    'ratio',
    'second task for a job',
    'tasks without a job',
    'throttled by ECS',
    '429 from HCP Terraform',
    'requests per job: HCP Terraform',
    'AWS',
  ];
  const rows = bursts.map((burst) => {
    const { jobs, launched, wanted, firstSeconds, lastSeconds, idealSeconds } = burst;
    const took = lastSeconds - firstSeconds;
    const all = launched >= wanted;
    return [
      number(jobs),
      all ? number(launched) : `${number(launched)} of ${number(wanted)}`,
      seconds(firstSeconds),
      seconds(lastSeconds),
      seconds(took),
      duration(idealSeconds),
      idealSeconds === 0 || !all ? '–' : `${(took / idealSeconds).toFixed(1)} ×`,
      number(burst.launchedTwice),
      number(burst.surplus),
      number(burst.throttled),
      number(burst.tooMany),
      number((burst.runLists + burst.otherHcp) / launched),
      number(burst.awsCalls / launched),
    ];
  });
  return markdownTable(header, rows);
}

function burstSection({ bursts }: Measurements): string {
  return `## How fast does a burst get its tasks?

![Launched tasks over time, next to ECS's limit](performance-bursts.svg)

The deployed bundle runs against the emulators over HTTP, with the vendors' rate limits. One agent of the pool runs already. The jobs are queued at once, in the middle between two polls, with \`maxAgents\` ${number(MAX_AGENTS)}.

AWS documents [two limits](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html): for RunTask 20 calls at once, then 20 per second; for Fargate 100 starts at once, then 20 per second. One call launches one job's task, so n jobs need at least max(0, n − 20) / 20 seconds.
Any agent can take any job, so a second task for a job is harmless while there aren't more tasks than jobs.

${burstTable(bursts)}`;
}

export function reactionTable(reactions: readonly Reaction[]): string {
  const rows = reactions.map(({ mode, seconds: waited }) => [
    mode,
    seconds(percentile(waited, 0.5)),
    seconds(percentile(waited, 0.95)),
    seconds(percentile(waited, 1)),
    number(waited.length),
  ]);
  return markdownTable(['mode', 'p50', 'p95', 'longest', 'jobs'], rows);
}

function reactionSection({ reactions }: Measurements): string {
  return `## How fast does the launcher react?

From a queued job to its RunTask call, with the deployed bundle over HTTP. The start of the task comes on top.

${reactionTable(reactions)}`;
}

/** Seconds that can be negative, because they are a difference. */
const difference = (value: number | undefined): string =>
  value === undefined ? '–' : `${(Math.abs(value) < 0.05 ? 0 : value).toFixed(1)} s`;

export function gatewayTable({ variants }: GatewayStarts): string {
  const rows = variants.map(({ name, runTask, running, extraTasks }) => [
    name,
    difference(percentile(runTask, 0.5)),
    difference(percentile(runTask, 0.95)),
    difference(percentile(running, 0.5)),
    difference(percentile(running, 0.95)),
    number(extraTasks),
  ]);
  const header = [
    'gateway when a job is queued',
    'until RunTask: p50',
    'p95',
    'until RUNNING: p50',
    'p95',
    'tasks that failed to start',
  ];
  return markdownTable(header, rows);
}

function gatewaySection(starts: GatewayStarts): string {
  const { date, commit, phases, jobs, readySeconds } = starts;
  const { provision, pull, boot } = phases;
  return `## What does a gateway add to the wait?

Seconds that the egress mode [\`on-demand\`](network.md#on-demand) adds to the time from a queued job to its RunTask call, and to a running task. The deployed bundle runs over HTTP, in an idle pool with the schedule of one minute. Each variant has ${number(jobs)} jobs, each compared with a job that is queued at the same time of the minute and needs no gateway. Measured on ${date}, at commit ${commit}.

The emulated gateway is ready ${readySeconds} s after its start, as [others measured](https://nat-zero.machine.dev/performance) with another filter. A task gets its network interface after ${provision} s, pulls for ${pull} s and starts in ${boot} s. None of this was measured on a live account.

${gatewayTable(starts)}

In the last row, a task gets its interface before the gateway is ready, and its pull fails at once instead of waiting. The launcher then starts another task, after a pause. AWS doesn't document how long Fargate's pull waits.`;
}

function requestSection({ idle, comparisons }: Measurements): string {
  const rows = comparisons.map(({ workload, ours: { day } }) => [
    workload.name,
    number(day.waitsMs.length),
    number(day.requests.hcpTerraform / day.waitsMs.length),
    number(day.requests.aws / day.waitsMs.length),
  ]);
  return `${REQUESTS}

In an hour in which nothing is queued, a warm function makes ${number(idle.runLists + idle.otherHcp)} requests to HCP Terraform (${number(idle.runLists)} of them lists of runs, of which HCP Terraform allows 1,800), and ${number(idle.aws)} to AWS. This is measured over HTTP.

The requests per served job are those of the simulated days, including all hours without jobs:

${markdownTable(['workload', 'jobs', 'requests to HCP Terraform per job', 'requests to AWS per job'], rows)}`;
}

/** Bursts of fewer jobs say little about the size. */
const sizesOf = (bursts: readonly Burst[]): Burst[] => bursts.filter(({ jobs }) => jobs >= 100);

export function sizeTable(bursts: readonly Burst[], emptyFunctionMiB: number): string {
  const sizes = sizesOf(bursts);
  const rows = sizes.map(({ jobs, runLists, tickCpuSeconds, peakMiB, failedTicks, died }) => [
    number(jobs),
    number(runLists),
    duration(tickCpuSeconds),
    `${((1000 * tickCpuSeconds) / jobs).toFixed(2)} ms`,
    died ? 'the process ended' : `${number(peakMiB)} MiB`,
    `${number(peakMiB - emptyFunctionMiB)} MiB`,
    number(failedTicks),
  ]);
  const header = [
    'queued jobs',
    'pages of runs read',
    'longest tick, processor time',
    'per job',
    'memory of the process',
    'of that, the function',
    'failed ticks',
  ];
  return markdownTable(header, rows);
}

function sizeSection({ bursts, emptyFunctionMiB }: Measurements): string {
  return `## How much processor time and memory does a tick use?

The same bursts, and one of ${number(sizesOf(bursts).at(-1)?.jobs ?? 0)} jobs. The limits are 1.5 s of one core and 200 MB. If the time per job doesn't grow, the growth is linear. A page has at most 100 runs, and HCP Terraform allows 30 pages per minute, so no tick reads all 10,000 jobs.
The process includes the emulator's host. A function that does nothing uses ${number(emptyFunctionMiB)} MiB there, because the host also contains Node's type stripping and zod.

${sizeTable(bursts, emptyFunctionMiB)}`;
}

function coldStartSection({ coldStart }: Measurements): string {
  const { launcherMs, clientsMs, imports, launcherBytes, clientsBytes, packages } = coldStart;
  const rows = [
    ['launcher', `${number(launcherMs)} ms`, kilobytes(launcherBytes)],
    ['its three SDK clients alone', `${number(clientsMs)} ms`, kilobytes(clientsBytes)],
    ['ratio', `${(launcherMs / clientsMs).toFixed(2)} ×`, `${(launcherBytes / clientsBytes).toFixed(2)} ×`],
  ];
  const rest = packages.slice(LARGEST_PACKAGES);
  const shown = packages.slice(0, LARGEST_PACKAGES).map(({ name, bytes }) => [`\`${name}\``, bytes] as const);
  const all = [...shown, [`${rest.length} others`, rest.reduce((sum, { bytes }) => sum + bytes, 0)] as const];
  return `## How long does a cold start import?

Median of ${imports} imports each in new processes, alternating, with source maps enabled as deployed. The second bundle contains only the clients and commands of ECS, Secrets Manager and SQS that the launcher uses.

${markdownTable(['bundle', 'import', 'size'], rows)}

${markdownTable(
  ['package', 'size', 'share'],
  all.map(([name, bytes]) => [name, kilobytes(bytes), `${((100 * bytes) / launcherBytes).toFixed(0)} %`]),
)}`;
}

function method(_: Measurements): string {
  return `## Method

**Over HTTP.** \`bench/wire\` runs the bundle of \`cdk synth\` in its own process. The emulators of ECS, Secrets Manager and HCP Terraform run in another, with the documented rate limits. Tasks start nothing. The heap has the size that Lambda's memory of 256 MB allows.

**Simulated days.** \`bench/peers\` uses the [simulation](reliability.md): the same rules of HCP Terraform and ECS, in virtual time, with a fixed seed. A task takes 13 to 50 s until its agent registers. An agent without a job asks every 30 s. This launcher runs its real code. The others are models of their published code; the comments in \`bench/peers/models.ts\` have repository, commit, file and line:

| launcher | what it is |
|---|---|
| this launcher | one task per job, defaults of the settings |
| operator | [hashicorp/hcp-terraform-operator](https://github.com/hashicorp/hcp-terraform-operator): asks every 30 s, one deployment of agents that take many jobs, a cooldown of 300 s between two changes. *Tuned* in the pictures: without a cooldown for growing |
| oulman | [oulman/tfc-agent-autoscaler](https://github.com/oulman/tfc-agent-autoscaler): a daemon that lists the runs of every workspace every 10 s, within HCP Terraform's 30 lists per minute; an ECS service of agents that take many jobs |
| assareh | [assareh/tfc-agent](https://github.com/assareh/tfc-agent): run task webhooks add and subtract agents of an ECS service; agents take one job |
| 10 or 100 agents, always on | an ECS service of agents that take many jobs |

The models favor the others where their documentation leaves something open:

- The maximum is ${PEERS_MAX_AGENTS} agents for all, although the defaults of oulman and assareh are 10 and 4.
- assareh's baseline is 0 agents instead of its default 4.
- Pods of the operator start as fast as Fargate tasks, and the cluster always has capacity for them.
- The other launchers' own processes never fail, and no webhook gets lost.

The days don't show isolation: agents that take many jobs keep what a job leaves behind. They don't show faults either: [Defects of other launchers](other-launchers.md) does.`;
}
