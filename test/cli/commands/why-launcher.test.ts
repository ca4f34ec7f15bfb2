/** The real launcher, the real entrypoint and the emulator of the agent write the logs that `why` and `logs` read. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logsJson } from '../../../cli/core/logs-json.ts';
import { whyJson } from '../../../cli/core/why-json.ts';
import { until } from '../../processes.ts';
import { startSystem, type TestSystem } from '../system.ts';

const POOL = 'production';
let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ pools: [{ name: POOL, maxAgents: 1 }], rateLimits: 'off' });
}, 60_000);
afterAll(() => system.close());

async function why(runId: string) {
  const { stdout, stderr, code } = await system.run(['why', runId, '--json']);
  expect(stderr).toBe('');
  return { code, ...whyJson.parse(JSON.parse(stdout)) };
}

/** Asks until the cause is the expected one: the launcher polls and logs in its own time. */
async function becomes(runId: string, cause: string) {
  let last = await why(runId);
  await expect
    .poll(
      async () => {
        last = await why(runId);
        return last.cause;
      },
      { timeout: 30_000, interval: 300 },
    )
    .toBe(cause);
  return last;
}

const end = (runId: string) => system.world.api.cancel(runId, 'end of the test');
const noTask = () =>
  until('no task is left', () => system.ecs.tasks().every(({ lastStatus }) => lastStatus === 'STOPPED'));

test('why says that ECS refuses the task for the quota, in ECS’s words', { timeout: 60_000 }, async () => {
  const stop = system.ecs.refuse({
    reason: 'You’ve reached the limit on the number of vCPUs you can run concurrently',
  });
  const run = await system.queueRun({ workspace: 'quota' });
  const explanation = await becomes(run, 'ecs-quota');
  expect(explanation).toMatchObject({ code: 1, state: 'blocked' });
  expect(explanation.verdict).toContain('You’ve reached the limit on the number of vCPUs you can run concurrently');
  expect(explanation.todo.join(' ')).toContain('L-3032A538');
  expect(explanation.todo.join(' ')).toContain('No task of this launcher is live');
  await end(run);
  stop();
  await noTask();
});

test('why says that a run waits for a free slot while its agent executes another job', {
  timeout: 90_000,
}, async () => {
  // HCP Terraform gives the first agent the older job, which no list shows.
  system.hcpTerraform.enqueueInternalJob({
    poolId: system.hcpTerraform.agentPool.id,
    type: 'assessment',
    durationMs: 12_000,
  });
  const run = await system.queueRun({ workspace: 'waits' });
  const explanation = await becomes(run, 'max-agents');
  expect(explanation).toMatchObject({ code: 0, state: 'waiting' });
  expect(explanation.verdict).toMatch(
    /: 1 live task of maxAgents 1.* 1 task was started for the plan of run-\w+ .*; its agent may have taken another job/,
  );
  await end(run);
  await noTask();
});

test('why says that the agent token is rejected, and logs shows the agent’s line', { timeout: 90_000 }, async () => {
  system.ecs.putSecret(`agent-launcher/${POOL}/agent-token`, 'xxxxxxxxxxxxxx.atlasv1.sesame');
  const run = await system.queueRun({ workspace: 'token' });
  const explanation = await becomes(run, 'agent-token-rejected');
  expect(explanation).toMatchObject({ code: 1, state: 'blocked' });
  expect(explanation.agentLog.some(({ message }) => message.includes('rejected the agent token (401)'))).toBe(true);
  expect(JSON.stringify(explanation)).not.toContain('sesame');

  const { code, stdout } = await system.run(['logs', run, '--json']);
  expect(code).toBe(0);
  const { tasks } = logsJson.parse(JSON.parse(stdout));
  expect(tasks[0]).toMatchObject({ pool: POOL, launchedFor: `${run}/plan`, logGroup: `/AgentLauncher/agents/${POOL}` });
  expect(tasks[0]?.lines.some(({ message }) => message.includes('rejected the agent token (401)'))).toBe(true);

  // Somebody rotates the token. The launcher waits before its next trial.
  system.ecs.putSecret(`agent-launcher/${POOL}/agent-token`, 'xxxxxxxxxxxxxx.atlasv1.other');
  const replaced = await becomes(run, 'agent-token-replaced');
  expect(replaced).toMatchObject({ code: 0, state: 'waiting' });
  expect(replaced.verdict).toContain(`The secret of pool ${POOL} was changed after that`);
  await end(run);
});
