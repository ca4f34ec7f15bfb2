/** Settles each statement by the evidence. Pure. */
import { demandOf } from '../../functions/launcher/core/demand.ts';
import { LEFT_IDLE_EXIT_CODE } from '../../functions/launcher/core/types.ts';
import {
  DEAD_AGENT_SHOWN_MS,
  DEPROVISIONED_AFTER_MS,
  USUAL_READ_LAG_MS,
} from '../../functions/launcher/core/vendor-timing.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import type { Evidence, ObservedTask } from './evidence.ts';
import { confirmed, type Finding, notSettled, refuted, secondsBetween, settled } from './finding.ts';
import { GATEWAY_CHECKS } from './gateway-checks.ts';

export type CheckId = keyof typeof CHECKS;

/** ECS's statuses of tasks: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
const TASK_STATUSES = [
  'PROVISIONING',
  'PENDING',
  'ACTIVATING',
  'RUNNING',
  'DEACTIVATING',
  'STOPPING',
  'DEPROVISIONING',
  'STOPPED',
  'DELETED',
];
const AGENT_STATUSES = ['idle', 'busy', 'unknown', 'errored', 'exited'];

/** The phases of a task's start, in order. */
export const START_PHASES = [
  ['provisioning', 'createdAt', 'pullStartedAt'],
  ['image pull', 'pullStartedAt', 'pullStoppedAt'],
  ['boot', 'pullStoppedAt', 'startedAt'],
  ['total', 'createdAt', 'startedAt'],
] as const satisfies readonly (readonly [string, keyof ObservedTask, keyof ObservedTask])[];

