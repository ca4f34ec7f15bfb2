/** The demo's summary: counts, checks and text. All functions are pure. */
import type { Recovery } from './incidents.ts';
import { type Container, type GatewayHistory, isPresent, type Job, jobsOf, type Model } from './model.ts';
import { seconds } from './seconds.ts';
import { awakeMs, gatewaySegments } from './segments.ts';
import { statusWord } from './status-words.ts';

/** The result of `--json`. */
export type Summary = ReturnType<typeof summarize>;

/** Input that isn't in the model. */
export interface Facts {
  readonly durationMs: number;
  readonly terraform: string | undefined;
  readonly invocations: { readonly total: number; readonly failed: number };
  /** Expected final status by run id. */
  readonly expected: ReadonlyMap<string, string>;
  /** The faults that the demo caused, and whether the system recovered. */
  readonly recoveries: readonly Recovery[];
  /** Why the demo was aborted, if it was. */
  readonly trouble: string | undefined;
}

export function summarize(model: Model, facts: Facts) {
  const { durationMs, terraform, invocations, expected, recoveries, trouble } = facts;
  const jobs = jobsOf(model);
  const served = jobs.filter(({ startedAt }) => startedAt !== undefined);
  const servedBy = Map.groupBy(served, ({ container }) => container?.id);
  const byOutcome = Object.fromEntries(
    [...Map.groupBy(model.runs, ({ status }) => status)].map(([status, runs]) => [status, runs.length]),
  );
  const reused = model.containers.filter(({ id }) => (servedBy.get(id)?.length ?? 0) > 1).length;
  const tasksLeft = model.containers.filter(isPresent).length;
  const gateway = model.gateway && gatewaySummary(model.gateway, model);
  const problems = [
    ...(trouble === undefined ? [] : [trouble]),
    ...jobs.filter(({ startedAt, endedAt }) => (startedAt ?? endedAt) === undefined).map(untaken),
    ...unexpectedEnds(model, expected),
    ...recoveries.flatMap(({ recovered, text }) => (recovered ? [] : [`The system did not recover: ${text}.`])),
    ...(model.agentsLeft > 0 ? [`${model.agentsLeft} of the agents did not exit.`] : []),
    ...(tasksLeft > 0 ? [`${tasksLeft} of the tasks did not stop.`] : []),
    ...(gateway === undefined ? [] : gatewayProblems(gateway)),
    ...(reused > 0 ? [`${reused} of the containers served more than one job.`] : []),
  ];
  return {
    ok: problems.length === 0,
    problems,
    durationMs,
    terraform,
    runs: { total: model.runs.length, byOutcome },
    jobs: {
      total: jobs.length,
      served: served.length,
      plan: served.filter(({ phase }) => phase === 'plan').length,
      apply: served.filter(({ phase }) => phase === 'apply').length,
    },
    containers: {
      launched: model.containers.length,
      reused,
      withoutJob: model.containers.filter(({ id }) => !servedBy.has(id)).length,
    },
    /** The time from queuing a job until an agent took it. */
    startLatency: latencyOf(served.map(({ queuedAt, startedAt = queuedAt }) => startedAt - queuedAt)),
    recoveries,
    launcher: { invocations: invocations.total, failed: invocations.failed },
    agentsLeft: model.agentsLeft,
    tasksLeft,
    ...(gateway !== undefined && { gateway }),
  };
}

/** @returns what the gateway of the egress mode `on-demand` did */
function gatewaySummary(gateway: GatewayHistory, { at, containers }: Model) {
  const segments = gatewaySegments(gateway, Number.NEGATIVE_INFINITY, at);
  const awake = segments.filter(({ kind }) => kind === 'awake');
  const isAwake = ({ startedAt, executionStoppedAt, stoppedAt }: Container): boolean =>
    startedAt === undefined ||
    awake.some(({ from, to }) => from <= startedAt && (executionStoppedAt ?? stoppedAt ?? at) <= to);
  return {
    name: gateway.name,
    instanceType: gateway.instanceType,
    /** The time of each start until its filter worked. */
    startsMs: segments.flatMap(({ kind, from, to }, index) =>
      kind === 'starting' && segments[index + 1]?.kind === 'awake' ? [to - from] : [],
    ),
    awakeMs: awakeMs(gateway, at),
    phase: gateway.phases.at(-1)?.phase,
    /** Containers that ran while the gateway wasn't awake. */
    withoutGateway: containers.filter((container) => !isAwake(container)).length,
  };
}

