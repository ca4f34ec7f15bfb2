/** `pause`, `resume` and `drain` against the local system, over HTTP. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { drainJson, pauseJson, resumeJson } from '../../cli/core/operation-json.ts';
import type { StackInput } from '../../local/aws/services/cloud-formation.ts';
import { until } from '../processes.ts';
import { startSystem, type TestSystem } from './system.ts';

const FUNCTION = 'AgentLauncher-launcher';
const DENIED = { kind: 'error', code: 'AccessDeniedException', message: 'denied', status: 403 } as const;

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => system.close());

/** A sleep that takes no time for the command, and some for the emulators. */
const sleep = (): Promise<void> => delay(30);
const run = (...argv: string[]) => system.run(argv, { sleep });

afterEach(async () => {
  await run('resume');
});

async function concurrency(): Promise<number | undefined> {
  const { LambdaClient, GetFunctionConcurrencyCommand } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({});
  const answer = await client.send(new GetFunctionConcurrencyCommand({ FunctionName: FUNCTION }));
  return answer.ReservedConcurrentExecutions;
}

async function schedule() {
  const { SchedulerClient, GetScheduleCommand } = await import('@aws-sdk/client-scheduler');
  const { $metadata, LastModificationDate, ...members } = await new SchedulerClient({}).send(
    new GetScheduleCommand({ Name: 'AgentLauncher' }),
  );
  return members;
}

test('pause turns off everything that invokes the launcher, and resume turns it on again', async () => {
  const before = await schedule();
  expect(before.State).toBe('ENABLED');

  const paused = await run('pause');
  expect({ code: paused.code, stderr: paused.stderr }).toEqual({ code: 0, stderr: '' });
  expect(paused.stdout).toMatch(/^AgentLauncher is paused: the function can no longer run/);
  expect(paused.stdout).toContain('agent-launcher resume');
  expect(await concurrency()).toBe(0);
  expect(system.ecs.aws.functions.mappingsEnabled(FUNCTION)).toEqual([false]);
  // UpdateSchedule resets what a request lacks: nothing but the state may differ.
  expect(await schedule()).toEqual({ ...before, State: 'DISABLED' });

  const status = await run('status');
  expect(status.code).toBe(1);
  expect(status.stdout).toContain('The launcher is paused: ');

  const resumed = await run('resume');
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toMatch(/^AgentLauncher is on again: /);
  expect(await concurrency()).toBeUndefined();
  expect(system.ecs.aws.functions.mappingsEnabled(FUNCTION)).toEqual([true]);
  expect(await schedule()).toEqual(before);
});

test('both can be repeated: they change nothing, and say so', async () => {
  const on = await run('resume', '--json');
  expect(resumeJson.parse(JSON.parse(on.stdout)).changed).toEqual([]);
  expect((await run('resume')).stdout).toBe('AgentLauncher is on already. Nothing was changed.\n');
  await run('pause');
  const off = await run('pause', '--json');
  expect(pauseJson.parse(JSON.parse(off.stdout))).toMatchObject({ state: 'paused', changed: [], warnings: [] });
  expect((await run('pause')).stdout).toMatch(/^AgentLauncher is paused already\./);
});

