/**
 * HCP Terraform in virtual time: the rules of the local platform (`local/hcp-terraform`), plus what only a simulation needs. It moves each
 * run through the statuses that the scenario drew, lets agents fall silent, and knows which jobs wait in which pool.
 */
import {
  type AgentStatusName,
  endAgent,
  finishJob,
  registerAgent,
  sweepAgents,
  takeJob,
} from '../../local/hcp-terraform/agents.ts';
import { drawIdsFrom, drawRandomIds } from '../../local/hcp-terraform/ids.ts';
import { ApiFailure, type Query } from '../../local/hcp-terraform/json-api.ts';
import { type Platform, runChanged } from '../../local/hcp-terraform/platform.ts';
import { createRun, workingRun } from '../../local/hcp-terraform/queue.ts';
import {
  awaitsDecision,
  cancel,
  confirm,
  discard,
  isFinal,
  type Operation,
  pass,
  queueApply,
  queuePlan,
  runRequest,
  skipsWorkspaceQueue,
} from '../../local/hcp-terraform/runs.ts';
import {
  type AgentToken,
  addOrganization,
  enqueueInternalJob,
  newPool,
  newSeeds,
  type Workspace,
  World,
  type WorldEvent,
} from '../../local/hcp-terraform/world.ts';
import { type ApiDocument, HcpApi } from './hcp-api.ts';
import { Jobs } from './hcp-jobs.ts';
import { Agent, type Job, Run } from './hcp-records.ts';
import type { Random } from './random.ts';
import type { JobKind, RunCreated, Stage, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

/** After this time without a ping, an agent is *unknown*. Five minutes later, the agent and its job are *errored*. */
const UNKNOWN_AFTER_MS = 60_000;
const ERRORED_AFTER_MS = 5 * 60_000;

/** Maximum age of a live agent's last ping. Agents ping every 30 s. */
const PING_AGE_MS = 15_000;

/** Agents that ask within this time of each other compete for the same job, so one of them can get no job. */
const RACE_MS = 400;

/** How long an unlisted job waits for an agent. HCP Terraform doesn't document what happens to it afterwards. */
const HIDDEN_PATIENCE_MS = 10 * 60_000;

/** The types of unlisted jobs. */
const HIDDEN = ['policy', 'assessment', 'test'] as const;

/** The user that creates runs. */
const BY_API = { userId: '', source: 'tfe-api' };

/** A configuration for which the platform doesn't queue a plan itself, because {@link HcpWorld} decides when a run begins. */
const CONFIGURATION = {
  createdAt: 0,
  createdById: '',
  autoQueueRuns: false,
  speculative: false,
  provisional: false,
};

export interface HcpEvents {
  /** An agent took a listed job. */
  readonly started: (job: Job, agent: Agent) => void;
  /** An agent became idle. */
  readonly waits: (agent: Agent) => void;
  readonly waitsNoMore: (agent: Agent) => void;
  readonly trace: ((what: string) => void) | undefined;
}

/** The true state of HCP Terraform: runs, agents, and the jobs of agent pools. `hcp-http.ts` decides how much of it a response shows. */
export class HcpWorld {
  readonly #time: VirtualTime;
  readonly #settings: WorldSettings;
  readonly #random: Random;
  readonly #events: HcpEvents;
  readonly #platform: Platform;
  readonly #api: HcpApi;
  readonly #jobs: Jobs;
  readonly #tokens = new Map<string, AgentToken>();
  readonly #workspaces = new Map<string, Workspace>();
  readonly #byEvent = new Map<number, Run>();
  readonly #runs = new Map<string, Run>();
  readonly #open = new Set<Run>();
  readonly #agents = new Map<string, Agent[]>();
  readonly #byAgentId = new Map<string, Agent>();
  /** Agents whose pings reach HCP Terraform. */
  readonly #speaking = new Set<Agent>();
  readonly #dequeuedAtMs = new Map<string, number>();
  /** HashiCorp doesn't document how unlisted jobs rank among others. */
  readonly #ranks = new Map<string, number>();

  constructor(time: VirtualTime, settings: WorldSettings, random: Random, events: HcpEvents) {
    this.#time = time;
    this.#settings = settings;
    this.#random = random;
    this.#events = events;
    this.#jobs = new Jobs(time.now);
    let ids = 0;
    drawIdsFrom((length) => {
      ids += 1;
      return String(ids).padStart(length, '0');
    });
    const now = (): number => time.now() + settings.hcpSkewMs;
    this.#platform = {
      world: new World(newSeeds('nobody', 'of-nobody'), now()),
      settings: {
        agentPollMs: 30_000,
        agentUnknownAfterMs: UNKNOWN_AFTER_MS,
        agentErroredAfterMs: ERRORED_AFTER_MS,
        ...(settings.agentsCeiling !== undefined && { agentsCeiling: settings.agentsCeiling }),
        jobOrder: settings.dequeueOrder,
        ...(settings.dequeueOrder === 'applies-first' && { internalRank: ({ id }) => this.#rankOf(id) }),
        forceCancelCoolOffMs: 0,
        terraformVersion: '1.11.4',
      },
      now,
      emit: (event) => this.#changed(event),
    };
    this.#api = new HcpApi(this.#platform);
    for (const pool of settings.pools) this.#addPool(pool);
  }

  #rankOf(unlistedJob: string): number {
    const rank = this.#ranks.get(unlistedJob) ?? this.#random.whole(0, 2);
    this.#ranks.set(unlistedJob, rank);
    return rank;
  }

  /** Ends this world. Ids are random again. */
  close(): void {
    drawRandomIds();
  }

  #addPool({ id, name, organization }: WorldSettings['pools'][number]): void {
    const { world, now } = this.#platform;
    if (!world.organizations.has(organization)) addOrganization(world, organization, now());
    world.pools.set(id, newPool(id, organization, name, now()));
    this.#tokens.set(name, { id: `at-${id}`, poolId: id, description: '', createdAt: 0, createdById: '', secret: '' });
    this.#agents.set(name, []);
  }

  /** Runs that can have a queued or running job, oldest first. */
  get openRuns(): ReadonlySet<Run> {
    return this.#open;
  }

  /** Oldest first. */
  get runs(): IterableIterator<Run> {
    return this.#runs.values();
  }

  run(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** Whether every run has ended. */
  get allFinal(): boolean {
    for (const { of } of this.#runs.values()) if (!isFinal(of)) return false;
    return true;
  }

  queue(pool: string): readonly Job[] {
    return this.#jobs.queue(pool);
  }

  activeJobs(pool: string): number {
    return this.#jobs.active(pool);
  }

  /** Queued jobs that evaluate policy sets. Their runs wait for them. */
  policyJobs(pool: string): (Job & { readonly policiesOf: Run })[] {
    return this.queue(pool).filter((job): job is Job & { readonly policiesOf: Run } => job.policiesOf !== undefined);
  }

  /** Queued jobs that appear in lists of runs. */
  queuedJobs(pool: string): Job[] {
    return this.queue(pool).filter(({ run }) => run !== undefined);
  }

  agents(pool: string): readonly Agent[] {
    return this.#agents.get(pool) ?? [];
  }

  // -- The API

  /** The API's response to a request with this secret's token. @throws ApiFailure */
  get(path: string, query: Query, secret: string): ApiDocument {
    this.#ping();
    return this.#api.get(path, query, secret);
  }

  /** Records a recent ping for every agent that isn't silent. */
  #ping(): void {
    const lastPingAt = this.#platform.now() - PING_AGE_MS;
    for (const { of } of this.#speaking) of.lastPingAt = lastPingAt;
  }

  // -- Runs

  /** @returns the run's id */
  createRun(eventId: number, what: RunCreated): string {
    const workspace = this.#workspaceOf(what);
    const configuration = { ...CONFIGURATION, id: `cv-${eventId}`, workspaceId: workspace.id };
    const planOnly = what.operation === 'plan_only';
    const of = createRun(this.#platform, workspace, configuration, BY_API, runRequest.parse({ planOnly }));
    const run = new Run(of, what);
    this.#byEvent.set(eventId, run);
    this.#runs.set(run.id, run);
    this.#events.trace?.(`${run.id} created`);
    if (planOnly || workingRun(this.#platform.world, workspace.id) === undefined) this.#begin(run);
    return run.id;
  }

  #workspaceOf({ pool, workspace }: RunCreated): Workspace {
    const name = `${workspace}${pool.replaceAll(/\W/g, '')}`;
    const known = this.#workspaces.get(name);
    if (known !== undefined) return known;
    const { id, organization } = this.#settings.pools.find((one) => one.name === pool) ?? { id: '', organization: '' };
    const attributes = { name, 'execution-mode': 'agent', 'agent-pool-id': id };
    const { world } = this.#platform;
    this.#api.create(`/organizations/${organization}/workspaces`, 'workspaces', attributes);
    const made = [...world.workspaces.values()].at(-1);
    if (made === undefined) throw new Error(`The workspace ${name} was not created`);
    this.#workspaces.set(name, made);
    return made;
  }

  /** A person cancels the run, or discards its plan. */
  cancelRun(eventId: number): void {
    const run = this.#byEvent.get(eventId);
    if (run === undefined || isFinal(run.of)) return;
    const { job } = run;
    if (awaitsDecision(run.of)) discard(run.of, '', this.#platform.now());
    else cancel(run.of, '', this.#platform.now(), 0);
    if (job?.state === 'running') {
      job.canceled = true;
      job.interrupt?.();
      return;
    }
    runChanged(this.#platform, run.of);
  }

  #begin(run: Run): void {
    this.#through(run, run.what.before, () => {
      queuePlan(run.of, this.#platform.now());
      runChanged(this.#platform, run.of);
    });
  }

  /** Takes the run through statuses in which it needs no agent. */
  #through(run: Run, stages: readonly Stage[], then: () => void): void {
    const [stage, ...rest] = stages;
    if (stage === undefined) {
      then();
      return;
    }
    this.#pass(run, stage.status);
    this.#later(run, stage.ms, () => this.#through(run, rest, then));
  }

  #pass(run: Run, status: string): void {
    pass(run.of, status, this.#platform.now());
    runChanged(this.#platform, run.of);
  }

  /** The platform changed the status of a run or an agent. */
  #changed({ kind, id, status }: WorldEvent): void {
    if (kind === 'run') {
      const run = this.#runs.get(id);
      if (run !== undefined) this.#entered(run, status);
      return;
    }
    const agent = this.#byAgentId.get(id);
    if (agent === undefined || (status !== 'errored' && status !== 'exited')) return;
    this.#events.trace?.(`${agent.name} ${status}`);
    this.#jobs.over(agent.job);
    agent.job = undefined;
  }

  #entered(run: Run, status: string): void {
    const { what, of } = run;
    run.step += 1;
    // The platform ends a plan immediately, but the scenario can add more statuses.
    if ((status === 'planned' || status === 'planned_and_finished') && !run.passed) {
      run.passed = true;
      this.#through(run, this.#afterPlan(run), () => this.#pass(run, status));
      return;
    }
    this.#events.trace?.(`${run.id} ${status}`);
    if (OPEN.has(status)) this.#open.add(run);
    else this.#open.delete(run);
    if (run.job !== undefined && !WORKING[run.job.kind].includes(status)) {
      this.#jobs.over(run.job);
      run.job = undefined;
    }
    if (status === 'plan_queued') run.job = this.#queueOperation(run, of.plan, what.planMs);
    else if (status === 'apply_queued') run.job = this.#queueOperation(run, of.apply, what.applyMs);
    else if (status === 'planned')
      this.#later(run, what.approval === 'auto' ? 500 : what.approvalMs, () => this.#confirm(run));
    else if (status === 'post_plan_running') this.#queuePolicies(run);
    if (!isFinal(of)) return;
    if (run.policyJob?.state === 'queued') this.#jobs.over(run.policyJob);
    this.#beginNext(of.workspaceId);
  }

  /** The statuses after the run's plan. HCP Terraform evaluates policies itself if no agent of the pool accepts that kind of job. */
  #afterPlan({ what: { policyMs, between, pool } }: Run): readonly Stage[] {
    if (policyMs === undefined || this.#acceptsPolicies(pool)) return between;
    return [{ status: 'post_plan_running', ms: policyMs }, ...between];
  }

  #acceptsPolicies(pool: string): boolean {
    const lanes = this.#settings.pools.find(({ name }) => name === pool)?.lanes ?? [];
    return lanes.some(({ accepts }) => accepts.includes('hidden'));
  }

  #confirm(run: Run): void {
    confirm(run.of, '', this.#platform.now());
    runChanged(this.#platform, run.of);
    this.#later(run, 300, () => {
      this.#pass(run, 'queuing_apply');
      this.#later(run, 200, () => {
        queueApply(run.of, this.#platform.now());
        runChanged(this.#platform, run.of);
      });
    });
  }

  #beginNext(workspaceId: string): void {
    if (workingRun(this.#platform.world, workspaceId) !== undefined) return;
    for (const run of this.#runs.values()) {
      if (run.of.workspaceId !== workspaceId || run.status !== 'pending' || skipsWorkspaceQueue(run.of)) continue;
      this.#begin(run);
      return;
    }
  }

  #later(run: Run, ms: number, then: () => void): void {
    const { step } = run;
    this.#time.after(ms, () => {
      if (run.step === step) then();
    });
  }

  // -- Jobs

  #queueOperation(run: Run, of: Operation, durationMs: number): Job {
    return this.#jobs.enqueue({ key: `${run.id}/${of.phase}`, kind: of.phase, pool: run.pool, of, run, durationMs });
  }

  /** Queues the evaluation of the run's policies, if agents of its pool evaluate policies. */
  #queuePolicies(run: Run): void {
    const of = [...this.#platform.world.internalJobs.values()].findLast(({ runId }) => runId === run.id);
    if (of === undefined || run.policyJob !== undefined) return;
    run.policyJob = this.#jobs.enqueue({
      key: of.id,
      kind: 'hidden',
      pool: run.pool,
      of,
      policiesOf: run,
      durationMs: of.durationMs,
    });
  }

  /** Queues an unlisted job. */
  queueHidden(pool: string, durationMs: number): void {
    const { world, now } = this.#platform;
    const poolId = this.#settings.pools.find(({ name }) => name === pool)?.id ?? '';
    const of = enqueueInternalJob(world, { poolId, type: 'assessment', durationMs, runId: undefined }, now());
    const job = this.#jobs.enqueue({ key: of.id, kind: 'hidden', pool, of, durationMs });
    this.#events.trace?.(`${pool} ${job.key} queued`);
    this.#time.after(HIDDEN_PATIENCE_MS, () => {
      if (job.state !== 'queued') return;
      world.internalJobs.delete(of.id);
      this.#jobs.over(job);
    });
  }

  /** Gives the agent a job, if one is queued and no other agent was faster. */
  dequeue(agent: Agent): Job | undefined {
    const pool = this.#poolOf(agent);
    if (!this.queue(pool).some(({ kind }) => agent.accepts.includes(kind))) return undefined;
    const now = this.#time.now();
    const racing = now - (this.#dequeuedAtMs.get(pool) ?? Number.NEGATIVE_INFINITY) < RACE_MS;
    if (racing && this.#random.chance(0.5)) return undefined;
    const taken = takeJob(this.#platform, agent.of);
    const job = this.queue(pool).find(({ of }) => of.id === taken?.operationId);
    if (job === undefined) return undefined;
    this.#jobs.taken(job);
    this.#dequeuedAtMs.set(pool, now);
    if (job.run !== undefined) this.#events.started(job, agent);
    agent.job = job;
    agent.lastJob = job.key;
    this.#events.waitsNoMore(agent);
    this.#events.trace?.(`${agent.name} takes ${job.key}`);
    return job;
  }

  /** The agent reports that its job has ended. */
  finish(agent: Agent, ok: boolean): void {
    const { job } = agent;
    agent.job = undefined;
    if (job === undefined || job.state !== 'running') return;
    const { run } = job;
    const workspace = this.#platform.world.workspaces.get(run?.of.workspaceId ?? '');
    const durationMs = run?.what.policyMs;
    const byAgent = durationMs !== undefined && this.#acceptsPolicies(job.pool);
    if (workspace !== undefined) workspace.agentPolicies = byAgent ? { durationMs } : undefined;
    this.#jobs.over(job);
    const status = job.canceled ? 'canceled' : ok ? 'finished' : 'errored';
    finishJob(this.#platform, agent.of, job.of, { status, hasChanges: true });
    agent.of.reported = 'idle';
  }

  // -- Agents

  #poolOf({ of }: Agent): string {
    return this.#platform.world.pools.get(of.poolId)?.name ?? '';
  }

  /** Agents that count towards the organization agent limit of this pool. */
  registered(organization: string): number {
    const names = this.#settings.pools.filter((pool) => pool.organization === organization).map(({ name }) => name);
    return names.flatMap((name) => this.agents(name)).filter(({ status }) => counts(status)).length;
  }

  /** @returns `undefined` if the organization agent limit is reached */
  register(name: string, poolName: string, accepts: readonly JobKind[], single = true): Agent | undefined {
    const token = this.#tokens.get(poolName);
    const pool = this.#platform.world.pools.get(token?.poolId ?? '');
    if (token === undefined || pool === undefined) throw new Error(`There is no pool ${poolName}`);
    const accept = accepts.flatMap((kind) => (kind === 'hidden' ? HIDDEN : [kind]));
    const wanted = { name, version: '1.28.8', architecture: 'amd64' as const, accept, single };
    this.#ping();
    const of = this.#unlessRefused(() => registerAgent(this.#platform, pool, token, wanted, '10.0.0.1'));
    if (of === undefined) {
      this.#events.trace?.(`${name} refused: the organization agent limit is reached`);
      return undefined;
    }
    const agent = new Agent(of, accepts, this.#platform, this.#time.now());
    this.#byAgentId.set(agent.of.id, agent);
    this.#speaking.add(agent);
    this.#agents.get(poolName)?.push(agent);
    this.#events.trace?.(`${name} registered`);
    this.#events.waits(agent);
    return agent;
  }

  #unlessRefused<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (error instanceof ApiFailure) return undefined;
      throw error;
    }
  }

  deregister(agent: Agent): void {
    this.#events.waitsNoMore(agent);
    if (agent.silentSinceMs !== undefined || !counts(agent.status)) return;
    this.#speaking.delete(agent);
    agent.of.lastPingAt = this.#platform.now();
    endAgent(this.#platform, agent.of, 'exited');
  }

  /** Cuts the agent off from HCP Terraform until it {@link speaks} again. */
  fallSilent(agent: Agent): void {
    if (agent.silentSinceMs !== undefined || !counts(agent.status)) return;
    this.#events.waitsNoMore(agent);
    const since = this.#time.now();
    agent.silentSinceMs = since;
    this.#speaking.delete(agent);
    agent.of.lastPingAt = this.#platform.now();
    this.#time.after(UNKNOWN_AFTER_MS + ERRORED_AFTER_MS, () => {
      if (agent.silentSinceMs !== since) return;
      this.#ping();
      sweepAgents(this.#platform);
    });
  }

  /** @returns whether HCP Terraform still accepts the agent; an errored agent must exit */
  speaks(agent: Agent): boolean {
    agent.silentSinceMs = undefined;
    const isAccepted = agent.status === 'idle' || agent.status === 'busy';
    if (isAccepted) this.#speaking.add(agent);
    return isAccepted;
  }
}

/** Statuses in which a run can have a queued or running job. */
const OPEN = new Set(['plan_queued', 'planning', 'apply_queued', 'applying', 'post_plan_running', 'policy_checking']);

/** The statuses in which a run has this kind of job. */
const WORKING: Record<JobKind, readonly string[]> = {
  plan: ['plan_queued', 'planning'],
  apply: ['apply_queued', 'applying'],
  hidden: [],
};

/** Statuses in which a run can wait for an agent to evaluate its policy sets. */
export function isPostPlan(status: string): boolean {
  return status === 'post_plan_running' || status === 'policy_checking';
}

/** The member of `status-timestamps` that shows when a run entered a post-plan status. */
export function timestampOf(status: string): string {
  return `${status.replaceAll('_', '-')}-at`;
}

/** When the run entered its status, according to the latest timestamp of HCP Terraform, which has a resolution of one second. */
export function shownSinceMs({ of, status }: Run, settings: WorldSettings): number {
  const own = timestampOf(status);
  const shown = [...of.timestamps].filter(([name]) => settings.postPlanTimes === (name === own)).map(([, at]) => at);
  return Math.floor(Math.max(of.createdAt, ...shown) / 1000) * 1000;
}

/** Agents with these statuses count towards the organization agent limit: https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools */
export function counts(status: AgentStatusName): boolean {
  return status === 'idle' || status === 'busy' || status === 'unknown';
}
