/**
 * The three faults that the demo causes, to show that nothing is lost: ECS refuses a launch, an agent is killed before it gets a job, and the
 * launcher's process is killed. Each fault is noted when it happens, and `recoveriesOf` finds in the records how the system recovered.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '../ecs/core/task.ts';
import type { EcsServer } from '../ecs/server.ts';
import { jobsOf, type Model, nameOfJob } from './model.ts';
import { seconds } from './seconds.ts';
import { familyOfPool } from './task-definition.ts';

export type Incident =
  | { readonly kind: 'launch-refused'; readonly atMs: number; readonly pool: string }
  | { readonly kind: 'agent-killed'; readonly atMs: number; readonly taskId: string; readonly jobKey: string }
  | { readonly kind: 'launcher-killed'; readonly atMs: number };

/** A fault, and whether the system recovered from it. */
export interface Recovery {
  readonly kind: Incident['kind'];
  readonly recovered: boolean;
  /** What happened, as a sentence. */
  readonly text: string;
}

export interface IncidentParts {
  readonly ecs: EcsServer;
  /** Kills the launcher's process with SIGKILL. @returns false if there is none */
  readonly killLauncher: () => boolean;
  readonly note: (text: string) => void;
}

/** Causes the faults, and keeps them. */
export class Incidents {
  readonly all: Incident[] = [];
  readonly #parts: IncidentParts;

  constructor(parts: IncidentParts) {
    this.#parts = parts;
  }

  /** ECS refuses the pool's next launch for lack of capacity. */
  refuseNextLaunch(pool: string): void {
    this.#parts.ecs.refuse({ family: familyOfPool(pool), times: 1 });
    this.all.push({ kind: 'launch-refused', atMs: Date.now(), pool });
    this.#parts.note(`on purpose: ECS has no capacity for the next launch in ${pool}`);
  }

  /**
   * Kills the first of the pool's agents that could still get a job. It waits until another agent of the pool starts as well, because the
   * launcher waits half a minute after a failed start without a successful one.
   */
  async killAnAgent(pool: string, isTaken: (taskId: string) => boolean, signal: AbortSignal): Promise<void> {
    const { ecs, note } = this.#parts;
    for (;;) {
      const live = ecs.tasks().filter((task) => isLiveOf(pool, task) && !isTaken(task.id));
      const victim = live.find(({ lastStatus }) => lastStatus === 'RUNNING');
      if (victim !== undefined && live.length > 1 && ecs.kill(victim.id)) {
        const taskId = victim.id;
        this.all.push({ kind: 'agent-killed', atMs: Date.now(), taskId, jobKey: victim.startedBy ?? '' });
        note(`on purpose: the agent in container ${taskId.slice(0, 8)} is killed before it gets a job`);
        return;
      }
      await delay(20, undefined, { signal });
    }
  }

  killLauncher(): void {
    if (this.#parts.killLauncher()) this.all.push({ kind: 'launcher-killed', atMs: Date.now() });
  }
}

function isLiveOf(pool: string, { definition, desiredStatus }: Task): boolean {
  return definition.family === familyOfPool(pool) && desiredStatus === 'RUNNING';
}

/** What the session saw of the launcher. */
export interface LauncherRecord {
  /** When invocations ended. */
  readonly invokedAtMs: readonly number[];
  readonly refusals: readonly { readonly atMs: number; readonly jobKey: string }[];
}

/** How the system recovered from each fault. */
export function recoveriesOf(
  incidents: readonly Incident[],
  model: Model,
  launcher: LauncherRecord,
): readonly Recovery[] {
  return incidents.map((incident) => {
    if (incident.kind === 'launcher-killed') return afterLauncher(incident.atMs, launcher);
    if (incident.kind === 'agent-killed') return afterAgent(incident, model);
    return afterRefusal(incident, model, launcher);
  });
}

function afterLauncher(atMs: number, { invokedAtMs }: LauncherRecord): Recovery {
  const nextMs = invokedAtMs.find((ms) => ms > atMs);
  const text =
    nextMs === undefined
      ? 'the launcher was killed, and no invocation followed'
      : `the launcher was killed; the next invocation ended ${seconds(nextMs - atMs)} later`;
  return { kind: 'launcher-killed', recovered: nextMs !== undefined, text };
}

function afterAgent({ taskId, jobKey, atMs }: Extract<Incident, { kind: 'agent-killed' }>, model: Model): Recovery {
  const job = jobsOf(model).find(({ key }) => key === jobKey);
  const name = nameOfJob(model, jobKey);
  const startedAt = job?.container?.id === taskId ? undefined : job?.startedAt;
  const text =
    startedAt === undefined
      ? `an agent was killed before it got a job, and no other agent took ${name}`
      : `an agent was killed before it got a job; another one took ${name} ${seconds(startedAt - atMs)} later`;
  return { kind: 'agent-killed', recovered: startedAt !== undefined, text };
}

function afterRefusal(
  { pool, atMs }: Extract<Incident, { kind: 'launch-refused' }>,
  model: Model,
  { refusals }: LauncherRecord,
): Recovery {
  const refusal = refusals.find((one) => one.atMs >= atMs);
  if (refusal === undefined)
    return { kind: 'launch-refused', recovered: false, text: `ECS refused no launch in ${pool}` };
  const job = jobsOf(model).find(({ key }) => key === refusal.jobKey);
  const name = nameOfJob(model, refusal.jobKey);
  const text =
    job?.startedAt === undefined
      ? `ECS refused to launch a task for ${name}, and no agent took the job`
      : `ECS refused to launch a task for ${name}; an agent took the job ${seconds(job.startedAt - refusal.atMs)} later`;
  return { kind: 'launch-refused', recovered: job?.startedAt !== undefined, text };
}
