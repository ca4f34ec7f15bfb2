/**
 * The proof itself: deploy, run plan and apply in three workspaces, observe, remove everything, report.
 *
 * The lab only creates things whose names begin with `agent-launcher-live-`, and only removes what it created. In the local mode, a running
 * system of emulators replaces the deployment.
 */
import type { Task } from '@aws-sdk/client-ecs';
import { type Deployment, readDeployment } from '../../cli/aws/deployment.ts';
import type { LabAws } from './aws.ts';
import type { Cleanup } from './cleanup.ts';
import type { Evidence, ObservedRun, ObservedTask } from './evidence.ts';
import type { LabHcpTerraform } from './hcp-terraform.ts';

/** How often the lab looks at runs, tasks and agents. HCP Terraform allows 30 requests per second, and single runs aren't run lists. */
const LOOK_EVERY_MS = 1_000;

/** Statuses in which nothing more happens to a run. */
const FINAL = [
  'applied',
  'planned_and_finished',
  'errored',
  'canceled',
  'discarded',
  'force_canceled',
  'policy_soft_failed',
];

/** A configuration that needs no provider. */
export const SMALL = 'resource "terraform_data" "proof" {\n  input = "live"\n}\n';
const withCommand = (command: string): string =>
  `resource "terraform_data" "proof" {\n  input = "live"\n  provisioner "local-exec" {\n    command = "${command}"\n  }\n}\n`;

export interface Timing {
  /** How long the interrupted apply sleeps. In a real task, it must sleep longer than Fargate's stop timeout of 120 s. */
  readonly sleepSeconds: number;
  /** How long the agent without a job waits. */
  readonly idleSeconds: number;
  /** When the lab gives up waiting for runs and tasks. */
  readonly patienceMs: number;
}

export const LIVE_TIMING: Timing = { sleepSeconds: 300, idleSeconds: 60, patienceMs: 25 * 60_000 };

export interface LabTarget {
  readonly poolId: string;
  readonly poolName: string;
  readonly stackName: string;
}

export interface LabDeps {
  readonly aws: LabAws;
  readonly hcpTerraform: LabHcpTerraform;
  readonly cleanup: Cleanup;
  /** Unique part of every name. */
  readonly id: string;
  readonly timing: Timing;
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

const PLAN_ONLY: readonly ObservedRun['wanted'][] = ['plan only', 'refused connection'];

const iso = (ms: number): string => new Date(ms).toISOString();

/** Observes runs and tasks until all of them have ended. It adds to the evidence, so that an interrupted lab can report what it saw. */
export class Observation {
  readonly #deps: LabDeps;
  readonly #evidence: Evidence;
  readonly #deployment: Deployment;
  readonly #poolId: string;
  readonly #alsoLook: () => Promise<void>;
  readonly #before = new Set<string>();

  /** @param alsoLook called with every look */
  constructor(
    deps: LabDeps,
    evidence: Evidence,
    deployment: Deployment,
    poolId: string,
    alsoLook: () => Promise<void> = async () => {},
  ) {
    this.#deps = deps;
    this.#evidence = evidence;
    this.#deployment = deployment;
    this.#poolId = poolId;
    this.#alsoLook = alsoLook;
  }

