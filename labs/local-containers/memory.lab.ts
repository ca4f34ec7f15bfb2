/** Tests a task without enough memory: it is killed, ECS reports the reason, and the launcher's log says which setting to increase. */
import { expect, it } from 'vitest';
import { EcsTasks } from '../../functions/launcher/adapters/ecs/client.ts';
import { supplyOf } from '../../functions/launcher/core/supply.ts';
import { TickReport } from '../../functions/launcher/report.ts';
import { pool } from '../../test/functions/launcher/fakes.ts';
import { describeUnless } from '../../test/unless.ts';
import { LocalTasks, NO_ENGINE, shell, UNPRIVILEGED } from './local-tasks.ts';

/** Uses more and more memory: `tail` keeps everything after the last line end. */
const HOG = 'tail /dev/zero';

describeUnless(NO_ENGINE, 'the memory of a task', () => {
  const local = new LocalTasks();

  it('is a hard limit: a container that exceeds it is killed, and ECS reports that', async () => {
    const { task } = await local.ended([shell(`exec ${HOG}`, UNPRIVILEGED)]);
    expect(task).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [{ exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }],
    });
  });

  it('is also a limit for a child process, which is reported with the exit code of the first process', async () => {
    const { task } = await local.ended([shell(`${HOG}; exit 4`, { memory: 64 })]);
    expect(task).toMatchObject({ containers: [{ exitCode: 4, reason: /^OutOfMemoryError/ }] });
  });

  it.each([
    ['the agent', `exec ${HOG}`],
    ['a child of the agent', `${HOG}; exit 4`],
  ])('is reported by the launcher with the run, the size and the setting if %s exhausted it', async (_, script) => {
    const { arn } = await local.ended([shell(script, { name: 'agent', ...UNPRIVILEGED })]);
    const { family } = local;
    const lanes = [{ phases: ['plan', 'apply'], taskDefinition: family, capacity: 'on-demand' }] as const;
    const placement = { cluster: 'agents', subnets: [], securityGroups: [], assignPublicIp: 'DISABLED' } as const;
    const clock = { now: Date.now, sleep: async () => {} };
    const ecs = new EcsTasks({ client: local.world.ecs, launchClient: local.world.ecs, placement, clock });
    const tasks = await ecs.recentlyStoppedTasks([family], AbortSignal.timeout(5000));
    const id = arn.slice(arn.lastIndexOf('/') + 1);
    // For some minutes, the run still lists the agent, which died with its container.
    const running = [{ key: 'run-1/apply', phase: 'apply', agentName: id }] as const;
    const agents = [{ id: 'agent-1', name: id, status: 'unknown' }] as const;
    const nowMs = Date.now();
    const supply = supplyOf({ lanes, tasks, agents, running, queued: [] }, 300_000, nowMs);
    const demand = { queued: [], running, waiting: [], unknownStatuses: [] };
    const warnings: [string, Record<string, unknown>][] = [];
    const ignore = (): void => {};
    new TickReport({
      logger: { info: ignore, error: ignore, warn: (...line) => warnings.push(line) },
      metrics: { addMetric: ignore, addDimension: ignore, publishStoredMetrics: ignore },
      pollBudget: () => ({ usedInLastMinute: 0, taken: [], wanted: [], perMinute: 24 }),
      scheduleMs: 60_000,
    }).report({
      startedAtMs: nowMs,
      endedAtMs: nowMs,
      pools: [
        {
          pool: pool('production', { lanes: [lanes[0]] }),
          observation: { demand, supply, agentsVisible: true },
          launches: [],
          stops: [],
          errors: [],
        },
      ],
    });
    expect(warnings).toEqual([
      [
        'out of memory',
        {
          pool: 'production',
          task: id,
          job: 'run-1/apply',
          sign: 'OutOfMemoryError',
          memoryMiB: 512,
          remedy: expect.stringMatching(/^the task ran out of memory\. Raise memoryMiB of pool production/),
        },
      ],
    ]);
  });
});
