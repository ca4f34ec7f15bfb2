/** Converts events of the emulators into the demo's events. */

import type { Task } from '../ecs/core/task.ts';
import { poolOfRun } from '../hcp-terraform/agents.ts';
import type { World, WorldEvent } from '../hcp-terraform/world.ts';
import type { DemoEvent } from './model.ts';

/** A change of a run or an agent, with its current data. None if it no longer exists. */
export function fromHcpTerraform(world: World, event: WorldEvent): DemoEvent[] {
  if (event.kind === 'agent') {
    const agent = world.agents.get(event.id);
    return agent === undefined ? [] : [{ kind: 'agent', at: event.at, name: agent.name, status: event.status }];
  }
  const run = world.runs.get(event.id);
  const workspace = run === undefined ? undefined : world.workspaces.get(run.workspaceId);
  if (run === undefined || workspace === undefined) return [];
  const changed: DemoEvent = {
    kind: 'run',
    at: event.at,
    runId: run.id,
    workspace: workspace.name,
    pool: poolOfRun(world, run)?.name ?? 'no pool',
    title: run.isDestroy ? 'destroy' : run.refreshOnly ? 'refresh' : run.planOnly ? 'plan' : 'apply',
    status: event.status,
  };
  const taken = [run.plan, run.apply].flatMap((operation): DemoEvent[] =>
    operation.executedBy === undefined
      ? []
      : [
          {
            kind: 'job-taken',
            at: event.at,
            key: `${run.id}/${operation.phase}`,
            taskId: operation.executedBy.agentName,
          },
        ],
  );
  return [changed, ...taken];
}

/** A change of a task. @param poolOf returns the pool of a family */
export function fromEcs(task: Task, poolOf: (family: string) => string): DemoEvent {
  return {
    kind: 'task',
    at: task.history.at(-1)?.at ?? task.createdAt,
    taskId: task.id,
    pool: poolOf(task.definition.family),
    startedBy: task.startedBy,
    lastStatus: task.lastStatus,
    exitCode: task.containers[0]?.exitCode,
  };
}