  /** Ignores the tasks that exist already. */
  async begin(): Promise<void> {
    for (const task of await this.#deps.aws.tasks(this.#deployment.name)) this.#before.add(idOf(task));
  }

  async queue(workspace: string, wanted: ObservedRun['wanted'], configuration: string): Promise<ObservedRun> {
    const { hcpTerraform, cleanup, id, note } = this.#deps;
    const name = `agent-launcher-live-${id}-${workspace}`;
    const workspaceId = await hcpTerraform.createWorkspace(name, this.#poolId);
    cleanup.add({
      kind: 'workspace',
      id: workspaceId,
      byHand: `the settings of the workspace ${name} in HCP Terraform, "Destruction and Deletion"`,
    });
    const runId = await hcpTerraform.queueRun(workspaceId, configuration, PLAN_ONLY.includes(wanted));
    note(`${name}: ${wanted}, ${runId}`);
    const run: ObservedRun = {
      id: runId,
      workspace: name,
      wanted,
      status: '',
      createdAt: '',
      statuses: [],
      timestamps: {},
    };
    this.#evidence.runs.push(run);
    return run;
  }

  /** Looks once a second until `done`, or until the time is up. @returns whether it was done */
  async until(done: () => boolean): Promise<boolean> {
    const { now, sleep, signal, timing } = this.#deps;
    const untilMs = now() + timing.patienceMs;
    while (now() < untilMs) {
      await this.#look();
      if (done()) return true;
      await sleep(LOOK_EVERY_MS, signal);
    }
    return false;
  }

  async #look(): Promise<void> {
    const { signal, aws, hcpTerraform, now } = this.#deps;
    signal.throwIfAborted();
    const [tasks, agents] = await Promise.all([
      aws.tasks(this.#deployment.name),
      hcpTerraform.agents(this.#poolId),
      this.#alsoLook(),
      ...this.#evidence.runs.map((run) => this.#lookAt(run)),
    ]);
    for (const task of tasks) if (!this.#before.has(idOf(task))) this.#saw(task);
    const own = new Set(this.#evidence.tasks.map(({ id }) => id));
    for (const { name, status, version } of agents) {
      if (!own.has(name)) continue;
      const seen = this.#evidence.agents[name] ?? { statuses: [] };
      if (!seen.statuses.includes(status)) seen.statuses.push(status);
      this.#evidence.agents[name] = { ...seen, ...(version !== undefined && { version }) };
      if (version !== undefined) this.#evidence.agentVersion ??= version;
    }
    this.#evidence.endedAt = iso(now());
  }

  async #lookAt(run: ObservedRun): Promise<void> {
    if (run.endedAt !== undefined) return;
    const seen = await this.#deps.hcpTerraform.run(run.id);
    if (run.statuses.at(-1) !== seen.status) run.statuses.push(seen.status);
    Object.assign(run, seen);
    if (FINAL.includes(seen.status)) run.endedAt = iso(this.#deps.now());
  }

  #saw(task: Task): void {
    const id = idOf(task);
    const known = this.#evidence.tasks.find((one) => one.id === id);
    const seen = observed(task, known, iso(this.#deps.now()));
    if (known === undefined) this.#evidence.tasks.push(seen);
    else Object.assign(known, seen);
  }
}

function idOf({ taskArn = '' }: Task): string {
  return taskArn.slice(taskArn.lastIndexOf('/') + 1);
}

/** The task as ECS shows it now. Members that ECS no longer shows keep their last value. */
function observed(task: Task, known: ObservedTask | undefined, now: string): ObservedTask {
  const { taskDefinitionArn = '', startedBy, lastStatus = '', stopCode, stoppedReason, containers } = task;
  const agent = containers?.find(({ name }) => name === 'agent');
  const architecture = task.attributes?.find(({ name }) => name === 'ecs.cpu-architecture')?.value;
  const time = (
    name:
      | 'createdAt'
      | 'pullStartedAt'
      | 'pullStoppedAt'
      | 'startedAt'
      | 'stoppingAt'
      | 'executionStoppedAt'
      | 'stoppedAt',
  ) => (task[name] === undefined ? {} : { [name]: task[name].toISOString() });
  const statuses = known?.statuses ?? [];
  return {
    ...known,
    id: idOf(task),
    family: taskDefinitionArn.slice(taskDefinitionArn.lastIndexOf('/') + 1).replace(/:\d+$/, ''),
    ...(startedBy !== undefined && { startedBy }),
    ...time('createdAt'),
    ...time('pullStartedAt'),
    ...time('pullStoppedAt'),
    ...time('startedAt'),
    ...time('stoppingAt'),
    ...time('executionStoppedAt'),
    ...time('stoppedAt'),
    ...(agent?.exitCode !== undefined && { exitCode: agent.exitCode }),
    ...(stopCode !== undefined && { stopCode }),
    ...(stoppedReason !== undefined && { stoppedReason }),
    ...(agent?.image !== undefined && { image: agent.image }),
    ...(agent?.imageDigest !== undefined && { imageDigest: agent.imageDigest }),
    ...(architecture !== undefined && { architecture }),
    cpu: Number(task.cpu ?? 0),
    memoryMiB: Number(task.memory ?? 0),
    firstListedAt: known?.firstListedAt ?? now,
    statuses: statuses.at(-1) === lastStatus ? statuses : [...statuses, lastStatus],
  };
}

/** Runs everything in the deployed system. Adds to the evidence. */
export async function prove(target: LabTarget, evidence: Evidence, deps: LabDeps): Promise<void> {
  const { aws, note, timing, now } = deps;
  const deployment = await readDeployment(aws.aws, { stack: target.stackName });
  const fromMs = now();
  const observation = new Observation(deps, evidence, deployment, target.poolId);
  await observation.begin();
  const lanes = deployment.pools.find(({ name }) => name === target.poolName)?.lanes ?? [];
  const planFamily = lanes.find(({ phases = ['plan'] }) => phases.includes('plan'))?.taskDefinition;

  await observation.queue('one', 'plan and apply', SMALL);
  await observation.queue('two', 'failing apply', withCommand('exit 1'));
  const slow = await observation.queue('three', 'interrupted apply', withCommand(`sleep ${timing.sleepSeconds}`));
  await observation.until(() => slow.status === 'applying' && slow.applyAgent !== undefined);
  if (slow.applyAgent === undefined) throw new Error(`the apply of ${slow.id} did not start; it is ${slow.status}`);
  note(`interrupting the task of the agent ${slow.applyAgent}`);
  await aws.stopTask(deployment.name, slow.applyAgent);
  evidence.interrupted = { task: slow.applyAgent, run: slow.id, at: iso(now()) };

  const runsEnded = (): boolean => evidence.runs.every(({ endedAt }) => endedAt !== undefined);
  // An agent that is started now could take a queued job, so it starts when every other run has ended.
  const others = (): boolean => evidence.runs.every(({ id, endedAt }) => id === slow.id || endedAt !== undefined);
  if (!(await observation.until(others))) throw new Error('the runs did not end in time');
  const idle = planFamily === undefined ? '' : await aws.startAgent(deployment, planFamily, timing.idleSeconds);
  if (idle !== '') note(`started an agent without a job: ${idle}`);
  const tasksStopped = (): boolean =>
    evidence.tasks.some(({ id }) => id === idle) && evidence.tasks.every(({ stoppedAt }) => stoppedAt !== undefined);
  if (!(await observation.until(() => runsEnded() && tasksStopped())))
    note('some runs or tasks have not ended in time');
  evidence.logs = await aws.agentLogs(deployment.agentLogGroups.values(), fromMs);
}

/** The organization permissions of the teams that the lab tries, weakest first. */
const TEAMS: readonly (readonly [string, Readonly<Record<string, boolean>>])[] = [
  ['View all workspaces', { 'read-workspaces': true }],
  ['View all workspaces and Manage agent pools', { 'read-workspaces': true, 'manage-agent-pools': true }],
];

/**
 * What teams with few permissions may do. Nothing is recorded if the organization has no teams.
 *
 * @returns the token of the last team, which may do what the launcher needs
 */
export async function tryPermissions(
  target: LabTarget,
  evidence: Evidence,
  deps: LabDeps,
): Promise<string | undefined> {
  const { hcpTerraform, cleanup, id, note } = deps;
  let token: string | undefined;
  for (const [index, [team, access]] of TEAMS.entries()) {
    try {
      const teamId = await hcpTerraform.createTeam(`agent-launcher-live-${id}-${index}`, access);
      cleanup.add({
        kind: 'team',
        id: teamId,
        byHand: `the settings of the organization, "Teams", agent-launcher-live-${id}-${index}`,
      });
      token = await hcpTerraform.createTeamToken(teamId);
      evidence.permissions.push({
        team,
        requests: await hcpTerraform.permissionsOf(token, target.poolId, target.poolName),
      });
    } catch (error) {
      note(
        `the permissions of a team can't be tried: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
      );
      return undefined;
    }
  }
  return token;
}