/** The seconds of this phase, one for each task that has both times, shortest first. */
export function phaseSeconds(
  { tasks }: Pick<Evidence, 'tasks'>,
  from: keyof ObservedTask,
  to: keyof ObservedTask,
): number[] {
  const seconds = tasks.map((task) => secondsBetween(text(task[from]), text(task[to])));
  return seconds.filter((value) => value !== undefined).sort((a, b) => a - b);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The task whose agent ran this job. An agent is named after its task. */
function taskOf({ tasks }: Evidence, agent: string | undefined): ObservedTask | undefined {
  return tasks.find(({ id }) => id === agent);
}

/** Tasks whose agent got no job of a run. */
function withoutJob({ tasks, runs, interrupted }: Evidence): ObservedTask[] {
  const agents = new Set(runs.flatMap(({ planAgent, applyAgent }) => [planAgent, applyAgent]));
  return tasks.filter(({ id, stoppedAt }) => stoppedAt !== undefined && !agents.has(id) && id !== interrupted?.task);
}

const range = (seconds: readonly number[]): string =>
  seconds.length === 0
    ? 'none'
    : `${seconds[0]?.toFixed(1)} to ${seconds.at(-1)?.toFixed(1)} s, ${seconds.length} tasks`;

export const CHECKS = {
  ...GATEWAY_CHECKS,

  deployment: ({ deployment, left, removed, mode }: Evidence): Finding => {
    if (mode === 'local') return notSettled('a local system is not deployed');
    if (mode === 'deployed') return notSettled('the stack was deployed before');
    if (deployment === undefined) return refuted('the deployment failed');
    const facts = [
      `deployed ${deployment.resources ?? 'an unknown number of'} resources in ${Math.round(deployment.seconds)} s`,
    ];
    return settled(
      left.length === 0,
      ...facts,
      `removed ${removed.length} things`,
      ...left.map((what) => `left: ${what}`),
    );
  },

  'start-phases': (evidence: Evidence): Finding => {
    const facts = START_PHASES.map(([name, from, to]) => `${name}: ${range(phaseSeconds(evidence, from, to))}`);
    const total = phaseSeconds(evidence, 'createdAt', 'startedAt');
    if (total.length === 0 || evidence.mode === 'local') return notSettled(...facts);
    const median = total[Math.floor(total.length / 2)] ?? 0;
    return settled(median >= 20 && median <= 60, ...facts);
  },

  'image-pull': ({ tasks, mode }: Evidence): Finding => {
    if (mode === 'local') return notSettled('a local system copies no image');
    const pulled = tasks.filter(({ imageDigest }) => imageDigest !== undefined);
    if (pulled.length === 0) return notSettled('ECS showed no digest');
    const digests = [...new Set(pulled.map(({ image, imageDigest }) => `${image} with the digest ${imageDigest}`))];
    const byDigest = pulled.every(
      ({ image = '', imageDigest = '' }) => image.includes('@') && image.endsWith(imageDigest),
    );
    return settled(byDigest && digests.length === 1, ...digests);
  },

  'exit-codes': (evidence: Evidence): Finding => {
    const { runs } = evidence;
    const codesOf = (pick: (run: (typeof runs)[number]) => (string | undefined)[]): (number | undefined)[] =>
      runs.flatMap(pick).flatMap((agent) => {
        const task = taskOf(evidence, agent);
        return task?.stoppedAt === undefined ? [] : [task.exitCode];
      });
    const worked = codesOf(({ wanted, status, planAgent, applyAgent }) =>
      wanted === 'plan and apply' && status === 'applied'
        ? [planAgent, applyAgent]
        : wanted === 'plan only'
          ? [planAgent]
          : [],
    );
    const failed = codesOf(({ wanted, applyAgent }) => (wanted === 'failing apply' ? [applyAgent] : []));
    const idle = withoutJob(evidence).map(({ exitCode }) => exitCode);
    const facts = [
      `after a successful job: ${listed(worked)}`,
      `after a failed apply: ${listed(failed)}`,
      `without a job: ${listed(idle)}`,
    ];
    if (worked.length === 0 || idle.length === 0) return notSettled(...facts);
    return settled(worked.every((code) => code === 0) && idle.every((code) => code === LEFT_IDLE_EXIT_CODE), ...facts);
  },

  statuses: ({ runs, tasks, agents }: Evidence): Finding => {
    const ofRuns = distinct(runs.flatMap(({ statuses }) => statuses));
    const ofTasks = distinct(tasks.flatMap(({ statuses }) => statuses));
    const ofAgents = distinct(Object.values(agents).flatMap(({ statuses }) => statuses));
    const facts = [`runs: ${ofRuns.join(', ')}`, `tasks: ${ofTasks.join(', ')}`, `agents: ${ofAgents.join(', ')}`];
    if (ofRuns.length === 0 || ofTasks.length === 0) return notSettled(...facts);
    const unknown = [
      ...demandOf(ofRuns.map((status) => ({ id: status, workspaceId: '', status, createdAtMs: 0 }))).unknownStatuses,
      ...ofTasks.filter((status) => !TASK_STATUSES.includes(status)),
      ...ofAgents.filter((status) => !AGENT_STATUSES.includes(status)),
    ];
    return unknown.length === 0 ? confirmed(...facts) : refuted(`unknown: ${unknown.join(', ')}`, ...facts);
  },

  'accepted-jobs': (evidence: Evidence): Finding => {
    const jobs = evidence.runs.flatMap(({ id, planAgent, applyAgent }) => [
      ...(planAgent === undefined ? [] : [{ job: `${id}/plan`, phase: 'plan', task: taskOf(evidence, planAgent) }]),
      ...(applyAgent === undefined ? [] : [{ job: `${id}/apply`, phase: 'apply', task: taskOf(evidence, applyAgent) }]),
    ]);
    const split = jobs.filter(({ task }) => task !== undefined && /_(plan|apply)_/.test(task.family));
    if (split.length === 0) return notSettled('no job ran in a pool with phases');
    const wrong = split.filter(({ phase, task }) => !task?.family.includes(`_${phase}_`));
    const facts = wrong.map(({ job, task }) => `${job} ran in ${task?.family}`);
    return wrong.length === 0 ? confirmed(`${split.length} jobs, each in a task for its phase`) : refuted(...facts);
  },

  permissions: ({ permissions }: Evidence): Finding => {
    if (permissions.length === 0) return notSettled('the organization has no teams, or the token may not manage them');
    const facts = permissions.map(
      ({ team, requests }) =>
        `${team}: ${Object.entries(requests)
          .map(([what, status]) => `${what} ${status}`)
          .join(', ')}`,
    );
    const [least] = permissions;
    return settled((least?.requests['list agents'] ?? 0) >= 400, ...facts);
  },

  architecture: ({ tasks, mode }: Evidence): Finding => {
    if (tasks.length === 0 || mode === 'local') return notSettled('no task ran on Fargate');
    const shown = distinct(tasks.map(({ architecture = 'none' }) => architecture));
    return settled(
      shown.every((one) => one === 'x86_64' || one === 'arm64'),
      `attributes: ${shown.join(', ')}`,
    );
  },

  'read-lag': ({ tasks }: Evidence): Finding => {
    const seconds = tasks.map(({ createdAt, firstListedAt }) => secondsBetween(createdAt, firstListedAt));
    const known = seconds.filter((value) => value !== undefined).sort((a, b) => a - b);
    if (known.length === 0) return notSettled('no task was started');
    return settled((known.at(-1) ?? 0) * 1000 <= USUAL_READ_LAG_MS, `from created to listed: ${range(known)}`);
  },

  deprovisioning: (evidence: Evidence): Finding => {
    const seconds = phaseSeconds(evidence, 'executionStoppedAt', 'stoppedAt');
    if (seconds.length === 0) return notSettled('ECS showed no end of a container');
    return settled(
      (seconds.at(-1) ?? 0) * 1000 <= DEPROVISIONED_AFTER_MS,
      `from the container’s end to STOPPED: ${range(seconds)}`,
    );
  },

  interruption: ({ runs, interrupted, tasks }: Evidence): Finding => {
    const run = runs.find(({ id }) => id === interrupted?.run);
    if (run === undefined || interrupted === undefined) return notSettled('no task was interrupted');
    const task = tasks.find(({ id }) => id === interrupted.task);
    const facts = [`exit code ${task?.exitCode ?? 'unknown'}`, `the run became ${run.status}`];
    const shown = secondsBetween(task?.executionStoppedAt, run.endedAt);
    if (run.status === 'applied') return notSettled('the job ended before the task did', ...facts);
    if (run.endedAt === undefined || shown === undefined)
      return notSettled('the run had not ended when the lab did', ...facts);
    return settled(
      shown * 1000 <= DEAD_AGENT_SHOWN_MS + 30_000,
      ...facts,
      `${Math.round(shown)} s after the container had ended`,
    );
  },

  'post-plan': ({ runs }: Evidence): Finding => {
    const stays = runs.flatMap(({ id, timestamps }) => {
      const from = timestamps['post-plan-running-at'] ?? timestamps['policy-checking-at'];
      const to = timestamps['post-plan-completed-at'] ?? timestamps['policy-checked-at'];
      const seconds = secondsBetween(from, to);
      return seconds === undefined ? [] : [{ id, seconds }];
    });
    if (stays.length === 0)
      return notSettled('no run had run tasks or policy checks; configure one in the organization');
    return settled(
      stays.every(({ seconds }) => seconds < 120),
      ...stays.map(({ id, seconds }) => `${id}: ${seconds} s`),
    );
  },

  'release-files': ({ published: { releaseBuilds, signingKeys } }: Evidence): Finding => {
    if (releaseBuilds === undefined || signingKeys === undefined)
      return notSettled('HashiCorp’s hosts could not be asked');
    return settled(
      releaseBuilds.includes('linux_arm64') && signingKeys === 1,
      `builds: ${releaseBuilds.join(', ')}`,
      `keys: ${signingKeys}`,
    );
  },

  'ecr-public': ({ published: { ecrPublicStatus: status } }: Evidence): Finding =>
    status === undefined
      ? notSettled('ECR Public could not be asked')
      : settled(status === 404, `ECR Public answered ${status}`),

  'eu-archivist': ({ published: { euArchivistResolves: resolves } }: Evidence): Finding =>
    resolves === undefined
      ? notSettled('no name server answered')
      : settled(resolves, `archivist.eu.terraform.io ${resolves ? 'has an address' : 'does not exist'}`),

  prices: ({ published: { prices } }: Evidence): Finding => {
    if (prices === undefined) return notSettled('AWS’s price lists could not be read');
    const names = Object.keys(PRICES).filter((name) => prices[name] !== undefined) as (keyof typeof PRICES)[];
    const wrong = names.filter((name) => prices[name] !== PRICES[name].usd);
    const facts = names.map(
      (name) => `${name}: $${prices[name]}${wrong.includes(name) ? `, not $${PRICES[name].usd}` : ''}`,
    );
    return names.length === 0
      ? notSettled('the lists contain none of these prices')
      : settled(wrong.length === 0, ...facts);
  },
} as const;

function listed(codes: readonly (number | undefined)[]): string {
  return codes.length === 0 ? 'not seen' : distinct(codes.map((code) => String(code ?? 'no code'))).join(', ');
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
