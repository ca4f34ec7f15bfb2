/** What the launcher's last tick shows about a pool whose jobs wait: ECS refuses tasks, they fail to start, or a limit is reached. */

import { startCauseOf } from '../../functions/launcher/core/start-causes.ts';
import type { PoolLine } from '../../functions/launcher/log-lines.ts';
import { counted, sentence } from './sentences.ts';

export interface Trouble {
  /** `refused` and `start-failures` need a repair. `full`: the pool has no free slot. `deferred`: another limit, which ends on its own. */
  readonly kind: 'refused' | 'start-failures' | 'full' | 'deferred';
  readonly what: string;
  readonly todo: string;
}

export interface TroubledPool {
  readonly name: string;
  readonly maxAgents: number;
  readonly region: string;
  /** Live tasks of all pools of the launcher. */
  readonly liveOfAll: number;
}

/** @param line the pool's part of the last tick */
export function troublesOf(line: PoolLine, pool: TroubledPool): Trouble[] {
  const explain = whyCommand(line);
  return [
    ...refusals(line, pool, explain),
    ...startFailures(line, pool, explain),
    ...full(line, pool, explain),
    ...others(line, pool),
  ];
}

/** Number of live tasks in the last tick. */
export function liveIn({ live = {} }: PoolLine): number {
  return Object.values(live).reduce((sum, count) => sum + count, 0);
}

/** `3 busy, 1 starting`; empty if there is none, or if the tick doesn't say it. */
export function statesIn({ live = {} }: PoolLine): string {
  return Object.entries(live)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

/**
 * What to do if ECS refuses tasks because of a quota.
 *
 * @param remedy the launcher's, which says which quota
 */
export function quotaRemedies({ region, liveOfAll }: Pick<TroubledPool, 'region' | 'liveOfAll'>): readonly string[] {
  const quotas = 'Fargate On-Demand vCPU resource count (L-3032A538) or, for Spot, L-36FBB829';
  return [
    liveOfAll === 0
      ? `No task of this launcher is live. So other tasks of the account use the quota in ${region}, or it is smaller than one task. Raise it in Service Quotas: ${quotas}.`
      : `Raise the quota in Service Quotas in ${region}: ${quotas}. Or lower maxAgents: this launcher has ${counted(liveOfAll, 'live task')}.`,
    'Run `agent-launcher doctor --only quotas` to compare the quota with what the pools need.',
    'The launcher asks ECS again in every tick, so you need not deploy.',
  ];
}

const TEXTS = ['cause', 'detail', 'remedy'] as const;

function* refusals(line: PoolLine, pool: TroubledPool, explain: string): Iterable<Trouble> {
  const refused = (line.launches ?? []).filter(({ outcome }) => outcome === 'refused');
  const newest = refused.at(-1);
  if (newest === undefined) return;
  const [cause, detail, remedy] = TEXTS.map((key) => textIn(newest, key));
  const todo =
    cause === 'quota'
      ? quotaRemedies(pool).join(' ')
      : remedy === undefined
        ? 'Read the launches in the launcher’s log: docs/runbook.md, "ECS refuses launches".'
        : sentence(remedy);
  yield {
    kind: 'refused',
    what: `ECS refuses to start agents of pool ${pool.name}${cause === undefined ? '' : ` (${cause})`}${detail === undefined ? '.' : `: ${sentence(detail)}`}`,
    todo: `${todo}${explain}`,
  };
}

function* startFailures(line: PoolLine, pool: TroubledPool, explain: string): Iterable<Trouble> {
  const newest = line.startFailures?.at(-1);
  if (newest === undefined) return;
  const remedy = withLog(textIn(newest, 'remedy') ?? startCauseOf(newest.detail).remedy, newest.task);
  yield {
    kind: 'start-failures',
    what: `Tasks of pool ${pool.name} fail to start: ${sentence(newest.detail)}`,
    todo: `${sentence(remedy)}${explain}`,
  };
}

function* full(line: PoolLine, { name, maxAgents }: TroubledPool, explain: string): Iterable<Trouble> {
  const deferred = (line.deferrals ?? []).filter(({ cause }) => cause === 'max-agents').length;
  const waiting = Math.max(line.queued ?? 0, deferred);
  if (deferred === 0 && (liveIn(line) < maxAgents || waiting === 0)) return;
  const states = statesIn(line);
  yield {
    kind: 'full',
    what: `Pool ${name} is full: ${counted(liveIn(line), 'live task')} of maxAgents ${maxAgents}${states === '' ? '' : ` (${states})`}, ${waiting} queued.`,
    todo: `Wait until a job ends. ${raiseMaxAgents(name, maxAgents)}${explain}`,
  };
}

/** The remedy with the command that prints the task's log, if it mentions the log. */
export function withLog(remedy: string, task: string): string {
  return remedy.replace(/\bits log\b/, `its log (\`agent-launcher logs ${task}\`)`);
}

/** What to do if a pool is full often. */
export function raiseMaxAgents(pool: string, maxAgents: number): string {
  return `If this happens often, raise maxAgents (now ${maxAgents}): run \`agent-launcher setup --pool ${pool} --max-agents ${2 * maxAgents}\`, or change the settings, and deploy.`;
}

function* others(line: PoolLine, { name }: TroubledPool): Iterable<Trouble> {
  const known = ['max-agents', 'start-failures'];
  const byCause = Map.groupBy(
    (line.deferrals ?? []).filter(({ cause }) => !known.includes(cause)),
    ({ cause }) => cause,
  );
  for (const [cause, deferrals] of byCause) {
    const reason = deferrals.at(-1)?.reason ?? '';
    yield {
      kind: 'deferred',
      what: `Pool ${name} starts no agent for ${counted(deferrals.length, 'job')} now (${cause}): ${sentence(reason)}`,
      todo:
        cause === 'agents-ceiling'
          ? 'Wait until an agent of the organization ends. If your plan allows more agents, raise agentsCeiling and deploy.'
          : 'Wait for the next ticks.',
    };
  }
}

/** The command that explains a run that waits in the pool; empty if the line shows none. */
function whyCommand({ deferrals = [], launches = [] }: PoolLine): string {
  const jobs = [...deferrals.map(({ jobKey }) => jobKey), ...launches.map(({ job }) => job)];
  const run = jobs.map((job) => /^(run-[A-Za-z0-9]+)\//.exec(job)?.[1]).find((id) => id !== undefined);
  return run === undefined ? '' : ` A run that waits: \`agent-launcher why ${run}\`.`;
}

function textIn(entry: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const text = entry[key];
  return typeof text === 'string' ? text : undefined;
}