describe('with a reserved concurrency in the template', () => {
  const resources = (value: unknown) => [
    {
      logicalId: 'Function1234',
      physicalId: FUNCTION,
      type: 'AWS::Lambda::Function',
      properties: { ReservedConcurrentExecutions: value },
    },
  ];

  function redeploy(value: unknown, more: Pick<StackInput, 'parameters' | 'sections'> = {}): void {
    const { cloudFormation } = system.ecs.aws;
    const stack = { ...cloudFormation.stack('AgentLauncher'), parameters: {}, sections: {} };
    cloudFormation.put({ ...stack, resources: resources(value), ...more });
  }

  test('resume restores it', async () => {
    redeploy(7);
    await run('pause');
    expect((await run('resume')).stdout.replaceAll('\n', ' ')).toContain('reserved concurrency 7, as configured');
    expect(await concurrency()).toBe(7);
    system.ecs.aws.functions.release(FUNCTION);
    redeploy(undefined);
  });

  test.each([
    ['with a reserved concurrency', '7', 7],
    ['without a reserved concurrency', '', undefined],
  ])('resume restores what a stack of the release template has %s', async (_, value, expected) => {
    redeploy(
      { 'Fn::If': ['HasReservedConcurrency', { Ref: 'ReservedConcurrency' }, { Ref: 'AWS::NoValue' }] },
      {
        parameters: { ReservedConcurrency: value },
        sections: {
          Conditions: {
            HasReservedConcurrency: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'ReservedConcurrency' }, ''] }] },
          },
        },
      },
    );
    await run('pause');
    expect(await run('resume')).toMatchObject({ code: 0, stderr: '' });
    expect(await concurrency()).toBe(expected);
    system.ecs.aws.functions.release(FUNCTION);
    redeploy(undefined);
  });

  test.each([
    ['the template computes it from a resource', { Ref: 'Concurrency' }, undefined],
    ['the template may not be read', 7, 'GetTemplate'],
  ])('if %s, resume turns on everything else and says how to turn on the function', async (_, value, denied) => {
    redeploy(value);
    const before = await schedule();
    await run('pause');
    if (denied !== undefined) system.ecs.faults.next(denied, DENIED);
    const { code, stderr } = await run('resume');
    expect(code).toBe(1);
    expect(stderr).toContain('aws lambda delete-function-concurrency --function-name AgentLauncher-launcher --region');
    expect(stderr).toContain('Changed so far: the queue of wake-ups is on; the schedule is on.');
    expect(await concurrency()).toBe(0);
    expect(await schedule()).toEqual(before);
    expect(system.ecs.aws.functions.mappingsEnabled(FUNCTION)).toEqual([true]);
    redeploy(undefined);
  });
});

test('pause waits for another change of the schedule and of the mapping', async () => {
  const { faults } = system.ecs;
  faults.next('UpdateSchedule', { kind: 'error', code: 'ConflictException', message: 'x', status: 409 });
  faults.next(
    'UpdateEventSourceMapping',
    { kind: 'error', code: 'ResourceInUseException', message: 'x' },
    { times: 2 },
  );
  expect((await run('pause')).code).toBe(0);
  expect(faults.waiting).toBe(0);
  expect((await schedule()).State).toBe('DISABLED');
  expect(system.ecs.aws.functions.mappingsEnabled(FUNCTION)).toEqual([false]);
});

test('pause stops to wait for another change after Ctrl-C, and says what it did not change', async () => {
  const busy = { kind: 'error', code: 'ResourceInUseException', message: 'being updated' } as const;
  system.ecs.faults.next('UpdateEventSourceMapping', busy);
  const interrupt = new AbortController();
  const { code, stderr } = await system.run(['pause'], {
    interrupted: interrupt.signal,
    sleep: (ms, signal) => {
      interrupt.abort();
      return delay(ms, undefined, { ...(signal !== undefined && { signal }) });
    },
  });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^Not changed: Could not turn the event source mapping [0-9a-f-]+ off: being updated/);
  expect(await concurrency()).toBe(0);
  expect(system.ecs.aws.functions.mappingsEnabled(FUNCTION)).toEqual([true]);
});

test('pause succeeds if only the schedule can’t be changed, because the function can’t run anyway, and says so', async () => {
  system.ecs.faults.next('UpdateSchedule', DENIED);
  const { code, stdout, stderr } = await run('pause');
  expect(code).toBe(0);
  expect(stdout).toContain('AgentLauncher is paused');
  expect(stderr).toMatch(/^Not changed: Could not turn the schedule AgentLauncher off: denied.*iam:PassRole/);
  expect((await schedule()).State).toBe('ENABLED');
});

test('pause fails if something can still invoke the launcher, and says what was changed', async () => {
  system.ecs.faults.next('PutFunctionConcurrency', DENIED);
  system.ecs.faults.next('UpdateSchedule', DENIED);
  const { code, stderr } = await run('pause');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^The launcher is not paused: something can still invoke it\./);
  expect(stderr).toContain('Changed so far: the queue of wake-ups is off.');
  const { stdout } = await run('status');
  expect(stdout).toContain('The launcher is partly paused: its queue of wake-ups is off.');
});

