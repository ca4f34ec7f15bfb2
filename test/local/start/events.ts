/** A short story in events, for the tests of what is made of them. Times are seconds since its start. */
import { type DemoEvent, EMPTY_MODEL, type Model, reduce } from '../../../local/start/model.ts';

export const START = Date.UTC(2026, 0, 2, 3, 4, 5);
export const at = (seconds: number): number => START + seconds * 1000;

export function run(
  seconds: number,
  id: string,
  status: string,
  more: Partial<{ workspace: string; pool: string; title: string }> = {},
): DemoEvent {
  return {
    kind: 'run',
    at: at(seconds),
    runId: `run-${id}`,
    workspace: more.workspace ?? 'network',
    pool: more.pool ?? 'production',
    title: more.title ?? 'apply',
    status,
  };
}

export function task(
  seconds: number,
  id: string,
  lastStatus: string,
  startedBy?: string,
  exitCode?: number,
): DemoEvent {
  return { kind: 'task', at: at(seconds), taskId: id, pool: 'production', startedBy, lastStatus, exitCode };
}

export function taken(seconds: number, key: string, taskId: string): DemoEvent {
  return { kind: 'job-taken', at: at(seconds), key, taskId };
}

export function agent(seconds: number, name: string, status: string): DemoEvent {
  return { kind: 'agent', at: at(seconds), name, status };
}

export function modelOf(events: readonly DemoEvent[]): Model {
  return events.reduce(reduce, EMPTY_MODEL);
}

/** One run that is planned, confirmed by a person and applied, in two containers. */
export const STORY: readonly DemoEvent[] = [
  run(0, 'a', 'pending'),
  run(1, 'a', 'plan_queued'),
  task(3, 'task-plan', 'PROVISIONING', 'run-a/plan'),
  task(4, 'task-plan', 'RUNNING', 'run-a/plan'),
  agent(4.5, 'task-plan', 'idle'),
  run(5, 'a', 'planning'),
  taken(5, 'run-a/plan', 'task-plan'),
  agent(5, 'task-plan', 'busy'),
  run(6, 'a', 'planned'),
  agent(6.2, 'task-plan', 'exited'),
  task(7, 'task-plan', 'STOPPED', 'run-a/plan', 0),
  run(9, 'a', 'confirmed'),
  run(9, 'a', 'apply_queued'),
  task(10, 'task-apply', 'PROVISIONING', 'run-a/apply'),
  run(12, 'a', 'applying'),
  taken(12, 'run-a/apply', 'task-apply'),
  agent(12, 'task-apply', 'busy'),
  run(15, 'a', 'applied'),
  agent(15.5, 'task-apply', 'exited'),
  task(16, 'task-apply', 'STOPPED', 'run-a/apply', 0),
];
