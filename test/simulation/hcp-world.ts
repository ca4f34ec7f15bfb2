import type { Random } from './random.ts';
import type { JobKind, RunCreated, Stage, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

/** After this time without a ping, an agent is *unknown*. Five minutes later, the agent and its job are *errored*. */
const UNKNOWN_AFTER_MS = 60_000;
const ERRORED_AFTER_MS = UNKNOWN_AFTER_MS + 5 * 60_000;

/** Agents that ask within this time of each other compete for the same job, and one may get none. */
const RACE_MS = 400;

/** How long a job waits that no list shows. What HCP Terraform does with one that finds no agent isn't documented. */
const HIDDEN_PATIENCE_MS = 10 * 60_000;

const FINAL = new Set(['errored', 'applied', 'planned_and_finished', 'canceled', 'discarded']);

/** A unit of work for an agent. The launcher reads no list of jobs without a run. */
export interface Job {
  readonly key: string;
  readonly kind: JobKind;
  readonly pool: string;
  readonly run?: Run;
  /** The run whose policy sets it evaluates: the run waits for it, however long that takes. */
  readonly policiesOf?: Run | undefined;
  readonly queuedAtMs: number;
  readonly durationMs: number;
  /** Lower comes first. */
  readonly rank: number;
  state: 'queued' | 'running' | 'done';
  canceled: boolean;
  /** Makes the agent that has the job stop it. */
  interrupt?: () => void;
  readonly done: (ok: boolean) => void;
}

export interface Run {
  readonly id: string;
  readonly pool: string;
  readonly workspaceId: string;
  readonly what: RunCreated;
  readonly createdAtMs: number;
  status: string;
  readonly at: { planQueued?: number; planning?: number; applyQueued?: number; applying?: number };
  planAgent?: string;
  applyAgent?: string;
  job?: Job;
  /** Evaluates its policy sets. */
  policyJob?: Job | undefined;
  statusSinceMs: number;
  /** Number of transitions, so that an event that was scheduled in an earlier state does nothing in a later one. */
  step: number;
}

export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly pool: string;
  readonly registeredAtMs: number;
  /** Types of jobs that it accepts. */
  readonly accepts: readonly JobKind[];
  status: 'idle' | 'busy' | 'unknown' | 'errored' | 'exited';
  /** Only for agents that no longer ping. */
  lastPingMs: number;
  /** Since when nothing of it reaches HCP Terraform. */
  silentSinceMs?: number | undefined;
  job?: Job | undefined;
  /** Key of its last job. */
  lastJob?: string;
  /** Whether it ever had a job. */
  hadJob?: boolean;
}

export interface HcpEvents {
  /** An agent took a job that a list of runs shows. */
  readonly started: (job: Job, agent: Agent) => void;
  /** From now on, an agent has no job. */
  readonly waits: (agent: Agent) => void;
  readonly waitsNoMore: (agent: Agent) => void;
  readonly trace: ((what: string) => void) | undefined;
}

/** The true state of HCP Terraform: runs, jobs of agent pools, agents. `hcp-http.ts` decides what its answers show. */
export class HcpWorld {
  readonly #time: VirtualTime;
  readonly #settings: WorldSettings;
  readonly #random: Random;
  readonly #events: HcpEvents;
  readonly #runs = new Map<number, Run>();
  readonly #open = new Set<Run>();
  readonly #queues = new Map<string, Job[]>();
  readonly #agents = new Map<string, Agent[]>();
  readonly #dequeuedAtMs = new Map<string, number>();
  readonly #active = new Map<string, number>();
  #agentCount = 0;
  #hiddenCount = 0;

  constructor(time: VirtualTime, settings: WorldSettings, random: Random, events: HcpEvents) {
    this.#time = time;
    this.#settings = settings;
    this.#random = random;
    this.#events = events;
    for (const { name } of settings.pools) {
      this.#queues.set(name, []);
      this.#agents.set(name, []);
    }
  }

  /** Runs that have, or may have, a queued or running job, oldest first. */
  get openRuns(): ReadonlySet<Run> {
    return this.#open;
  }

  get runs(): IterableIterator<Run> {
    return this.#runs.values();
  }

