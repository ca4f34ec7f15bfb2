import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GATEWAY_MUTANTS } from './gateway-mutants.ts';
import type { ProfileName } from './profiles.ts';

/** A replacement in one file of a function. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A copy of the launcher with one deliberate mistake. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The mutant must break at least one of these promises. Empty if it is known to survive, which `survivesBecause` explains. */
  readonly breaks: readonly number[];
  readonly survivesBecause?: string;
  /** The profile whose worlds can catch the mutant. Default: all. */
  readonly profile?: ProfileName;
}

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });
/** A mutant with these edits. A profile among them names the worlds that can catch it. */
const one = (name: string, breaks: readonly number[], ...parts: (Edit | ProfileName)[]): Mutant => {
  const profile = parts.find((part) => typeof part === 'string');
  const edits = parts.filter((part) => typeof part !== 'string');
  return { name, breaks, edits, ...(profile !== undefined && { profile }) };
};

const IF_RECENT = 'if (sinceMs >= recentMs) return';
const OBSERVED_END = "return jobWaits || task.exitCode !== 0 || ranMs(task) < SHORTEST_JOB_MS ? 'failed' : 'unknown';";
/** The end of the template string of the client token. */
const TOKEN = 'attempt}`;';
const ENDING = 'if (isEnding(answer.lastStatus)) return true;';

/** Disables the second look at errored agents. Otherwise it would prevent the harm that these mutants do. */
const UNCONFIRMED_ERRORED = edit('confirm.ts', "status === 'errored' || status === 'exited'", 'status.length > 0');

