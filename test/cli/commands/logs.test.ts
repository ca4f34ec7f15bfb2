import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logsJson } from '../../../cli/core/logs-json.ts';
import { POOL, Stage } from './scene.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 60_000);
afterAll(() => stage.close());

const ESC = '\u001b';

describe('logs', () => {
  test('prints the lines of a run with their times, and what they are from on stderr', async () => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.launched(task).agentSays(task, 'first line', 'second line');
    const { code, stdout, stderr } = await scene.run(['logs', scene.runId]);
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^\S+Z {2}/, '')),
    ).toEqual(['first line', 'second line']);
    expect(stderr).toContain(`task ${task}, pool ${POOL}, started for ${scene.planKey}`);
  });

  test("prints the agent's own time instead of CloudWatch's, so that a line has one time", async () => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.launched(task).agentSays(task, '2026-11-30T07:47:18.883Z [INFO]  agent: Starting');
    const { stdout } = await scene.run(['logs', scene.runId]);
    expect(stdout).toBe('2026-11-30T07:47:18.883Z  [INFO]  agent: Starting\n');
  });

  test('makes escape sequences of a job harmless', async () => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.launched(task).agentSays(task, `${ESC}]0;owned\u0007${ESC}[2J${ESC}[1;31mred\rforged`);
    const { stdout } = await scene.run(['logs', scene.runId]);
    expect(stdout).toMatch(/^\S+Z {2}redforged\n$/);
  });

  test.each([['id'], ['ARN']])('prints the log of a task by its %s', async (form) => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.agentSays(task, 'by its id');
    const argument = form === 'id' ? task : (stage.system.ecs.task(task)?.arn ?? '');
    expect(await scene.run(['logs', argument])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('by its id'),
    });
  });

  test('finds the log of a task that ECS has forgotten', async () => {
    const scene = await stage.scene();
    const task = '1'.repeat(32);
    scene.ended(task, {}).agentSays(task, 'long ago');
    expect(await scene.run(['logs', scene.runId])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('long ago'),
    });
    expect(await scene.run(['logs', task])).toMatchObject({ code: 0, stdout: expect.stringContaining('long ago') });
  });

  test("doesn't print the log of a task that another run used", async () => {
    const scene = await stage.scene();
    const [own, other] = ['2'.repeat(32), '3'.repeat(32)];
    scene.ended(own, {}).ended(other, { job: 'run-Other/plan', run: 'run-Other', launchedFor: 'run-Other/plan' });
    scene.agentSays(own, 'mine').agentSays(other, 'not mine');
    const { stdout } = await scene.run(['logs', scene.runId]);
    expect(stdout).toContain('mine');
    expect(stdout).not.toContain('not mine');
  });

  test('prints only the log of the agent that took the plan, not that of the task that was started for it', async () => {
    const scene = await stage.scene();
    const [own, other] = [await scene.task('running'), await scene.task('running', 'run-Other/plan')];
    scene.launched(own).agentSays(own, 'of another run').agentSays(other, 'mine');
    const before = await scene.run(['logs', scene.runId]);
    expect(before.stdout).toContain('of another run');
    expect(before.stderr).toContain(`started for ${scene.planKey}; its agent may have taken another job`);
    scene.takePlan(other);
    const { stdout, stderr } = await scene.run(['logs', scene.runId]);
    expect(stdout.replace(/^\S+Z {2}/, '')).toBe('mine\n');
    expect(stderr).toContain(`task ${other}, pool ${POOL}, executed ${scene.planKey}`);
    const { tasks } = logsJson.parse(JSON.parse((await scene.run(['logs', scene.runId, '--json'])).stdout));
    expect(tasks.map(({ task, job }) => [task, job])).toEqual([[other, scene.planKey]]);
  });

  test('leaves out the tasks that the same tick started for other runs', async () => {
    const scene = await stage.scene();
    const [own, other] = [await scene.task('running'), await scene.task('running', 'run-Other/plan')];
    const launch = { reason: '2 queued, 0 unclaimed', outcome: 'launched' };
    scene.tick({
      launches: [
        { ...launch, job: scene.planKey, task: own },
        { ...launch, job: 'run-Other/plan', task: other },
      ],
    });
    scene.agentSays(own, 'mine').agentSays(other, 'not its own');
    expect((await scene.run(['logs', scene.runId])).stdout).not.toContain('not its own');
  });

  test('says that no task was started, and which command explains it', async () => {
    const scene = await stage.scene();
    const { code, stdout, stderr } = await scene.run(['logs', scene.runId]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`Run \`agent-launcher why ${scene.runId}\``);
  });

  test('says that a task has no lines', async () => {
    const scene = await stage.scene();
    scene.launched(await scene.task('provisioning'));
    const { code, stderr } = await scene.run(['logs', scene.runId]);
    expect(code).toBe(1);
    expect(stderr).toContain('The agent has logged nothing yet. Add --follow');
  });

  test('follows new lines until the task ends', { timeout: 30_000 }, async () => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.launched(task).agentSays(task, 'before');
    const naps: number[] = [];
    const { code, stdout } = await stage.system.run(['logs', scene.runId, '--follow'], {
      // Each pause of the command is a step of the task's life.
      sleep: async (ms) => {
        naps.push(ms);
        if (naps.length === 1) scene.agentSays(task, 'while it runs', 'while it runs');
        if (naps.length === 2) {
          scene.agentSays(task, 'last line');
          const client = await import('@aws-sdk/client-ecs');
          await new client.ECSClient({}).send(new client.StopTaskCommand({ cluster: 'AgentLauncher', task }));
          await expect.poll(() => stage.system.ecs.task(task)?.lastStatus, { timeout: 10_000 }).toBe('STOPPED');
        }
        await delay(1);
      },
    });
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\S+Z {2}/, ''));
    expect(lines).toEqual(['before', 'while it runs', 'while it runs', 'last line']);
    expect(naps).toEqual([2000, 2000, 5000]);
  });

  test('ends without an error when the user presses Ctrl-C', async () => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.launched(task).agentSays(task, 'one line');
    const interrupt = new AbortController();
    const result = await stage.system.run(['logs', scene.runId, '-f'], {
      interrupted: interrupt.signal,
      onStdout: () => interrupt.abort(new Error('SIGINT')),
    });
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('one line') });
  });

  test.each([
    [['logs'], 'missing required argument'],
    [['logs', 'network'], '`agent-launcher runs --ids` shows both.'],
    [['logs', 'run-Abc1', '--since', 'yesterday'], '--since is "yesterday"'],
    [['logs', 'run-Abc1', '--follow', '--json'], '--follow and --json exclude each other'],
  ])('refuses %j with exit code 2', async (argv, message) => {
    const { code, stderr } = await stage.system.run(argv);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