function gatewayProblems({ phase, startsMs, withoutGateway }: ReturnType<typeof gatewaySummary>): string[] {
  return [
    ...(startsMs.length === 0 ? ['The gateway did not start.'] : []),
    ...(phase === 'asleep' ? [] : [`The gateway is not asleep at the end: it is ${phase}.`]),
    ...(withoutGateway > 0 ? [`${withoutGateway} of the containers ran while the gateway was not awake.`] : []),
  ];
}

function untaken({ key }: Job): string {
  return `No agent took the job ${key}.`;
}

function unexpectedEnds({ runs }: Model, expected: Facts['expected']): string[] {
  return runs.flatMap(({ id, workspace, status, endedAt }) => {
    if (endedAt === undefined) return [`The run ${id} of ${workspace} did not end: it is ${status}.`];
    const wanted = expected.get(id) ?? status;
    return status === wanted ? [] : [`The run ${id} of ${workspace} ended as ${status}, not as ${wanted}.`];
  });
}

/** Nearest-rank percentiles: each is one of the values. */
export function latencyOf(samples: readonly number[]) {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = (share: number): number | undefined => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { samples: sorted.length, p50Ms: rank(0.5), p95Ms: rank(0.95), maxMs: sorted.at(-1) };
}

/** The summary as text: pairs of a name and a sentence. */
export function summaryLines(summary: Summary): readonly (readonly [string, string])[] {
  const faults = summary.recoveries.map(
    ({ recovered, text }) => [recovered ? 'Survived' : 'Not survived', text] as const,
  );
  return [...factLines(summary), ...faults];
}

/** The summary without the faults that the demo caused. */
export function factLines(summary: Summary): readonly (readonly [string, string])[] {
  const { runs, jobs, containers, startLatency, launcher, terraform, gateway } = summary;
  const { p50Ms, p95Ms, maxMs } = startLatency;
  const { launched, reused, withoutJob } = containers;
  const outcomes = Object.entries(runs.byOutcome)
    .sort(([, a], [, b]) => b - a)
    .map(([status, count]) => `${count} ${statusWord(status)}`);
  const executed =
    terraform === undefined ? 'not on the PATH: the built-in sample was executed' : `${terraform}, the one on the PATH`;
  return [
    ['Runs', `${runs.total}: ${outcomes.join(', ')}`],
    ['Jobs', `${jobs.served} of ${jobs.total} served: ${jobs.plan} plans, ${jobs.apply} applies`],
    ['Containers', `${launched} launched, ${reused} used twice, ${withoutJob} without a job`],
    ...(gateway === undefined ? [] : [gatewayFact(gateway)]),
    ['Start latency', `p50 ${seconds(p50Ms)}, p95 ${seconds(p95Ms)}, max ${seconds(maxMs)}`],
    ['Launcher', `${launcher.invocations} invocations, ${launcher.failed} failed`],
    ['Terraform', executed],
    ['Took', seconds(summary.durationMs)],
    ['Left', `${summary.agentsLeft} agents, ${summary.tasksLeft} tasks`],
  ];
}

function gatewayFact({ startsMs, awakeMs: awake, phase }: NonNullable<Summary['gateway']>): readonly [string, string] {
  const started =
    startsMs.length === 0 ? 'not started' : `ready ${startsMs.map(seconds).join(' and ')} after its start`;
  return ['Gateway', `${started}, awake ${seconds(awake)}, now ${phase}`];
}