/** All mutants. The text that an edit replaces must occur exactly once in its file. */
export const MUTANTS: readonly Mutant[] = [
  // -- The client token
  one(
    'every RunTask call has a new client token',
    [2],
    edit('core/client-token.ts', TOKEN, 'attempt}/`.concat(String((calls += 1)));'),
    edit('core/client-token.ts', 'export function clientTokenOf', 'let calls = 0;\nexport function clientTokenOf'),
  ),
  one('the client token doesn’t contain the attempt', [1], edit('core/client-token.ts', TOKEN, 'attempt * 0}`;')),
  one(
    'if RunTask returns a live task, its client token counts as used up',
    [2, 3],
    edit('core/client-token.ts', ENDING, "if (answer.lastStatus !== 'PROVISIONING') return true;"),
  ),
  one(
    'if RunTask returns a stopped task, that counts as a launch',
    [1],
    edit('core/client-token.ts', ENDING, ''),
    'long',
  ),
  one(
    'a task that RunTask returns, but DescribeTasks doesn’t, never counts as ended',
    [1],
    edit('core/client-token.ts', 'nowMs - job.queuedAtMs > STOPPED_TASKS_SHOWN_MS;', 'nowMs < 0;'),
    'forgotten',
  ),
  {
    name: 'if RunTask returns a task that the tick already counted, that counts as a launch',
    breaks: [],
    survivesBecause:
      'tags and the number of tasks already determine the next attempt, so this check is a second safeguard',
    edits: [edit('core/client-token.ts', 'if (seenTaskIds.has(answer.taskId)) return true;', '')],
  },
  one(
    'a launch tries at most five client tokens, one after the other',
    [1],
    edit('core/client-token.ts', '[0, 1, 2, 3, 4, 8, 16, 32, 64]', '[0, 1, 2, 3, 4]'),
    edit(
      'core/client-token.ts',
      ', before + LAST_RESORT + Math.floor(waitedMs / READ_LAG_MS)]',
      '].slice(0, LAST_RESORT - waitedMs * 0)',
    ),
    'long',
  ),
  one(
    'the attempt is always 1',
    [1],
    edit('core/reconcile.ts', 'supply.attempts.get(job.key) ?? 0;', '0 * (supply.attempts.get(job.key) ?? 0);'),
    'forgotten',
  ),
  // -- Supply
  one(
    'free tasks don’t count as supply',
    [2],
    edit('core/reconcile.ts', 'queuedCount - view.unclaimed)', 'queuedCount)'),
  ),
  one(
    'starting tasks don’t count as supply',
    [2],
    edit('core/supply.ts', "state === 'starting' || state === 'idle').length", "state === 'idle').length"),
  ),
  one(
    'busy tasks count as free',
    [1],
    edit('core/supply.ts', "state === 'starting' || state === 'idle').length", "state !== 'overdue').length"),
  ),
  one(
    'unresponsive agents count as free',
    [1],
    edit(
      'core/supply.ts',
      "state === 'starting' || state === 'idle').length",
      "['starting', 'idle', 'unresponsive'].includes(state)).length",
    ),
    'agents',
  ),
  one(
    'idle foreign agents don’t count as supply',
    [2],
    edit('core/reconcile.ts', 'Math.min(foreignIdle, stillOfferedTo(queued, nowMs))', 'foreignIdle * 0'),
    'agents',
  ),
  one(
    'jobs wait forever for foreign agents that don’t take them',
    [1],
    edit('core/reconcile.ts', 'Math.min(foreignIdle, stillOfferedTo(queued, nowMs))', 'foreignIdle'),
    'agents',
  ),
  // -- Jobs that run too long
  one(
    'a job that runs too long is never stopped',
    [1, 5],
    edit('core/reconcile.ts', 'stops: [...stops, ...longJobStops(state, nowMs)]', 'stops'),
    'endless',
  ),
  one(
    'a job is stopped after half of maxJobHours',
    [4],
    edit('core/long-jobs.ts', '<= limitMs + CLOCK_SKEW_MS', '<= limitMs / 2'),
    'endless',
  ),
  one(
    'an apply has the limit of plans',
    [4],
    edit('core/long-jobs.ts', 'const limit = limits[phase];', 'const limit = limits[phase] ?? limits.plan;'),
    'endless',
  ),
  one(
    'a job that no run shows counts as a plan',
    [4],
    edit('core/long-jobs.ts', ': lane.phases;', ": ['plan' as const];"),
    'endless',
  ),
  one(
    'the age of a job that no run shows is the age of its task',
    [4],
    edit('core/long-jobs.ts', 'starts.length === 0 ? upMs + waitMs :', 'starts.length === 0 ? upMs :'),
    'endless',
  ),
  one(
    'a long job is stopped without a second look',
    [4],
    edit(
      'confirm.ts',
      "cause !== 'agent-left' || tasks",
      "cause !== 'job-too-long' && (cause !== 'agent-left') || cause === 'agent-left' && tasks",
    ),
    'endless',
  ),
  // -- Two stacks on one pool
  one(
    'a standby launches at once',
    [2],
    edit('core/reconcile.ts', 'if (standbyMs === undefined)', 'if (standbyMs !== 0)'),
    'stacks',
  ),
  one(
    'a standby never launches',
    [1],
    edit('core/reconcile.ts', 'nowMs - job.queuedAtMs >= standbyMs', 'nowMs < standbyMs'),
    'stacks',
  ),
  one(
    'a standby starts an agent for a job although its free agents suffice',
    [2],
    edit('core/reconcile.ts', 'allQueued - leftToOthers.length', 'allQueued'),
    'stacks',
  ),
  one(
    'idle agents of another stack don’t count as supply',
    [2],
    edit('core/reconcile.ts', 'Math.min(foreignIdle, stillOfferedTo(queued, nowMs))', 'foreignIdle * 0'),
    'stacks',
  ),
  one(
    'a running job whose agent is unknown doesn’t make any task busy',
    [1],
    edit(
      'core/supply.ts',
      'observed ? seenLive : inLanes.flatMap((lane) => withNamelessJobs(lane.live, lane.running))',
      'seenLive',
    ),
    'unseen',
  ),
  {
    name: 'jobs that already have a task get the next launch first',
    breaks: [],
    survivesBecause: 'any agent takes any job, so the order of launches changes only the names of tasks',
    edits: [
      edit(
        'core/reconcile.ts',
        'return [...jobs.filter((job) => !served.has(job.key)), ...jobs.filter((job) => served.has(job.key))];',
        'return [...jobs.filter((job) => served.has(job.key)), ...jobs.filter((job) => !served.has(job.key))];',
      ),
    ],
  },
  // -- Lanes
  one(
    'lanes: an agent for plans counts as supply for an apply',
    [1],
    edit('core/lanes.ts', 'unclaimed: unclaimed(live),', 'unclaimed: unclaimed(supply.live),'),
  ),
  one(
    'lanes: start failures in one lane delay launches in the other lane',
    [1],
    edit(
      'core/lanes.ts',
      'supply.startFailures.filter(({ task }) => task.family === lane.taskDefinition)',
      'supply.startFailures',
    ),
    'lanes',
  ),
  one(
    'lanes: maxAgents applies to each lane separately',
    [3],
    edit(
      'core/limits.ts',
      'limits.maxAgents - occupied - launched - kept.ofMaxAgents,',
      'limits.maxAgents - view.live.length,',
    ),
  ),
  {
    name: 'lanes: a foreign agent counts as supply in each lane',
    breaks: [],
    survivesBecause: 'the foreign agent takes one of the jobs within 30 s, and the next tick counts again',
    edits: [edit('core/reconcile.ts', 'foreignIdle -= Math.min(foreign, short);', 'foreignIdle -= short * 0;')],
  },
  one(
    'lanes: no On-Demand launch follows if Spot has no capacity',
    [1],
    edit(
      'adapters/ecs/client.ts',
      "request.lane.capacity === 'spot' && isShortage(answer)",
      'isShortage(answer) && !input',
    ),
  ),
  one(
    'lanes: the On-Demand launch has a different client token from the Spot launch',
    [2],
    edit('adapters/ecs/client.ts', "onDemandInstead(onSpot, 'same')", "onDemandInstead(onSpot, 'own')"),
    'lanes',
  ),
  one(
    'lanes: the On-Demand launch repeats a client token that ECS reports as used up',
    [1],
    edit('adapters/ecs/client.ts', "onDemandInstead(onSpot, 'own')", "onDemandInstead(onSpot, 'same')"),
  ),
  // -- Demand
  one(
    'pending runs count as demand',
    [2],
    edit('core/demand.ts', "pending: 'platform'", "pending: 'plan-queued'"),
    edit('core/demand.ts', "= ['plan_queued', 'apply_queued',", "= ['pending', 'plan_queued', 'apply_queued',"),
  ),
  one(
    'runs that are being planned count as demand',
    [2],
    edit('core/demand.ts', "planning: 'plan-running'", "planning: 'plan-queued'"),
  ),
  one(
    'applies don’t count as demand',
    [1],
    edit('core/demand.ts', "apply_queued: 'apply-queued'", "apply_queued: 'platform'"),
  ),
  one(
    'the launcher reads only the first page of runs',
    [1],
    edit('adapters/hcp-terraform/run-poller.ts', '&& own.requests < mostRequests()) {', '&& own.requests < 1) {'),
  ),
  // -- Limits
  one(
    'maxAgents is ignored',
    [3],
    edit(
      'core/limits.ts',
      'count: limits.maxAgents - occupied - launched - kept.ofMaxAgents,',
      'count: limits.maxAgents,',
    ),
  ),
  one(
    'agentsCeiling is ignored',
    [3],
    edit('core/limits.ts', 'count: limitRoom - launched - kept.ofOrganization,', 'count: Number.POSITIVE_INFINITY,'),
    'licence',
  ),
  one(
    'starting agents don’t count in agentsCeiling',
    [3],
    edit(
      'core/organization-limit.ts',
      'left - supply.registered - starting',
      'left - supply.registered - starting * 0',
    ),
    'licence',
  ),
  one(
    'unknown agents don’t count in agentsCeiling',
    [3],
    edit('core/supply.ts', "['idle', 'busy', 'unknown'].includes", "['idle', 'busy'].includes"),
    'licence',
  ),
  one(
    'agentsCeiling applies to each API token separately',
    [3],
    edit(
      'tick.ts',
      '(settings.agentsCeiling === undefined ? pool : pool.organization)',
      '(settings.agentsCeiling === undefined ? pool : pool.apiTokenSecret)',
    ),
    'licence',
  ),
  // -- Start failures
  one(
    'start failures cause no back-off',
    [6],
    edit('core/limits.ts', 'if (backOff.rounds > 0)', 'if (backOff.rounds < 0)'),
    'start',
  ),
  one('the back-off does not double', [6], edit('core/back-off.ts', '2 ** (rounds - 1)', '2 ** 0'), 'long'),
  one(
    'a back-off allows one trial launch per queued job',
    [6],
    edit(
      'core/limits.ts',
      'count: waiting || probing || launched ? 0 : 1,',
      'count: waiting ? 0 : Number.POSITIVE_INFINITY,',
    ),
    'long',
  ),
  one(
    'a container that exits with 0 counts as a successful start',
    [6],
    edit('core/task-outcome.ts', OBSERVED_END, "return task.exitCode !== 0 ? 'failed' : 'served';"),
  ),
  one(
    'a task whose agent never registered counts as a successful start',
    [6],
    edit('core/task-outcome.ts', OBSERVED_END, OBSERVED_END.replace('jobWaits || ', '').replace('unknown', 'served')),
  ),
  one(
    'every stopped task counts as a start failure',
    [1],
    edit('core/task-outcome.ts', '  if (!registered && task', '  if (!busy && task'),
  ),
  one(
    'agents that end without a job are replaced forever',
    [6],
    edit(
      'core/task-outcome.ts',
      "return leftWithoutJob(task) ? 'fruitless' : 'served';",
      "return leftWithoutJob(task) ? 'up' : 'served';",
    ),
    'long',
  ),
  one(
    'an agent that registers resets the count of agents without a job',
    [6],
    edit('core/task-outcome.ts', "since('fruitless', last('served'),", "since('fruitless', last('served', 'up'),"),
    'long',
  ),
  one(
    'a launch in one lane uses up the trial launch of the other lane',
    [1],
    edit(
      'core/limits.ts',
      'launches.some(({ lane }) => lane.taskDefinition === view.lane.taskDefinition);',
      'launches.length > 0 || view.live.length < 0;',
    ),
    'probes',
  ),
  one(
    'a task that ran out of memory is attributed to the first running job',
    [6],
    edit('core/out-of-memory.ts', 'running.find(({ agentName }) => agentName === task.id);', 'running[0];'),
    'agents',
  ),
  one(
    'a running job without a known agent is matched with a task that has no running container',
    [2],
    edit(
      'core/supply.ts',
      "state === 'starting' && task.startedAtMs !== undefined",
      "state === 'starting' && task.id !== ''",
    ),
    'unseen-long',
  ),
  one(
    'a running job without a known agent is matched with an overdue task instead of a newer one',
    [1],
    edit(
      'core/supply.ts',
      "state === 'starting' && task.startedAtMs !== undefined",
      "(state === 'starting' || state === 'unobserved') && task.startedAtMs !== undefined",
    ),
    'unseen-long',
  ),
  // -- Agents
  one(
    'the launcher lists only agents that pinged in the last second',
    [1, 2, 4],
    edit('observe.ts', 'const recentMs = recentAgentsMs(nowMs);', 'const recentMs = nowMs;'),
    edit('observe.ts', IF_RECENT, 'if (sinceMs >= Number.NEGATIVE_INFINITY) return'),
  ),
  one(
    'the launcher lists only agents that pinged in the last ten minutes, even if a task is older',
    [1],
    edit('observe.ts', IF_RECENT, 'if (sinceMs >= Number.NEGATIVE_INFINITY) return'),
    'failing',
  ),
  // -- Stops
  one(
    'idle agents are stopped',
    [4],
    edit('core/reconcile.ts', "if (state === 'errored') {", "if (state === 'errored' || state === 'idle') {"),
    UNCONFIRMED_ERRORED,
  ),
  one(
    'unresponsive agents are stopped',
    [4],
    edit('core/reconcile.ts', "if (state === 'errored') {", "if (state === 'errored' || state === 'unresponsive') {"),
    UNCONFIRMED_ERRORED,
  ),
  one(
    'every task older than the start deadline is stopped',
    [2, 4, 5],
    edit(
      'core/supply.ts',
      "  if (namedByAJob) return 'busy';",
      "  if (task.createdAtMs !== undefined && nowMs - task.createdAtMs > startDeadlineMs) return 'overdue';\n  if (namedByAJob) return 'busy';",
    ),
  ),
  {
    name: 'a task can count as overdue even if the API token can’t list agents',
    breaks: [],
    survivesBecause: 'the second list before a stop shows that agents can’t be listed, so nothing is stopped',
    edits: [
      edit(
        'core/supply.ts',
        "return agentsCredible && UP.has(task.lastStatus) ? 'overdue' : 'unobserved';",
        "return UP.has(task.lastStatus) ? 'overdue' : 'unobserved';",
      ),
    ],
  },
  one(
    'tasks whose agent never registers aren’t stopped',
    [5],
    edit('core/reconcile.ts', "if (state === 'overdue') {", "if (state === 'overdue' && startDeadlineMs < 0) {"),
  ),
  one(
    'tasks whose agent is errored aren’t stopped',
    [5],
    edit('core/reconcile.ts', "if (state === 'errored') {", "if (state === 'errored' && startDeadlineMs < 0) {"),
  ),
  one(
    'tasks that ECS keeps running after their agent left aren’t stopped',
    [5, 1],
    edit('core/reconcile.ts', "if (state === 'lingering') {", "if (state === 'lingering' && startDeadlineMs < 0) {"),
    'lingering',
  ),
  one(
    'a task whose agent has exited keeps its slot forever',
    [1, 5],
    edit('core/supply.ts', "agentsCredible ? endedState(task, agent, nowMs) : 'leaving';", "'leaving';"),
    'lingering',
  ),
  one(
    'the agent’s status overrides the exit code of its task',
    [1, 5],
    edit('core/supply.ts', 'if (task.exitCode !== undefined) return endedState', 'if (nowMs < 0) return endedState'),
    'lingering',
  ),
  one(
    'if several agents have the same name, the least active one decides, also before a stop',
    [2, 3, 4],
    edit(
      'core/supply.ts',
      "['exited', 'errored', 'unknown', 'idle', 'busy']",
      "['busy', 'idle', 'unknown', 'errored', 'exited']",
    ),
    edit(
      'confirm.ts',
      "its.every(({ status }) => status === 'exited')",
      "its.some(({ status }) => status === 'exited')",
    ),
    'lingering',
  ),
  // -- Warm agents
  one(
    'a warm agent that never registers and exits with 0 counts as a successful start',
    [6],
    edit('core/task-outcome.ts', "if (standing && listedSinceStart) return 'failed';", ''),
    'warm-failing',
  ),
  one(
    'a warm agent that leaves long before its idle time is over is replaced forever',
    [6],
    edit(
      'core/task-outcome.ts',
      "ranMs(task) < idleMs / 2 ? 'fruitless' : 'up'",
      "ranMs(task) < 0 * idleMs ? 'fruitless' : 'up'",
    ),
    'warm-failing',
  ),
  one(
    'a warm agent that ends at once counts as having served a job',
    [6],
    edit(
      'core/task-outcome.ts',
      "if (!jobWaits && (!standing || sweep)) return 'served';",
      "if (!jobWaits || standing) return 'served';",
    ),
    'warm-failing',
  ),
  one(
    'warm agents take the last slot',
    [1],
    edit(
      'core/reconcile.ts',
      "without((state) => state !== 'lingering') ? 1 : 0;",
      "without((state) => state !== 'lingering') ? 0 : 0;",
    ),
    'warm-lanes',
  ),
  one(
    'launches for queued jobs increase the free capacity under agentsCeiling',
    [3],
    edit('core/decide.ts', 'use(decision.launches.length);', 'use(-decision.launches.length);'),
    'licence',
  ),
  one(
    'launches of warm agents increase the free capacity under agentsCeiling',
    [3],
    edit(
      'core/decide.ts',
      'use(whole.launches.length - decision.launches.length);',
      'use(decision.launches.length - whole.launches.length);',
    ),
    'warm-licence',
  ),
  // -- Observations that failed
  one(
    'unreadable runs count as no runs',
    [9],
    edit(
      'adapters/hcp-terraform/client.ts',
      '    return resultOf(this.#runs(pool, turn, polling));',
      '    return { ok: true, value: await this.#runs(pool, turn, polling).catch(() => []) };',
    ),
  ),
  one(
    'unreadable tasks count as no tasks',
    [9],
    edit(
      'tick.ts',
      'const liveTasks = resultOf(tasks.liveTasks(signal));',
      'const liveTasks = resultOf(tasks.liveTasks(signal).catch(() => []));',
    ),
  ),
  one(
    'unreadable stopped tasks count as no stopped tasks',
    [9],
    edit(
      'observe.ts',
      'deps.tasks.recentlyStoppedTasks(familiesOf(pool), deps.signal)',
      'deps.tasks.recentlyStoppedTasks(familiesOf(pool), deps.signal).catch(() => [])',
    ),
  ),
  one(
    'unreadable agents count as no agents',
    [9],
    edit(
      'observe.ts',
      'return hcpTerraform.agents(pool, recentAgentsMs(nowMs), signal);',
      'return hcpTerraform.agents(pool, recentAgentsMs(nowMs), signal).catch(() => []);',
    ),
  ),
  one(
    'a response without runs counts as an empty list',
    [9],
    edit(
      'adapters/hcp-terraform/answers.ts',
      'export const runsPage = z.object({\n  data: z.array(run),',
      'export const runsPage = z.object({\n  data: z.array(run).catch([]),',
    ),
    edit(
      'adapters/hcp-terraform/answers.ts',
      'included: z.array(operation).optional(),\n  meta: pagination,',
      "included: z.array(operation).optional(),\n  meta: pagination.catch({ pagination: { 'current-page': 1, 'next-page': null } }),",
    ),
  ),
  one(
    'a page other than the requested one is accepted',
    [9],
    edit(
      'adapters/hcp-terraform/pages.ts',
      'if (current === asked && (next === null || next === asked + 1)) return next;',
      'return next === null || next <= asked || next > MAX_PAGES ? null : current * 0 + next;',
    ),
  ),
  // -- Polls, time, cost
  one(
    'there is no request budget',
    [7],
    edit('adapters/hcp-terraform/poll-budget.ts', 'if (waitMs > 0) {', 'if (waitMs < 0) {'),
    'polls',
  ),
  one(
    'RunTask calls have no pace',
    [7],
    edit(
      'core/token-bucket.ts',
      'return this.#level >= 1 ? 0 :',
      'return this.#level > Number.NEGATIVE_INFINITY ? 0 :',
    ),
    'throttled',
  ),
  one(
    'throttled RunTask calls don’t slow down the launcher',
    [7],
    edit(
      'core/token-bucket.ts',
      'if (sentAtMs <= this.#slowedAtMs) return;',
      'if (sentAtMs < Number.POSITIVE_INFINITY) return;',
    ),
    'throttled',
  ),
  {
    name: 'every poll reads all pages of a long queue again',
    breaks: [],
    survivesBecause: 'the request budget still holds, so bursts only take longer; `npm run bench` shows how long',
    edits: [
      edit('adapters/hcp-terraform/run-poller.ts', 'if (need === undefined) return', 'if (need === need) return'),
    ],
    profile: 'burst',
  },
  one(
    'skipped pages of queued jobs count as jobs although the list has ended before them',
    [2],
    edit('adapters/hcp-terraform/run-poller.ts', 'if (found.length > 0) known =', 'if (found.length >= 0) known ='),
    'slow-burst',
  ),
  one(
    'the request budget starts again with every tick',
    [7],
    edit(
      'adapters/hcp-terraform/run-requests.ts',
      'if (existing !== undefined) return existing;',
      'if (existing !== undefined && existing.used < 0) return existing;',
    ),
    'polls',
  ),
  one(
    'a tick has no deadline',
    [1],
    edit(
      'invocation.ts',
      'clock.timeout(Math.max(1, deadlineMs - clock.now()))',
      'clock.timeout(Math.max(1, deadlineMs - clock.now()) * 10)',
    ),
  ),
  one(
    'one pool’s failure ends the whole tick',
    [1, 9],
    edit('tick.ts', 'return { pool, observation: isFirst ? early : demand };', 'throw demand.error;'),
  ),
  one(
    'every tick sends every request',
    [5],
    edit('observe.ts', 'const active = queued.length > 0 ||', 'const active = queued.length >= 0 ||'),
  ),
  // -- Runs in a post-plan status
  one(
    'a run in a post-plan status gets no agent',
    [1],
    edit('core/demand.ts', "post_plan_running: 'after-plan'", "post_plan_running: 'platform'"),
    'policies',
  ),
  one(
    'a run in a post-plan status gets an agent immediately',
    [2],
    edit('core/standing.ts', '[2, 6, 14, 30, 60, 120, 240, 480]', '[0, 6, 14, 30, 60, 120, 240, 480]'),
    'policies',
  ),
  one(
    'a run in a post-plan status gets only one agent',
    [1],
    edit('core/standing.ts', '[2, 6, 14, 30, 60, 120, 240, 480]', '[2]'),
    'policies',
  ),
  one(
    'a run in a post-plan status gets a new agent whenever one leaves',
    [6],
    edit('core/standing.ts', 'SWEEPS_A_STAGE + sweep}', 'SWEEPS_A_STAGE + sweep + Math.floor(waitedMs / 60_000)}'),
    'policies',
  ),
  one(
    'a run in a post-plan status gets an agent of a lane that doesn’t evaluate policies',
    [1, 2],
    edit('core/standing.ts', 'acceptsPolicies ? waiting', 'waiting.length >= 0 ? waiting'),
    'policies',
  ),
  // -- Sweeps
  one(
    'the launcher reads stopped tasks only while it launches a sweep',
    [6],
    edit(
      'observe.ts',
      'sweepMayFail(lane, nowMs, deps.startDeadlineMs)',
      'sweepMayFail(lane, nowMs, deps.startDeadlineMs - 20 * 60_000)',
    ),
    'sweeps',
  ),
  one(
    'start failures are forgotten while a pool is idle',
    [6],
    edit('core/start-alarm.ts', '{ count: failedAtMs.length, atMs: newestMs }', '{ count: 0, atMs: newestMs }'),
    'sweeps',
  ),
  // -- Secrets
  one(
    'an error is logged with its cause',
    [8],
    edit(
      'tick-line.ts',
      'errors.map(({ system, fault, message }) => ({ system, fault, message }))',
      'errors.map(({ system, fault, message, cause }) => ({ system, fault, message, cause: String(cause) }))',
    ),
  ),
  // -- Wake-ups
  one(
    'a chain of poll messages never ends',
    [5],
    edit(
      'core/wake-up.ts',
      'return untilMs !== undefined && untilMs > nowMs && untilMs <= nowMs + MINUTE_MS ? untilMs : undefined;',
      'return untilMs === undefined ? undefined : nowMs + MINUTE_MS;',
    ),
    edit('core/wake-up.ts', 'if (pendingMs > nowMs + intervalMs / 2) return undefined;', ''),
    'idle-polls',
  ),
  one(
    'a run of a nudge that can’t be read fails the invocation',
    [1],
    edit('woken-invocation.ts', 'notFollowed(runId);', 'throw error;'),
    'nudges',
  ),
  one(
    'the runs of nudges are followed until they are queued, however long that takes',
    [1],
    edit('core/wake-up.ts', 'FOLLOW_MS = 8_000', 'FOLLOW_MS = 600_000'),
    'nudges',
  ),
  one(
    'the run of a nudge counts as queued until a list of runs shows it',
    [2],
    edit('core/wake-up.ts', '[...new Set(runIds)].slice', '[...new Set(believe(runIds))].slice'),
    edit(
      'core/wake-up.ts',
      'export function runsToFollow',
      "import { believe } from './demand.ts';\nexport function runsToFollow",
    ),
    edit(
      'core/demand.ts',
      'export function demandOf',
      `const believed = new Set();
export function believe(runIds) {
  for (const id of runIds) believed.add(id);
  return runIds;
}
export function demandOf`,
    ),
    edit(
      'core/demand.ts',
      'const waiting: WaitingRun[] = [];',
      `const waiting: WaitingRun[] = [];
  for (const runId of believed) {
    if (latest.has(runId)) believed.delete(runId);
    else queued.push({ key: [runId, 'plan'].join('/'), runId, workspaceId: 'ws', phase: 'plan', queuedAtMs: 0 });
  }`,
    ),
    'nudges',
  ),
  one(
    'scheduled invocations don’t tick once a nudge has come, because a nudge comes for every run',
    [1],
    edit(
      'woken-invocation.ts',
      'const { clock, activePollMs } = this.#parts;',
      `const { clock, activePollMs } = this.#parts;
    if (wokenBy?.runIds.length > 0) this.nudged = true;
    if (this.nudged && wokenBy === undefined) return undefined;`,
    ),
    'nudges',
  ),
  one(
    'scheduled invocations don’t tick once a chain of poll messages has begun, because the chain polls',
    [1],
    edit(
      'woken-invocation.ts',
      'const { clock, activePollMs } = this.#parts;',
      `const { clock, activePollMs } = this.#parts;
    if (this.#pendingMs > 0 && wokenBy === undefined) return undefined;`,
    ),
    edit(
      'core/wake-up.ts',
      'return untilMs !== undefined && untilMs > nowMs && untilMs <= nowMs + MINUTE_MS ? untilMs : undefined;',
      'return untilMs === undefined ? undefined : nowMs + MINUTE_MS;',
    ),
    'idle-polls',
  ),
  // -- Reports of ended tasks
  one(
    'the end of a task is reported in each tick that sees it',
    [6],
    edit('core/task-ends.ts', ' && !this.#reported.has(id)', ''),
  ),
  one(
    'the metrics of a new instance count every stopped task that ECS shows',
    [6],
    edit('core/task-ends.ts', 'nowMs - this.#windowMs)', 'nowMs - 10_000_000)'),
  ),
  one(
    'a new instance reports only the tasks that ended in the window of the metrics',
    [6],
    edit('core/task-ends.ts', 'stoppedAtMs > this.#forgottenMs &&', 'stoppedAtMs > this.#sinceMs &&'),
  ),
  one(
    'the tasks of a pool that has become idle are not read',
    [6],
    edit('observe.ts', 'active || deps.isExtra ?', 'active || deps.isExtra || pool !== undefined ?'),
  ),
  one(
    'every idle tick lists the stopped tasks',
    [5],
    edit('adapters/ecs/task-memory.ts', 'return !this.#listedSincePause.has(family) ||', 'return family.length > 0 ||'),
  ),
  ...GATEWAY_MUTANTS,
];

