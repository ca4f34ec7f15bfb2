/** The launcher's real function wakes a gateway for a job, launches only when it is ready, and stops it when nothing uses it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveOf } from '../../../local/start/configurations.ts';
import { letGatewaySleep } from '../../../local/start/scenario.ts';
import { Session } from '../../../local/start/session.ts';
import { type LocalWorld, startWorld } from '../../../local/start/world.ts';
import { until } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';

const TIMES = { startMs: 600, stopMs: 200 };

let world: LocalWorld;
let session: Session;
let log: string;
beforeAll(async () => {
  world = await startWorld({
    pools: [{ name: 'production', maxAgents: 2 }],
    rateLimits: 'off',
    gateway: { filterMs: 400 },
    aws: {
      phases: { provisionMs: 20, pullMs: 20, bootMs: 20, deprovisionMs: 20 },
      aws: { instances: { times: TIMES } },
    },
  });
  log = join(newFolder('on-demand'), 'launcher.log');
  session = new Session(world, log, { invokedEveryMs: 2_000, timeLimitMs: 15_000 });
}, 60_000);
afterAll(() => session.close());

test('a job wakes the gateway, its task starts when the gateway is awake, and the gateway sleeps again', async () => {
  const { gateway, api, poolIds, ecs, hcpTerraform } = world;
  if (gateway === undefined) throw new Error('The world has no gateway');
  await until('an invocation without a job', () => session.invocations.total > 0);
  expect(gateway.phase).toBe('asleep');

  const { id: workspaceId } = await api.createWorkspace({ name: 'network', poolId: poolIds.get('production') ?? '' });
  const archive = await archiveOf('output "done" { value = true }\n');
  const run = { workspaceId, archive, message: 'x', planOnly: true, autoApply: false, isDestroy: false };
  const runId = await api.queueRun(run);
  await until('the end of the run', () => hcpTerraform.world.runs.get(runId)?.status === 'planned_and_finished');
  await until('the end of the task', () => ecs.tasks().every(({ lastStatus }) => lastStatus === 'STOPPED'));

  const phases = new Map(gateway.phases.map(({ phase, atMs }) => [phase, atMs]));
  expect([...phases.keys()]).toEqual(['asleep', 'starting', 'awake']);
  const [task, ...more] = ecs.tasks();
  expect(more).toEqual([]);
  expect(task?.createdAt).toBeGreaterThanOrEqual(phases.get('awake') ?? Number.NaN);
  expect(readFileSync(log, 'utf8')).toContain('"cause":"gateway"');

  const notes: string[] = [];
  await letGatewaySleep(gateway, (text) => notes.push(text), AbortSignal.timeout(60_000));
  expect(notes).toEqual(['on purpose: 10 min are skipped; gateway-1 seems unused for that long']);
  expect(gateway.phases.map(({ phase }) => phase)).toEqual(['asleep', 'starting', 'awake', 'stopping', 'asleep']);
});
