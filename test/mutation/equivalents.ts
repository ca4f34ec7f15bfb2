/** Mutants that no test can kill, because the mutated program does the same; each with the reason. */

export interface Equivalent {
  readonly file: string;
  /** The source line that holds the mutated code, without its indentation. A line that changes needs a new look. */
  readonly line: string;
  /** The mutated code and its replacement, as the run prints them. */
  readonly mutant: string;
  /** Why the program does the same. */
  readonly because: string;
}

/** Rows of `demand.ts` about statuses in which a run needs no agent. */
const WITHOUT_AN_AGENT: readonly (readonly [line: string, meaning: string])[] = [
  ["pending: 'platform',", 'platform'],
  ["fetching: 'platform',", 'platform'],
  ["fetching_completed: 'platform',", 'platform'],
  ["pre_plan_running: 'platform',", 'platform'],
  ["pre_plan_completed: 'platform',", 'platform'],
  ["pre_plan_awaiting_decision: 'person',", 'person'],
  ["queuing: 'platform',", 'platform'],
  ["planned: 'person',", 'person'],
  ["tf_policy_checked: 'platform',", 'platform'],
  ["tf_policy_override: 'person',", 'person'],
  ["post_plan_completed: 'person',", 'person'],
  ["post_plan_awaiting_decision: 'person',", 'person'],
  ["cost_estimating: 'platform',", 'platform'],
  ["cost_estimated: 'person',", 'person'],
  ["policy_override: 'person',", 'person'],
  ["policy_soft_failed: 'final',", 'final'],
  ["policy_checked: 'person',", 'person'],
  ["confirmed: 'platform',", 'platform'],
  ["pre_apply_running: 'platform',", 'platform'],
  ["pre_apply_completed: 'platform',", 'platform'],
  ["queuing_apply: 'platform',", 'platform'],
  ["post_apply_running: 'platform',", 'platform'],
  ["post_apply_completed: 'platform',", 'platform'],
  ["assessing: 'platform',", 'platform'],
  ["assessed: 'final',", 'final'],
  ["applied: 'final',", 'final'],
  ["planned_and_finished: 'final',", 'final'],
  ["planned_and_saved: 'person',", 'person'],
  ["errored: 'final',", 'final'],
  ["canceled: 'final',", 'final'],
  ["discarded: 'final',", 'final'],
  ["force_canceled: 'final',", 'final'],
];