  /** Whether every run has ended. */
  get allFinal(): boolean {
    return [...this.#runs.values()].every(({ status }) => FINAL.has(status));
  }

  queue(pool: string): readonly Job[] {
    return this.#queues.get(pool) ?? [];
  }

  /** How many of the pool's jobs run, or wait where a list of runs shows it. */
  activeJobs(pool: string): number {
    return this.#active.get(pool) ?? 0;
  }

  /** Queued evaluations of policy sets, for which runs wait. */
  policyJobs(pool: string): (Job & { readonly policiesOf: Run })[] {
    return this.queue(pool).filter((job): job is Job & { readonly policiesOf: Run } => job.policiesOf !== undefined);
  }

  /** Queued jobs that lists of runs show. */
  queuedJobs(pool: string): Job[] {
    return this.queue(pool).filter(({ run }) => run !== undefined);
  }

  agents(pool: string): readonly Agent[] {
    return this.#agents.get(pool) ?? [];
  }

  // -- Runs

  createRun(eventId: number, what: RunCreated): void {
    const now = this.#time.now();
    const run: Run = {
      id: `run-${String(eventId).padStart(4, '0')}`,
      pool: what.pool,
      workspaceId: `${what.workspace}${what.pool.replace(/\W/g, '')}`,
      what,
      createdAtMs: now,
      status: 'pending',
      statusSinceMs: now,
      at: {},
      step: 0,
    };
    this.#runs.set(eventId, run);
    this.#events.trace?.(`${run.id} created`);
    if (what.operation === 'plan_only' || !this.#workspaceHeld(run)) this.#begin(run);
  }

  /** A person cancels the run, or discards its plan. */
  cancelRun(eventId: number): void {
    const run = this.#runs.get(eventId);
    if (run === undefined || FINAL.has(run.status)) return;
    const { job } = run;
    if (job?.state === 'running') {
      job.canceled = true;
      job.interrupt?.();
      return;
    }
    if (job !== undefined) {
      this.#unqueue(job);
      this.#over(job);
      delete run.job;
    }
    const { policyJob } = run;
    if (policyJob?.state === 'queued') {
      this.#unqueue(policyJob);
      this.#over(policyJob);
    }
    this.#enter(run, job === undefined && run.status !== 'pending' ? 'discarded' : 'canceled');
  }

  #workspaceHeld(run: Run): boolean {
    return [...this.#runs.values()].some(
      (other) =>
        other !== run &&
        other.workspaceId === run.workspaceId &&
        other.what.operation === 'plan_and_apply' &&
        other.status !== 'pending' &&
        !FINAL.has(other.status),
    );
  }

  #begin(run: Run): void {
    this.#through(run, run.what.before, () => this.#queueOperation(run, 'plan'));
  }