/** Maximum number of worlds for a mutant, for profiles whose worlds take seconds. */
const MOST_WORLDS: Partial<Record<ProfileName, number>> = { burst: 20 };

/** The profile and the number of worlds that try the mutant. @param worlds the number that the user asked for */
export function trialOf({ profile }: Mutant, worlds: number): { profile: ProfileName | 'all'; worlds: number } {
  if (profile === undefined) return { profile: 'all', worlds };
  return { profile, worlds: Math.min(worlds, MOST_WORLDS[profile] ?? worlds) };
}

const FUNCTIONS = fileURLToPath(new URL('../../functions', import.meta.url));
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Writes mutants to a temporary directory, each to its own folder. */
export class MutantFolder {
  readonly #root = mkdtempSync(join(tmpdir(), 'agent-launcher-mutants-'));
  readonly #source: string;
  #count = 0;

  constructor(functionName: 'launcher' | 'token-rotation' = 'launcher') {
    this.#source = join(FUNCTIONS, functionName);
    // Mutants import the same packages and connections as the simulation, and their files are ES modules.
    symlinkSync(NODE_MODULES, join(this.#root, 'node_modules'));
    symlinkSync(join(FUNCTIONS, 'connection'), join(this.#root, 'connection'));
    writeFileSync(join(this.#root, 'package.json'), '{ "type": "module" }\n');
  }

  /** Writes the mutant. @returns its folder, a changed copy of the function's folder */
  write({ name, edits }: Mutant | Pick<Mutant, 'name' | 'edits'>): string {
    this.#count += 1;
    const folder = join(this.#root, String(this.#count));
    mkdirSync(folder);
    cpSync(this.#source, folder, { recursive: true });
    for (const { file, find, replace } of edits) {
      const path = join(folder, file);
      const parts = readFileSync(path, 'utf8').split(find);
      if (parts.length !== 2) {
        throw new Error(
          `Mutant '${name}': in ${file}, the text to replace occurs ${parts.length - 1} times instead of once: ${find}`,
        );
      }
      writeFileSync(path, parts.join(replace));
    }
    return folder;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