export const EQUIVALENTS: readonly Equivalent[] = [
  {
    file: 'functions/launcher/core/supply.ts',
    line: 'const listed = seen.agents ?? [];',
    mutant: '[] → ["Stryker was here"]',
    because: 'The string has neither a name nor a status, so that it counts as no agent.',
  },
  {
    file: 'functions/launcher/core/supply.ts',
    line: 'const busyNames = new Set(seen.running.flatMap((job) => job.agentName ?? []));',
    mutant: '[] → ["Stryker was here"]',
    because: 'No task has that id.',
  },
  {
    file: 'functions/launcher/core/supply.ts',
    line: 'listedSinceStart: task.createdAtMs !== undefined && task.createdAtMs >= (seen.agentsSinceMs ?? 0) && lookedUp,',
    mutant: 'task.createdAtMs !== undefined → true',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/core/supply.ts',
    line: "const byHarm: readonly Agent['status'][] = ['exited', 'errored', 'unknown', 'idle', 'busy'];",
    mutant: '\'exited\' → ""',
    because: 'A status that is not in the list has the index -1, which still comes first.',
  },
  {
    file: 'functions/launcher/core/supply.ts',
    line: 'const overdue = task.createdAtMs !== undefined && nowMs - task.createdAtMs > startDeadlineMs;',
    mutant: 'task.createdAtMs !== undefined → true',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/core/supply.ts',
    line: "return endedMs !== undefined && nowMs - endedMs > LINGERS_AFTER_MS ? 'lingering' : 'leaving';",
    mutant: 'endedMs !== undefined → true',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/core/allowance.ts',
    line: '} else if (ceilingRoom !== undefined) {',
    mutant: 'ceilingRoom !== undefined → true',
    because: 'The bound that it adds is NaN, which is never the tightest.',
  },
  {
    file: 'functions/launcher/core/allowance.ts',
    line: 'const waiting = backOff.untilMs !== undefined && nowMs < backOff.untilMs;',
    mutant: 'backOff.untilMs !== undefined → true',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/core/other-launchers.ts',
    line: 'const names = [...atWork.map(({ name }) => name), ...running.flatMap(({ agentName }) => agentName ?? [])];',
    mutant: '[] → ["Stryker was here"]',
    because: 'It does not look like the id of an ECS task.',
  },
  {
    file: 'functions/launcher/core/under-ceiling.ts',
    line: '...member.seen.supply.live.flatMap(({ task, state }) => (holdsAgent(state) ? task.family : [])),',
    mutant: '[] → ["Stryker was here"]',
    because: 'No task definition has that name.',
  },
  {
    file: 'functions/launcher/core/standing.ts',
    line: 'new Set(live.flatMap(({ task, state }) => (states(state) ? task.startedBy : [])));',
    mutant: '[] → ["Stryker was here"]',
    because: 'No job has that key.',
  },
  {
    file: 'functions/launcher/core/standing.ts',
    line: "return /^(warm|sweep)\\//.test(startedBy ?? '');",
    mutant: '\'\' → "Stryker was here!"',
    because: 'Neither string begins like the key of a warm agent or a sweep.',
  },
  {
    file: 'functions/launcher/core/standing.ts',
    line: 'if (sweepMs !== undefined && nowMs % sweepMs < sweepWindowMs(sweepMs)) {',
    mutant: 'sweepMs !== undefined → true',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/core/standing.ts',
    line: 'if (sweepMs === undefined) return false;',
    mutant: 'sweepMs === undefined → false',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/core/standing.ts',
    line: "export function warmIdleMs(lanes: readonly Lane[], startedBy = ''): number | undefined {",
    mutant: '\'\' → "Stryker was here!"',
    because: 'Neither string begins like the key of a warm agent.',
  },
  {
    file: 'functions/launcher/core/standing.ts',
    line: 'return lane?.standing?.warm && lane.standing.warm.idleSeconds * 1000;',
    mutant: 'lane?.standing?.warm → lane?.standing.warm',
    because: 'Only a lane that has `standing` is found.',
  },
  {
    file: 'functions/launcher/core/demand.ts',
    line: 'queued.sort((a, b) => a.queuedAtMs - b.queuedAtMs || (a.key < b.key ? -1 : 1));',
    mutant: 'a.key < b.key → a.key <= b.key',
    because: 'No two jobs have one key.',
  },
  {
    file: 'functions/launcher/core/demand.ts',
    line: 'waiting.sort((a, b) => a.sinceMs - b.sinceMs || (a.runId < b.runId ? -1 : 1));',
    mutant: 'a.runId < b.runId → a.runId <= b.runId',
    because: 'No two runs have one id.',
  },
  {
    file: 'functions/launcher/core/reconcile.ts',
    line: 'if (job.once) return { job, lane, attempt: 1, reason: job.reason };',
    mutant: 'job.once → false',
    because: 'A sweep that had an attempt is not launched again, so that the next attempt is the first.',
  },
  {
    file: 'functions/launcher/core/starts.ts',
    line: "const by = STOP_CODES.get(task.stopCode ?? '');",
    mutant: '\'\' → "Stryker was here!"',
    because: 'Neither is a stop code.',
  },
  {
    file: 'functions/launcher/core/starts.ts',
    line: "if (task.stopCode === 'UserInitiated' && task.stoppedReason?.includes(AGENT_LEFT) !== true) return 'failed';",
    mutant: 'task.stoppedReason?.includes → task.stoppedReason.includes',
    because: 'A stop without a reason is a person’s, and has been dealt with above.',
  },
  {
    file: 'functions/launcher/core/starts.ts',
    line: 'start === kind && task.createdAtMs !== undefined && task.createdAtMs > sinceMs',
    mutant: 'task.createdAtMs !== undefined → true',
    because: 'A comparison with undefined is false as well.',
  },
  {
    file: 'functions/launcher/adapters/ecs/refusals.ts',
    line: "const words = detail.replace(/\\barn:[^\\s'\"]+/g, 'ARN');",
    mutant: '\'ARN\' → ""',
    because: 'No row looks for what stands where an ARN was.',
  },
  {
    file: 'functions/launcher/adapters/ecs/client.ts',
    line: "const same = await this.#runTask(onDemandInstead(onSpot, 'same'), signal);",
    mutant: '\'same\' → ""',
    because: 'Only the other value, `own`, is looked for.',
  },
  {
    file: 'functions/launcher/adapters/ecs/answers.ts',
    line: "return taskDefinitionArn.replace(/^.*:task-definition\\//, '').replace(/:\\d+$/, '');",
    mutant: '/^.*:task-definition\\// → /.*:task-definition\\//',
    because: 'The first match begins at the beginning anyway.',
  },
  {
    file: 'functions/launcher/adapters/ecs/answers.ts',
    line: "return taskDefinitionArn.replace(/^.*:task-definition\\//, '').replace(/:\\d+$/, '');",
    mutant: '/:\\d+$/ → /:\\d+/',
    because: 'The schema allows one colon after the family.',
  },
  {
    file: 'functions/launcher/core/lanes.ts',
    line: "return capacity === 'spot' && newest !== undefined && startCauseOf(newest.detail).cause === 'capacity';",
    mutant: "capacity === 'spot' → true",
    because: 'A lane that is on demand already becomes a copy of itself; lanes are compared by their task definition.',
  },
  {
    file: 'functions/launcher/core/out-of-memory.ts',
    line: "function signOf({ containerReason = '', exitCode, stopCode }: Task): OutOfMemory['sign'] | undefined {",
    mutant: '\'\' → "Stryker was here!"',
    because: 'Neither string contains OutOfMemory, the only thing that is looked for.',
  },
  {
    file: 'lib/launcher/monitoring.ts',
    line: "widgets.push(new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 3 }));",
    mutant: '\'Alarms\' → ""',
    because: 'The CDK gives a widget without a title the same one.',
  },
  ...WITHOUT_AN_AGENT.map(([line, meaning]) => ({
    file: 'functions/launcher/core/demand.ts',
    line,
    mutant: `'${meaning}' → ""`,
    because: 'The launcher only acts on the other meanings; this one tells the reader whose turn it is.',
  })),
  ...['EssentialContainerExited', 'TaskFailedToStart'].map((code) => ({
    file: 'functions/launcher/core/starts.ts',
    line: `['${code}', 'task'],`,
    mutant: `'task' → ""`,
    because: 'Only `others` and `caller` are looked for.',
  })),
  {
    file: 'lib/aws/ecr-image.ts',
    line: "const [, host = '', account = '', region = '', domain = '', dualStack, repository = ''] = match;",
    mutant: '\'\' → "Stryker was here!"',
    because: 'These groups are in every match.',
  },
  {
    file: 'lib/network/domain-name.ts',
    line: "if (/^\\d+$/.test(labels.at(-1) ?? '')) return refuse('it is an IP address', 'use the hostname');",
    mutant: '\'\' → "Stryker was here!"',
    because: 'A name without labels was refused above.',
  },
  {
    file: 'lib/network/allowed-domains.ts',
    line: "const [first = '', ...rest] = image.split('/');",
    mutant: '\'\' → "Stryker was here!"',
    because: '`split` always returns a first part.',
  },
  ...['times.filter((at) => at !== undefined) → times', 'at !== undefined → true'].map((mutant) => ({
    file: 'functions/launcher/adapters/ecs/answers.ts',
    line: 'return times.filter((at) => at !== undefined).toSorted((a, b) => a - b)[0];',
    mutant,
    because: '`toSorted` puts `undefined` last without asking the comparison.',
  })),
  {
    file: 'functions/launcher/adapters/ecs/answers.ts',
    line: 'taskArn: z.string().regex(/^arn:[^:]+:ecs:[^:]*:\\d*:task\\/.+/),',
    mutant: '/^arn:[^:]+:ecs:[^:]*:\\d*:task\\/.+/ → /^arn:[^:]+:ecs:[^:]*:\\d*:task\\/./',
    because: 'Without an end, one character of the id matches as well as all of them.',
  },
];