  /** Passes through statuses in which no agent is needed. */
  #through(run: Run, stages: readonly Stage[], then: () => void): void {
    const [stage, ...rest] = stages;
    if (stage === undefined) {
      then();
      return;
    }
    this.#enter(run, stage.status);
    this.#later(run, stage.ms, () => this.#through(run, rest, then));
  }

  #queueOperation(run: Run, phase: 'plan' | 'apply'): void {
    const now = this.#time.now();
    run.at[phase === 'plan' ? 'planQueued' : 'applyQueued'] = now;
    const { planMs, applyMs, fails, operation } = run.what;
    const job: Job = {
      key: `${run.id}/${phase}`,
      kind: phase,
      pool: run.pool,
      run,
      queuedAtMs: now,
      durationMs: phase === 'plan' ? planMs : applyMs,
      rank: phase === 'apply' ? 0 : operation === 'plan_only' ? 2 : 1,
      state: 'queued',
      canceled: false,
      done: (ok) => {
        delete run.job;
        if (job.canceled) this.#enter(run, 'canceled');
        else if (!ok || fails === phase) this.#enter(run, 'errored');
        else if (phase === 'apply') this.#enter(run, 'applied');
        else this.#planned(run);
      },
    };
    run.job = job;
    this.#enqueue(job);
    this.#enter(run, `${phase}_queued`);
  }

  #planned(run: Run): void {
    const { policyMs, between, operation, approval, approvalMs } = run.what;
    const afterwards = (): void =>
      this.#through(run, between, () => {
        if (operation === 'plan_only') return this.#enter(run, 'planned_and_finished');
        this.#enter(run, 'planned');
        this.#later(run, approval === 'auto' ? 500 : approvalMs, () =>
          this.#through(
            run,
            [
              { status: 'confirmed', ms: 300 },
              { status: 'queuing_apply', ms: 200 },
            ],
            () => this.#queueOperation(run, 'apply'),
          ),
        );
      });
    if (policyMs !== undefined) {
      this.#enter(run, 'post_plan_running');
      const { step } = run;
      const lanes = this.#settings.pools.find(({ name }) => name === run.pool)?.lanes ?? [];
      // HCP Terraform evaluates them if no agent of the pool accepts policies.
      if (!lanes.some(({ accepts }) => accepts.includes('hidden'))) {
        this.#later(run, policyMs, afterwards);
        return;
      }
      run.policyJob = this.queueHidden(run.pool, policyMs, {
        policiesOf: run,
        done: (ok) => {
          if (run.step !== step) return;
          if (ok) afterwards();
          else this.#enter(run, 'errored');
        },
      });
      return;
    }
    afterwards();
  }

  #enter(run: Run, status: string): void {
    run.status = status;
    run.statusSinceMs = this.#time.now();
    run.step += 1;
    this.#events.trace?.(`${run.id} ${status}`);
    if (/^(plan|apply)_queued$|^planning$|^applying$/.test(status) || isPostPlan(status)) this.#open.add(run);
    else this.#open.delete(run);
    if (!FINAL.has(status)) return;
    const waiting = [...this.#runs.values()].find(
      (other) =>
        other.workspaceId === run.workspaceId && other.status === 'pending' && other.what.operation !== 'plan_only',
    );
    if (waiting !== undefined && !this.#workspaceHeld(waiting)) this.#begin(waiting);
  }

  #later(run: Run, ms: number, then: () => void): void {
    const { step } = run;
    this.#time.after(ms, () => {
      if (run.step === step) then();
    });
  }

  // -- Jobs

  /** A job that no list of runs shows. */
  queueHidden(
    pool: string,
    durationMs: number,
    { policiesOf, done = () => {} }: Partial<Pick<Job, 'policiesOf' | 'done'>> = {},
  ): Job {
    this.#hiddenCount += 1;
    const job: Job = {
      key: `hidden-${this.#hiddenCount}`,
      kind: 'hidden',
      pool,
      queuedAtMs: this.#time.now(),
      durationMs,
      rank: this.#random.whole(0, 2),
      state: 'queued',
      canceled: false,
      policiesOf,
      done,
    };
    this.#enqueue(job);
    this.#events.trace?.(`${pool} ${job.key} queued`);
    // A run waits for its policies without limit.
    if (policiesOf !== undefined) return job;
    this.#time.after(HIDDEN_PATIENCE_MS, () => {
      if (job.state !== 'queued') return;
      this.#unqueue(job);
      this.#over(job);
      job.done(true);
    });
    return job;
  }

  #enqueue(job: Job): void {
    this.#queues.get(job.pool)?.push(job);
    if (job.run !== undefined) this.#active.set(job.pool, this.activeJobs(job.pool) + 1);
  }

  #over(job: Job): void {
    if (job.run !== undefined || job.state === 'running') this.#active.set(job.pool, this.activeJobs(job.pool) - 1);
    job.state = 'done';
  }

  /** Gives the agent a job, if there is one and no other agent was faster. */
  dequeue(agent: Agent): Job | undefined {
    const queue = this.queue(agent.pool).filter(({ kind }) => agent.accepts.includes(kind));
    const now = this.#time.now();
    if (queue.length === 0) return undefined;
    const racing = now - (this.#dequeuedAtMs.get(agent.pool) ?? Number.NEGATIVE_INFINITY) < RACE_MS;
    if (racing && this.#random.chance(0.5)) return undefined;
    const byRank = this.#settings.dequeueOrder === 'applies-first';
    const job = queue.reduce((first, other) =>
      (byRank ? other.rank - first.rank : 0) < 0 ||
      ((!byRank || other.rank === first.rank) && other.queuedAtMs < first.queuedAtMs)
        ? other
        : first,
    );
    this.#unqueue(job);
    this.#dequeuedAtMs.set(agent.pool, now);
    if (job.run === undefined) this.#active.set(job.pool, this.activeJobs(job.pool) + 1);
    job.state = 'running';
    agent.job = job;
    agent.lastJob = job.key;
    agent.hadJob = true;
    agent.status = 'busy';
    this.#events.waitsNoMore(agent);
    const { run } = job;
    if (run !== undefined) {
      run.at[job.kind === 'plan' ? 'planning' : 'applying'] = now;
      run[job.kind === 'plan' ? 'planAgent' : 'applyAgent'] = agent.name;
      this.#enter(run, job.kind === 'plan' ? 'planning' : 'applying');
      this.#events.started(job, agent);
    }
    this.#events.trace?.(`${agent.name} takes ${job.key}`);
    return job;
  }

  /** The agent reports its job's end. */
  finish(agent: Agent, ok: boolean): void {
    const { job } = agent;
    agent.job = undefined;
    if (agent.status === 'busy') agent.status = 'idle';
    if (job === undefined || job.state !== 'running') return;
    this.#over(job);
    job.done(ok);
  }

  #unqueue(job: Job): void {
    const queue = this.#queues.get(job.pool) ?? [];
    const at = queue.indexOf(job);
    if (at >= 0) queue.splice(at, 1);
  }

  // -- Agents

  /** Agents that count against the agent limit of the pool's organization. */
  registered(organization: string): number {
    const names = this.#settings.pools.filter((pool) => pool.organization === organization).map(({ name }) => name);
    return names.flatMap((name) => this.agents(name)).filter(({ status }) => counts(status)).length;
  }

  /** @returns `undefined` if the organization agent limit allows no other agent. */
  register(name: string, pool: string, accepts: readonly JobKind[]): Agent | undefined {
    const { agentsCeiling, pools } = this.#settings;
    const organization = pools.find((known) => known.name === pool)?.organization ?? '';
    if (agentsCeiling !== undefined && this.registered(organization) >= agentsCeiling) {
      this.#events.trace?.(`${name} refused: no licence`);
      return undefined;
    }
    this.#agentCount += 1;
    const now = this.#time.now();
    const id = `agent-${String(this.#agentCount).padStart(4, '0')}`;
    const agent: Agent = { id, name, pool, registeredAtMs: now, accepts, status: 'idle', lastPingMs: now };
    this.#agents.get(pool)?.push(agent);
    this.#events.trace?.(`${name} registered`);
    this.#events.waits(agent);
    return agent;
  }

  deregister(agent: Agent): void {
    this.#events.waitsNoMore(agent);
    if (agent.status === 'errored' || agent.silentSinceMs !== undefined) return;
    agent.status = 'exited';
    agent.lastPingMs = this.#time.now();
    this.#events.trace?.(`${agent.name} exited`);
  }

  /** Nothing of the agent reaches HCP Terraform until it {@link speaks} again. */
  fallSilent(agent: Agent): void {
    if (agent.silentSinceMs !== undefined || !counts(agent.status)) return;
    this.#events.waitsNoMore(agent);
    const since = this.#time.now();
    agent.silentSinceMs = since;
    agent.lastPingMs = since;
    const still = (): boolean => agent.silentSinceMs === since && counts(agent.status);
    this.#time.after(UNKNOWN_AFTER_MS, () => {
      if (still()) agent.status = 'unknown';
    });
    this.#time.after(ERRORED_AFTER_MS, () => {
      if (!still()) return;
      agent.status = 'errored';
      this.#events.trace?.(`${agent.name} errored`);
      this.finish(agent, false);
    });
  }

  /** @returns whether HCP Terraform still accepts the agent; an errored one must exit. */
  speaks(agent: Agent): boolean {
    agent.silentSinceMs = undefined;
    if (agent.status === 'errored' || agent.status === 'exited') return false;
    agent.status = agent.job === undefined ? 'idle' : 'busy';
    return true;
  }
}

/** Statuses in which a run may wait for an agent that evaluates its policy sets. */
export function isPostPlan(status: string): boolean {
  return status === 'post_plan_running' || status === 'policy_checking';
}

/** Since when a run has been in its status, by the latest time that HCP Terraform shows. */
export function shownSinceMs({ at, createdAtMs, statusSinceMs }: Run, settings: WorldSettings): number {
  const { planQueued = 0, planning = 0, applyQueued = 0, applying = 0 } = at;
  const latest = Math.max(planQueued, planning, applyQueued, applying) || createdAtMs;
  return (settings.postPlanTimes ? statusSinceMs : latest) + settings.hcpSkewMs;
}

/** The statuses that count against the organization agent limit: https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools */
export function counts(status: Agent['status']): boolean {
  return status === 'idle' || status === 'busy' || status === 'unknown';
}
