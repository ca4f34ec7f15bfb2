/** A short sequence of events for tests. The emulators' own rules process the events. Times are in seconds since the start. */
import type { Task } from '../../../local/ecs/core/task.ts';
import type { GatewayPhase } from '../../../local/gateway/local-gateway.ts';
import type { JobResult } from '../../../local/hcp-terraform/agent-protocol.ts';
import type { Platform } from '../../../local/hcp-terraform/platform.ts';
import { createRun } from '../../../local/hcp-terraform/queue.ts';
import * as runs from '../../../local/hcp-terraform/runs.ts';
import {
  type Agent,
  type ConfigurationVersion,
  newSeeds,
  type Workspace,
  World,
} from '../../../local/hcp-terraform/world.ts';
import { type GatewayHistory, type Model, observe } from '../../../local/start/model.ts';

export const START = Date.UTC(2026, 0, 2, 3, 4, 5);
export const at = (seconds: number): number => START + seconds * 1000;

interface StoryRecords {
  readonly world: World;
  readonly tasks: Task[];
}
export type StoryEvent = (records: StoryRecords) => void;

interface RunDetails {
  readonly workspace?: string;
  readonly kind?: 'plan' | 'apply';
  readonly savePlan?: boolean;
  /** ID of the container with the agent that takes the job. */
  readonly container?: string;
}

const FINISHED = { status: 'finished' } as JobResult;
const CHANGES = { status: 'finished', hasChanges: true } as JobResult;
const STEPS: Readonly<Record<string, (run: runs.Run, now: number, by: runs.ExecutedBy) => void>> = {
  pending: () => undefined,
  plan_queued: runs.queuePlan,
  planning: (run, now, by) => runs.startOperation(run, run.plan, by, now),
  planned: (run, now) => runs.finishPlan(run, CHANGES, now, false),
  planned_and_saved: (run, now) => runs.finishPlan(run, CHANGES, now, false),
  planned_and_finished: (run, now) => runs.finishPlan(run, FINISHED, now, false),
  confirmed: (run, now) => runs.confirm(run, undefined, now),
  apply_queued: runs.queueApply,
  applying: (run, now, by) => runs.startOperation(run, run.apply, by, now),
  applied: (run, now) => runs.finishApply(run, FINISHED, now),
  errored: (run, now) => runs.failOperation(run, runs.currentOperation(run) ?? run.plan, 'It failed.', now),
  canceled: (run, now) => runs.cancel(run, 'user', now, 0),
  force_canceled: (run, now) => runs.forceCancel(run, 'user', now),
  discarded: (run, now) => runs.discard(run, 'user', now),
};

/** Sets the run's status. The first event of a run creates it. */
export function run(seconds: number, name: string, status: string, details: RunDetails = {}): StoryEvent {
  return ({ world }) => {
    const record = world.runs.get(`run-${name}`) ?? newRun(world, seconds, `run-${name}`, details);
    const agentPoolId = world.seeds.pool.id;
    const by = { agentId: 'agent', agentName: details.container ?? 'none', agentPoolId, agentPoolName: 'production' };
    STEPS[status]?.(record, at(seconds), by);
  };
}

function newRun(world: World, seconds: number, id: string, details: RunDetails): runs.Run {
  const { workspace: name = 'network', kind = 'apply', savePlan = false } = details;
  const workspace = { id: name, name, organization: 'acme' } as Workspace;
  const version = { id: 'cv', speculative: false } as ConfigurationVersion;
  const platform = { world, now: () => at(seconds), emit: () => undefined } as unknown as Platform;
  const wanted = runs.runRequest.parse({ planOnly: kind === 'plan', savePlan });
  const created = createRun(platform, workspace, version, { userId: 'user', source: 'test' }, wanted);
  world.workspaces.set(name, workspace);
  world.runs.delete(created.id);
  const plan = { ...created.plan, runId: id };
  const apply = { ...created.apply, runId: id };
  const record = { ...created, id, plan, apply };
  world.runs.set(id, record);
  return record;
}

export function task(
  seconds: number,
  id: string,
  lastStatus: Task['lastStatus'],
  startedBy: string,
  exitCode?: number,
): StoryEvent {
  return ({ tasks }) => {
    const definition = { family: 'AgentLauncher_all_production' };
    const known = tasks.find((candidate) => candidate.id === id) ?? { createdAt: at(seconds) };
    const stopped =
      lastStatus === 'STOPPED' ? { stoppedAt: at(seconds), containers: [{ exitCode }] } : { containers: [] };
    const started = lastStatus === 'RUNNING' ? { startedAt: at(seconds) } : {};
    const changed = { ...known, id, lastStatus, startedBy, definition, ...started, ...stopped } as unknown as Task;
    const index = tasks.findIndex((candidate) => candidate.id === id);
    tasks.splice(index === -1 ? tasks.length : index, 1, changed);
  };
}

export function agent(name: string, reported: Agent['reported']): StoryEvent {
  return ({ world }) => void world.agents.set(name, { reported } as Agent);
}

/** The view of the world after the events. */
export function modelOf(events: readonly StoryEvent[], seconds = 20, gateway?: GatewayHistory): Model {
  const records = { world: new World(newSeeds('acme', 'production'), START), tasks: [] };
  for (const event of events) event(records);
  return observe({ ...records, gateway }, at(seconds));
}

/** A gateway that changes its phase at these times. */
export function gateway(phases: readonly (readonly [seconds: number, phase: GatewayPhase])[]): GatewayHistory {
  return {
    name: 'gateway-1',
    instanceType: 't4g.nano',
    phases: phases.map(([seconds, phase]) => ({ phase, atMs: at(seconds) })),
    skips: [],
  };
}

/** A gateway that sleeps, wakes up for the {@link STORY}, and sleeps again. */
export const GATEWAY = gateway([
  [-60, 'asleep'],
  [1, 'starting'],
  [3, 'awake'],
  [17, 'stopping'],
  [19, 'asleep'],
]);

/** A run that is planned in one container, approved, and applied in another. */
export const STORY: readonly StoryEvent[] = [
  run(0, 'a', 'pending'),
  run(1, 'a', 'plan_queued'),
  task(3, 'task-plan', 'PROVISIONING', 'run-a/plan'),
  task(4, 'task-plan', 'RUNNING', 'run-a/plan'),
  agent('task-plan', 'idle'),
  run(5, 'a', 'planning', { container: 'task-plan' }),
  agent('task-plan', 'busy'),
  run(6, 'a', 'planned'),
  agent('task-plan', 'exited'),
  task(7, 'task-plan', 'STOPPED', 'run-a/plan', 0),
  run(9, 'a', 'confirmed'),
  run(9, 'a', 'apply_queued'),
  task(10, 'task-apply', 'PROVISIONING', 'run-a/apply'),
  run(12, 'a', 'applying', { container: 'task-apply' }),
  agent('task-apply', 'busy'),
  run(15, 'a', 'applied'),
  agent('task-apply', 'exited'),
  task(16, 'task-apply', 'STOPPED', 'run-a/apply', 0),
];
