/**
 * Reads the trace of a simulated world: how long jobs waited, and what the agents' tasks cost.
 *
 * The traces of all launchers have the same format, because the same simulated HCP Terraform and ECS write them. A line is a time in
 * seconds and an event: a task's or a run's new status, an agent that registers or ends, or an agent that takes a job.
 */

export interface Played {
  /** Wait of each served job: from queued until an agent took it. */
  readonly waitsMs: readonly number[];
  /** Jobs that no agent took before the end of the world. */
  readonly neverServed: number;
  /** Jobs whose agent was killed. */
  readonly interrupted: number;
  /** Time that registered agents spent without a job. */
  readonly idleMs: number;
  /** The duration that Fargate bills, for each task. */
  readonly billedMs: readonly number[];
}

/** The trace's times have a resolution of 0.1 s. */
const EVENT = /^(\d+(?:\.\d+)?) (?:task (\w+)|(\S+)) (\S+)(?: (\S+))?$/;

const QUEUED: Readonly<Record<string, string>> = { plan_queued: 'plan', apply_queued: 'apply' };
const RUNNING = new Set(['planning', 'applying']);
/** Statuses in which Fargate doesn't bill a task: before it pulls the image, and after its containers have stopped. */
const NOT_BILLED = new Set(['PROVISIONING', 'DEPROVISIONING', 'STOPPED']);

/** @param endMs the end of the world, for tasks and agents that still run */
export function readTrace(trace: readonly string[], endMs: number): Played {
  const queuedAtMs = new Map<string, number>();
  /** The agent of each run with a running job. */
  const agentOf = new Map<string, string>();
  /** When each agent's last job ended; `Infinity` if it is running. */
  const jobEndedMs = new Map<string, number>();
  const idleSinceMs = new Map<string, number>();
  const billedSinceMs = new Map<string, number>();
  const waitsMs: number[] = [];
  const billedMs: number[] = [];
  let interrupted = 0;
  let idleMs = 0;

  const endBill = (task: string, atMs: number): void => {
    const sinceMs = billedSinceMs.get(task);
    if (sinceMs !== undefined) billedMs.push(atMs - sinceMs);
    billedSinceMs.delete(task);
  };
  const endIdle = (agent: string, atMs: number): void => {
    idleMs += atMs - (idleSinceMs.get(agent) ?? atMs);
    idleSinceMs.delete(agent);
  };
  const jobEnds = (run: string, atMs: number): void => {
    const agent = agentOf.get(run);
    if (agent === undefined) return;
    agentOf.delete(run);
    jobEndedMs.set(agent, atMs);
    idleSinceMs.set(agent, atMs);
  };

  for (const line of trace) {
    const [, seconds, task, subject = '', word = '', object = ''] = EVENT.exec(line) ?? [];
    if (seconds === undefined) continue;
    const atMs = Math.round(Number(seconds) * 1000);
    if (atMs > endMs) break;
    if (task !== undefined) {
      if (NOT_BILLED.has(word)) endBill(task, atMs);
      else if (!billedSinceMs.has(task)) billedSinceMs.set(task, atMs);
    } else if (word === 'registered') idleSinceMs.set(subject, atMs);
    else if (word === 'takes') {
      waitsMs.push(atMs - (queuedAtMs.get(object) ?? atMs));
      queuedAtMs.delete(object);
      endIdle(subject, atMs);
      jobEndedMs.set(subject, Number.POSITIVE_INFINITY);
      agentOf.set(object.slice(0, object.indexOf('/')), subject);
    } else if (subject.startsWith('run-')) {
      const phase = QUEUED[word];
      if (!RUNNING.has(word)) jobEnds(subject, atMs);
      if (phase !== undefined) queuedAtMs.set(`${subject}/${phase}`, atMs);
      // A run that ended before an agent took its job was canceled.
      if (word === 'canceled' || word === 'errored') {
        for (const name of Object.values(QUEUED)) queuedAtMs.delete(`${subject}/${name}`);
      }
    } else if (word === 'exited' || word === 'errored') {
      // An agent that ends after its job does so seconds later. If both end at the same time, the agent's end was the job's end.
      if ((jobEndedMs.get(subject) ?? 0) >= atMs) interrupted += 1;
      jobEndedMs.delete(subject);
      endIdle(subject, atMs);
    }
  }
  for (const agent of [...idleSinceMs.keys()]) endIdle(agent, endMs);
  for (const task of [...billedSinceMs.keys()]) endBill(task, endMs);
  return { waitsMs, neverServed: queuedAtMs.size, interrupted, idleMs, billedMs };
}