test('pause succeeds in a new account that refuses reserved concurrency, because everything else is off', async () => {
  system.ecs.faults.next('PutFunctionConcurrency', {
    kind: 'error',
    code: 'InvalidParameterValueException',
    message:
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
  });
  const { code, stderr } = await run('pause');
  expect(code).toBe(0);
  expect(stderr).toContain('Not changed: Could not change the concurrency');
  expect(system.ecs.aws.functions.mappingsEnabled(FUNCTION)).toEqual([false]);
});

describe('drain', () => {
  /** A clock that jumps ahead with each sleep of the command. */
  function clock(stepMs: number) {
    let ahead = 0;
    return {
      now: () => Date.now() + ahead,
      sleep: async () => {
        ahead += stepMs;
        await delay(200);
      },
    };
  }

  test('waits for the job, then for an invocation that may have begun before, and leaves the launcher paused', {
    timeout: 60_000,
  }, async () => {
    const configuration = 'resource "terraform_data" "wait" {\n  provisioner "local-exec" { command = "sleep 3" }\n}\n';
    const id = await system.queueRun({ workspace: 'drained', configuration });
    await until('the apply', () => system.hcpTerraform.world.runs.get(id)?.status === 'applying', 30_000);
    const { code, stdout, stderr } = await system.run(['drain'], clock(5_000));
    expect(code).toBe(0);
    expect(stderr).toContain('AgentLauncher is paused: ');
    expect(stderr).toMatch(
      /tasks? (?:is|are) left:\nTASK +POOL +STATUS +AGE +LAUNCHED FOR\n[0-9a-f]{8}… +production +RUNNING/,
    );
    expect(stdout).toMatch(/^No task is left, after .*\. The launcher stays paused\.\nResume: agent-launcher resume/);
    expect(system.hcpTerraform.world.runs.get(id)?.status).toBe('applied');
    expect((await schedule()).State).toBe('DISABLED');
  });

  test('ends at its deadline with exit code 1, shows what still runs, and says how to resume', {
    timeout: 60_000,
  }, async () => {
    const configuration = 'resource "terraform_data" "wait" {\n  provisioner "local-exec" { command = "sleep 6" }\n}\n';
    const id = await system.queueRun({ workspace: 'late', configuration });
    await until('the apply', () => system.hcpTerraform.world.runs.get(id)?.status === 'applying', 30_000);
    const { code, stdout } = await system.run(['drain', '--deadline', '1', '--json'], clock(30_000));
    expect(code).toBe(1);
    expect(drainJson.parse(JSON.parse(stdout))).toMatchObject({
      end: 'deadline',
      remaining: expect.arrayContaining([expect.objectContaining({ pool: 'production', status: 'RUNNING' })]),
    });
    const again = await system.run(['drain', '--deadline', '1'], clock(30_000));
    expect(again.stdout).toMatch(/^The deadline passed after /);
    expect(again.stdout).toMatch(/^Resume: agent-launcher resume$/m);
    await until('the end', () => system.hcpTerraform.world.runs.get(id)?.status === 'applied', 30_000);
  });

  test('ends with exit code 130 after Ctrl-C, and the launcher stays paused', async () => {
    const interrupt = new AbortController();
    const { code, stdout } = await system.run(['drain'], {
      interrupted: interrupt.signal,
      sleep: async () => {
        interrupt.abort();
        throw new Error('aborted');
      },
    });
    expect(code).toBe(130);
    expect(stdout).toMatch(/^Interrupted after /);
    expect((await schedule()).State).toBe('DISABLED');
  });

  test('refuses a deadline that is not a number of minutes', async () => {
    const { code, stderr } = await run('drain', '--deadline', '1h');
    expect(code).toBe(2);
    expect(stderr).toContain("argument '1h' is invalid. Use an integer from 1 to 1440.");
  });
});
