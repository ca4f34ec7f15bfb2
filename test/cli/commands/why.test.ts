import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CAUSE_IDS } from '../../../cli/core/why/explain.ts';
import { whyJson } from '../../../cli/core/why-json.ts';
import { OUTPUTS } from '../../../lib/names.ts';
import { LAUNCHER } from '../../../local/start/task-definition.ts';
import { queryLine } from '../query-log.ts';
import { POOL, type Scene, Stage } from './scene.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 60_000);
afterAll(() => stage.close());

const REGISTERED = [
  '2026-11-29T12:00:00.000Z [INFO]  core: Agent registered successfully with Terraform Cloud: agent.id=agent-X agent.pool.id=apool-X',
  '2026-11-29T12:00:00.100Z [INFO]  core: Waiting for next job',
];
const response = (status: number): string =>
  `2026-11-29T12:00:00.000Z [ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status=${status}`;
const jobReceived = (runId: string): string =>
  `2026-11-29T12:00:01.000Z [INFO]  core: Job received: job_type=plan job_id=${runId}`;
const NOT_FOUND =
  'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref local/agent:1: not found';
const CAPACITY = 'Capacity is unavailable at this time. Please try again later or in a different availability zone';
const DAY = 86_400;

interface Case {
  readonly name: string;
  readonly cause: string;
  readonly state: 'done' | 'running' | 'waiting' | 'person' | 'blocked';
  readonly verdict: RegExp;
  readonly pool?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Arranges the scene. @returns the run to ask for, if it is another one */
  readonly arrange: (scene: Scene) => Promise<unknown> | Scene;
  /** Undoes what other scenes would notice. */
  readonly undo?: (scene: Scene) => Promise<void> | void;
}

const inStatus = (name: string, status: string, cause: string, state: Case['state'], verdict: RegExp): Case => ({
  name,
  cause,
  state,
  verdict,
  arrange: (scene) => scene.status(status).tick(),
});

const CASES: readonly Case[] = [
  // -- HCP Terraform
  {
    name: 'an id that does not exist',
    cause: 'run-unknown',
    state: 'blocked',
    verdict: /shows no run run-Nothing1/,
    arrange: async () => 'run-Nothing1',
  },
  {
    name: 'a run of another organization',
    cause: 'other-organization',
    state: 'blocked',
    verdict: /belongs to the organization other/,
    arrange: async ({ stage: { system }, workspaceId, runId }) => {
      const { world } = system.hcpTerraform;
      const workspace = world.workspaces.get(workspaceId);
      if (workspace !== undefined) world.workspaces.set(workspaceId, { ...workspace, organization: 'other' });
      return runId;
    },
  },
  inStatus('a plan that must be confirmed', 'planned', 'needs-confirmation', 'person', /until somebody confirms it/),
  inStatus(
    'an estimated cost that must be confirmed',
    'cost_estimated',
    'needs-confirmation',
    'person',
    /until somebody confirms it/,
  ),
  inStatus('a failed policy', 'policy_override', 'needs-policy-override', 'person', /A policy failed/),
  inStatus('a saved plan', 'planned_and_saved', 'saved-plan', 'person', /The plan is saved/),
  inStatus('cost estimation', 'cost_estimating', 'cost-estimation', 'waiting', /estimates the cost/),
  inStatus('policy checks', 'policy_checking', 'policies', 'waiting', /policies are evaluated/),
  inStatus(
    'configuration from version control',
    'fetching',
    'fetching-configuration',
    'waiting',
    /fetching the configuration/,
  ),
  inStatus('run tasks before the apply', 'pre_apply_running', 'run-tasks', 'waiting', /run tasks of this stage/),
  inStatus('a status of the future', 'dreaming', 'unknown-status', 'blocked', /doesn't know/),
  inStatus('an errored run', 'errored', 'errored', 'done', /it errored/),
  inStatus('a canceled run', 'force_canceled', 'canceled', 'done', /canceled it/),
  inStatus('a finished run', 'planned_and_finished', 'finished', 'done', /has ended \(planned_and_finished\)/),
  inStatus(
    'a run that HCP Terraform queues',
    'queuing_apply',
    'platform',
    'waiting',
    /moving the run on \(queuing_apply/,
  ),
  {
    name: 'a post-plan status for minutes, in a pool without agents for policies',
    cause: 'policies-without-agent',
    state: 'blocked',
    verdict: /starts none for policies/,
    arrange: async (scene) => {
      stage.serve((pool) => ({ ...pool, lanes: pool.lanes.map((lane) => ({ ...lane, policies: false as const })) }));
      scene.status('post_plan_running').later(600).tick();
    },
    undo: () => stage.serve(),
  },
  {
    name: 'a workspace that a user locked',
    cause: 'workspace-locked',
    state: 'person',
    verdict: /is locked by the user owner \("state surgery"\)/,
    arrange: async (scene) => {
      scene.status('planned_and_finished');
      await stage.hcpTerraform('POST', `/workspaces/${scene.workspaceId}/actions/lock`, { reason: 'state surgery' });
      return stage.system.queueRun({ workspace: scene.workspace });
    },
  },
  {
    name: 'an earlier run of the workspace',
    cause: 'earlier-run',
    state: 'waiting',
    verdict:
      /waits for run-\w+ of the same workspace \(scene-\d+\), which waits for an agent for its plan \(plan_queued\)/,
    arrange: (scene) => stage.system.queueRun({ workspace: scene.workspace }),
  },
  {
    name: 'an earlier run of the workspace that nobody has confirmed',
    cause: 'earlier-run-undecided',
    state: 'person',
    verdict: /waits for run-\w+ of the same workspace \(scene-\d+\), which waits for its confirmation \(planned\)/,
    arrange: (scene) => {
      const later = stage.system.queueRun({ workspace: scene.workspace });
      scene.status('planned');
      return later;
    },
  },
  {
    name: "the organization's limit of concurrent runs",
    cause: 'run-limit',
    state: 'waiting',
    verdict: /limit of concurrent runs/,
    arrange: async (scene) => {
      const { runs } = stage.system.hcpTerraform.world;
      const run = runs.get(scene.runId);
      if (run !== undefined) run.status = 'pending';
      scene.later(600);
    },
  },
  {
    name: 'a run task without an answer',
    cause: 'run-task-pending',
    state: 'waiting',
    verdict: /waits for the run task security-scan/,
    arrange: async (scene) => {
      const { taskStages, taskResults } = stage.system.hcpTerraform.world;
      const at = Date.now();
      const of = { createdAt: at, updatedAt: at, timestamps: new Map<string, number>() };
      taskStages.set('ts-1', { ...of, id: 'ts-1', runId: scene.runId, stage: 'post_plan', status: 'running' });
      taskResults.set('taskrs-1', {
        ...of,
        id: 'taskrs-1',
        stageId: 'ts-1',
        taskId: 'task-1',
        taskName: 'security-scan',
        taskUrl: 'https://scan.example',
        enforcementLevel: 'mandatory',
        callbackId: 'c',
        accessToken: 't',
        status: 'running',
        message: null,
        url: null,
      });
      scene.status('post_plan_running');
    },
  },
  {
    name: 'a plan that an agent executes',
    cause: 'running',
    state: 'running',
    verdict: /The agent build-machine has been executing its plan/,
    arrange: (scene) => scene.takePlan('build-machine').tick(),
  },
  {
    name: 'an agent that is silent',
    cause: 'agent-lost',
    state: 'blocked',
    verdict: /has not heard from it since 3 min 20 s \(unknown\)/,
    arrange: async (scene) => {
      const task = await scene.task('running');
      scene.freeze().takePlan(task, 200).tick();
    },
  },
  {
    name: 'an agent whose task has stopped',
    cause: 'agent-lost',
    state: 'blocked',
    verdict: /its task has stopped \(.*exit code 1\)/,
    arrange: async (scene) => {
      scene.takePlan(await scene.task('stopped')).tick();
    },
  },
  {
    name: 'a run that ran out of memory',
    cause: 'out-of-memory',
    state: 'done',
    verdict: /ran out of memory \(2048 MiB\)/,
    arrange: async (scene) => {
      const task = 'a'.repeat(32);
      scene.takePlan(task).status('errored').ended(task, { outcome: 'out-of-memory', exitCode: 137 });
    },
  },
  {
    name: 'a run that lost its Spot capacity',
    cause: 'spot-interrupted',
    state: 'done',
    verdict: /reclaimed the Spot capacity/,
    arrange: async (scene) => {
      const task = 'b'.repeat(32);
      scene.takePlan(task).status('errored').ended(task, { outcome: 'interrupted', stopCode: 'SpotInterruption' });
    },
  },
  {
    name: 'a workspace with remote execution',
    cause: 'execution-mode',
    state: 'blocked',
    verdict: /uses the execution mode remote/,
    arrange: async (scene) => {
      await stage.hcpTerraform('PATCH', `/workspaces/${scene.workspaceId}`, {
        data: { type: 'workspaces', attributes: { 'execution-mode': 'remote' } },
      });
      scene.status('plan_queued').tick();
    },
  },
  {
    name: 'a pool of another launcher',
    pool: 'unserved',
    cause: 'pool-not-served',
    state: 'blocked',
    verdict: /uses the agent pool unserved, which the launcher AgentLauncher doesn't serve/,
    arrange: (scene) => scene.later(200).tick(),
  },
  {
    name: "a pool that the workspace's project may not use",
    cause: 'pool-not-allowed',
    state: 'blocked',
    verdict: /isn't allowed for the workspace scene-\d+ or its project Default Project/,
    arrange: async (scene) => {
      await scopePool(false);
      scene.tick();
    },
    undo: () => scopePool(true),
  },
  // -- The launcher
  {
    name: 'a disabled schedule',
    cause: 'launcher-paused',
    state: 'blocked',
    verdict: /its schedule AgentLauncher is off.* Queued runs wait until then\. Its last tick was at/,
    arrange: async (scene) => {
      await stage.setSchedule('DISABLED');
      scene.tick({}, 200);
    },
    undo: () => stage.setSchedule('ENABLED'),
  },
  {
    name: 'a reserved concurrency of 0',
    cause: 'launcher-paused',
    state: 'blocked',
    verdict: /reserved concurrency of its function is 0/,
    arrange: async (scene) => {
      stage.reserve(0);
      scene.tick({}, 200);
    },
    undo: () => stage.reserve(undefined),
  },
  {
    name: 'a function that times out',
    cause: 'launcher-fails',
    state: 'blocked',
    verdict: /an invocation timed out/i,
    arrange: (scene) =>
      scene.tick({}, 200).functionSays({
        time: '2026-11-29T12:00:00.000Z',
        type: 'platform.report',
        record: { requestId: 'r', status: 'timeout', metrics: { durationMs: 58_000 } },
      }),
  },
  {
    name: 'a wrong configuration',
    cause: 'launcher-fails',
    state: 'blocked',
    verdict: /ConfigError: The launcher's configuration has 1 fault/,
    arrange: (scene) =>
      scene.functionSays({
        level: 'ERROR',
        message: {
          errorType: 'ConfigError',
          errorMessage: "The launcher's configuration has 1 fault(s):\n- ECS_CLUSTER: given nothing",
          stackTrace: [],
        },
      }),
  },
  {
    name: 'a launcher without ticks',
    cause: 'launcher-silent',
    state: 'blocked',
    verdict: /has logged no tick/,
    arrange: async () => undefined,
  },
  {
    name: 'a launcher whose last tick was hours ago',
    cause: 'launcher-silent',
    state: 'blocked',
    verdict: /\(5 h ago\)/,
    arrange: (scene) => scene.later(6 * 3600).tick({}, 5 * 3600),
  },
  {
    name: 'an API token that HCP Terraform rejects',
    cause: 'api-token-rejected',
    state: 'blocked',
    verdict: /rejects the launcher's API token \(secret agent-launcher\/api-token\)/,
    arrange: (scene) =>
      scene.failing(
        'HCP Terraform',
        'rejected',
        "HCP Terraform: the API token in secret agent-launcher/api-token was rejected, also after reading the secret again; store a valid team or user API token in that secret (an agent token won't work) (GET /api/v2/organizations/acme/runs, status 401)",
      ),
  },
  {
    name: 'an empty secret',
    cause: 'api-token-unreadable',
    state: 'blocked',
    verdict: /can't use its API token/,
    arrange: (scene) =>
      scene.failing(
        'Secrets Manager',
        'unexpected-answer',
        'Secrets Manager: secret agent-launcher/api-token contains no string (GetSecretValue)',
      ),
  },
  {
    name: 'a renamed pool',
    cause: 'pool-missing',
    state: 'blocked',
    verdict: /can see no agent pool named "production"/,
    arrange: (scene) =>
      scene.failing(
        'HCP Terraform',
        'rejected',
        'HCP Terraform: the API token can see no agent pool named "production" in organization "acme"; correct the name in the settings',
      ),
  },
  {
    name: 'a launcher that HCP Terraform throttles',
    cause: 'launcher-throttled',
    state: 'waiting',
    verdict: /throttles the launcher/,
    arrange: (scene) =>
      scene.failing(
        'HCP Terraform',
        'throttled',
        'HCP Terraform: the user of this API token sent too many requests (GET /api/v2/organizations/acme/runs, status 429)',
      ),
  },
  {
    name: 'an outage of HCP Terraform',
    cause: 'hcp-terraform-unavailable',
    state: 'waiting',
    verdict: /no usable answer/,
    arrange: (scene) =>
      scene.failing(
        'HCP Terraform',
        'unavailable',
        'HCP Terraform: the server answered with an error (GET /api/v2/organizations/acme/runs, status 503)',
      ),
  },
  {
    name: 'a cluster that was deleted',
    cause: 'ecs-unavailable',
    state: 'blocked',
    verdict: /to ECS failed/,
    arrange: (scene) => scene.failing('ECS', 'rejected', 'ECS: Cluster not found. (ListTasks, status 400)'),
  },
  // -- Decisions
  {
    name: 'a full pool',
    cause: 'max-agents',
    state: 'waiting',
    verdict: /The pool production is full: 4 live tasks of maxAgents 4/,
    arrange: (scene) => scene.deferred('max-agents', '4 live tasks of maxAgents 4', { live: { busy: 4 } }),
  },
  {
    name: "a full pool with lanes, for the apply's lane",
    cause: 'lane-full',
    state: 'waiting',
    verdict: /plans and applies share its 4 slots .maxAgents., and none is free for this apply/,
    arrange: async (scene) => {
      stage.serve((pool) => ({
        ...pool,
        lanes: [
          { taskDefinition: `AgentLauncher_plan_${POOL}`, phases: ['plan'], capacity: 'spot' },
          { taskDefinition: `AgentLauncher_apply_${POOL}`, phases: ['apply'], policies: false },
        ],
      }));
      scene
        .queueApply()
        .deferred('max-agents', '4 live tasks of maxAgents 4', { live: { busy: 4 } }, `${scene.runId}/apply`);
    },
    undo: () => stage.serve(),
  },
  {
    name: "the organization's agent limit",
    cause: 'organization-limit',
    state: 'waiting',
    verdict: /agent limit is reached/,
    arrange: (scene) =>
      scene.deferred('agents-ceiling', 'every agent that agentsCeiling allows is registered or starting'),
  },
  {
    name: 'agents of another pool that could not be counted',
    cause: 'organization-limit-unknown',
    state: 'blocked',
    verdict: /another pool could not be read/,
    arrange: (scene) =>
      scene.deferred(
        'agents-ceiling',
        'agentsCeiling allows no launch, because the agents of another pool in the organization could not be counted',
      ),
  },
  {
    name: "ECS's launch rate",
    cause: 'launch-rate',
    state: 'waiting',
    verdict: /20 tasks per second/,
    arrange: (scene) =>
      scene.deferred(
        'launch-rate',
        'ECS’s launch rate or the end of the invocation left no time; the next tick tries it again',
      ),
  },
  {
    name: 'a back-off after start failures of other runs',
    cause: 'start-failures',
    state: 'blocked',
    verdict: /fail to start, so the launcher waits/,
    arrange: (scene) =>
      scene.deferred(
        'start-failures',
        'tasks failed to start 3 times in a row, the last with: Timeout waiting for network interface provisioning to complete.',
        {
          startFailures: [
            {
              task: 'c'.repeat(32),
              detail: 'Timeout waiting for network interface provisioning to complete.',
              cause: 'network',
              remedy: 'AWS took too long to create the network interface',
            },
          ],
        },
      ),
  },
  {
    name: 'the Fargate quota',
    cause: 'ecs-quota',
    state: 'blocked',
    verdict: /quota is used up/,
    arrange: (scene) =>
      scene.refused(
        'quota',
        'You’ve reached the limit on the number of vCPUs you can run concurrently',
        'the account has reached its Fargate vCPU quota',
      ),
  },
  {
    name: 'no capacity of Fargate',
    cause: 'ecs-capacity',
    state: 'waiting',
    verdict: /no capacity/,
    arrange: (scene) => scene.refused('capacity', CAPACITY, 'Fargate has no capacity now'),
  },
  {
    name: 'a missing permission',
    cause: 'ecs-permission',
    state: 'blocked',
    verdict: /a permission is missing/,
    arrange: (scene) =>
      scene.refused(
        'access',
        'AccessDeniedException: is not authorized to perform: ecs:RunTask',
        'the function’s role is not allowed to do this. Deploy the stack again',
      ),
  },
  {
    name: 'an unclear answer of ECS',
    cause: 'launch-failed',
    state: 'waiting',
    verdict: /no clear answer/,
    arrange: (scene) => scene.launched('', { outcome: 'failed' }),
  },
  // -- Tasks
  {
    name: 'a task that ECS prepares',
    cause: 'task-starting',
    state: 'waiting',
    verdict: /started task \w{8}… .* ago, and ECS prepares it/,
    arrange: async (scene) => {
      scene.launched(await scene.task('provisioning'));
    },
  },
  {
    name: 'a task instead of Spot',
    cause: 'task-starting',
    state: 'waiting',
    verdict: /on demand because Spot had no capacity, and it pulls its image/,
    arrange: async (scene) => {
      scene.launched(await scene.task('pulling'), { insteadOfSpot: true });
    },
  },
  {
    name: 'a task that is not in the log yet',
    cause: 'task-starting',
    state: 'waiting',
    verdict: /An agent is on its way/,
    arrange: async (scene) => {
      await scene.task('provisioning');
      scene.tick();
    },
  },
  {
    name: 'a slow pull',
    cause: 'task-pulls-slowly',
    state: 'waiting',
    verdict: /pulling its image for 3 min/,
    arrange: async (scene) => {
      const task = await scene.task('pulling');
      scene.later(200).launched(task, {}, 200);
    },
  },
  {
    name: 'a slow network interface',
    cause: 'task-starts-slowly',
    state: 'waiting',
    verdict: /has been starting for 4 min .*PROVISIONING/,
    arrange: async (scene) => {
      const task = await scene.task('provisioning');
      scene.later(240).launched(task, {}, 240);
    },
  },
  {
    name: 'a container that has just started',
    cause: 'agent-registering',
    state: 'waiting',
    verdict: /its agent is registering/,
    arrange: async (scene) => {
      scene.launched(await scene.task('running'));
    },
  },
  {
    name: 'a rejected agent token',
    cause: 'agent-token-rejected',
    state: 'blocked',
    verdict: /rejects the agent token of pool production/,
    arrange: async (scene) => {
      const task = await scene.task('running');
      scene.launched(task).agentSays(task, response(401));
    },
  },
  {
    name: 'a rejected agent token, after the back-off began',
    cause: 'agent-token-rejected',
    state: 'blocked',
    verdict: /rejects the agent token of pool production/,
    arrange: async (scene) => {
      const task = await scene.task('stopped');
      scene.agentSays(task, response(401));
      scene.launched(task, {}, 3).deferred('start-failures', 'tasks failed to start once, the last with: exit code 1');
    },
  },
  {
    name: 'an agent that HCP Terraform refuses',
    cause: 'agent-refused',
    state: 'blocked',
    verdict: /refuses to register the agent/,
    arrange: async (scene) => {
      const task = await scene.task('running');
      scene.launched(task).agentSays(task, response(403));
    },
  },
  {
    name: 'an agent without a route to HCP Terraform',
    cause: 'agent-cannot-register',
    state: 'blocked',
    verdict: /has not registered\. Its log says: .*no such host/,
    arrange: async (scene) => {
      const task = await scene.task('running');
      scene
        .launched(task)
        .agentSays(task, '[ERROR] core: Failed: error="dial tcp: lookup app.terraform.io: no such host"');
    },
  },
  {
    name: 'an agent that took another job',
    cause: 'agent-took-another-job',
    state: 'waiting',
    verdict: /took the job run-Other instead/,
    arrange: async (scene) => {
      const task = await scene.task('running');
      scene.launched(task).agentSays(task, ...REGISTERED, jobReceived('run-Other'));
    },
  },
  {
    name: 'an agent that gets no job',
    cause: 'agent-not-given-job',
    state: 'blocked',
    verdict: /has not given it the plan for 5 min/,
    arrange: async (scene) => {
      const task = await scene.task('running');
      scene.agentSays(task, ...REGISTERED).later(301);
      scene.launched(task, {}, 301);
    },
  },
  {
    name: 'an image that cannot be pulled',
    cause: 'image-cannot-be-pulled',
    state: 'blocked',
    verdict: /could not pull its image\. CannotPullContainerError/,
    arrange: async (scene) => {
      const stop = stage.system.ecs.failStart({ at: 'pull', reason: NOT_FOUND, times: 1 });
      const task = await stage.runTask(scene.planKey, 'running');
      await expect.poll(() => stage.system.ecs.task(task)?.lastStatus).toBe('STOPPED');
      stop();
      scene.launched(task);
    },
  },
  {
    name: 'an image that could not be pulled, more than an hour ago',
    cause: 'image-cannot-be-pulled',
    state: 'blocked',
    verdict: /could not pull its image/,
    arrange: async (scene) => {
      const task = 'd'.repeat(32);
      scene.launched(task).ended(task, {
        outcome: 'failed-to-start',
        stopCode: 'TaskFailedToStart',
        stoppedReason: NOT_FOUND,
        job: undefined,
      });
    },
  },
  {
    name: 'no capacity of Fargate Spot',
    cause: 'spot-without-capacity',
    state: 'waiting',
    verdict: /Fargate Spot had no capacity/,
    arrange: async (scene) => {
      stage.serve((pool) => ({
        ...pool,
        lanes: [
          { taskDefinition: `AgentLauncher_plan_${POOL}`, phases: ['plan'], capacity: 'spot' },
          { taskDefinition: `AgentLauncher_apply_${POOL}`, phases: ['apply'], policies: false },
        ],
      }));
      const task = 'e'.repeat(32);
      scene.launched(task).ended(task, {
        outcome: 'failed-to-start',
        stopCode: 'TaskFailedToStart',
        stoppedReason: CAPACITY,
        job: undefined,
      });
    },
    undo: () => stage.serve(),
  },
  {
    name: 'a task that ended without the job',
    cause: 'task-ended-without-job',
    state: 'blocked',
    verdict: /ended without taking it/,
    arrange: async (scene) => {
      const task = await scene.task('stopped');
      scene.launched(task).agentSays(task, ...REGISTERED);
    },
  },
  {
    name: 'a task that ECS does not list yet',
    cause: 'task-not-visible',
    state: 'waiting',
    verdict: /doesn't list it yet/,
    arrange: (scene) => scene.launched('f'.repeat(32)),
  },
  // -- Nothing decided
  {
    name: 'an agent that is idle already',
    cause: 'agent-available',
    state: 'waiting',
    verdict: /1 foreign, for 1 queued/,
    arrange: (scene) => scene.tick({ firstSeen: [scene.planKey], foreignIdle: 1 }),
  },
  {
    name: 'a launcher that has not polled yet',
    cause: 'not-polled-yet',
    state: 'waiting',
    verdict: /has not polled since/,
    arrange: (scene) => scene.tick({ queued: 0 }),
  },
  {
    name: 'a queue that is too long',
    cause: 'queue-too-long',
    state: 'waiting',
    verdict: /more queued jobs than the launcher reads/,
    arrange: (scene) => scene.later(900).tick({ queued: 700, unread: 'queued-jobs' }),
  },
  {
    name: 'a token that does not see the workspace',
    cause: 'not-seen',
    state: 'blocked',
    verdict: /doesn't list it to the launcher\. Its last tick counted 0 queued jobs in pool production/,
    arrange: (scene) => scene.later(900).tick({ queued: 0 }),
  },
  {
    name: 'a run that was queued before the log begins',
    cause: 'older-than-log',
    state: 'blocked',
    verdict: /goes back only 30 days/,
    arrange: (scene) => scene.later(40 * DAY).tick({ queued: 0 }),
  },
  {
    name: "no valid token of the user's",
    cause: 'hcp-terraform-unreadable',
    state: 'blocked',
    verdict: /can't read the run in HCP Terraform/,
    env: { TFE_TOKEN: 'wrong' },
    arrange: (scene) => scene.tick({ queued: 0 }),
  },
  {
    name: "no valid token of the user's, but a line in the launcher's log",
    cause: 'task-starting',
    state: 'waiting',
    verdict: /An agent is on its way/,
    env: { TFE_TOKEN: 'wrong' },
    arrange: async (scene) => {
      scene.launched(await scene.task('provisioning'));
    },
  },
];

async function scopePool(organizationScoped: boolean): Promise<void> {
  const { id } = stage.system.hcpTerraform.agentPool;
  await stage.hcpTerraform('PATCH', `/agent-pools/${id}`, {
    data: { type: 'agent-pools', attributes: { 'organization-scoped': organizationScoped } },
  });
}

describe('why', () => {
  test.each(CASES)(
    'explains $name: $cause',
    { timeout: 20_000 },
    async ({ pool, arrange, undo, env, cause, state, verdict }) => {
      const scene = await stage.scene(pool === undefined ? {} : { pool });
      const other = await arrange(scene);
      const runId = typeof other === 'string' ? other : scene.runId;
      try {
        const { code, stdout, stderr } = await scene.run(['why', runId, '--json'], env);
        expect(stderr).toBe('');
        const document = whyJson.parse(JSON.parse(stdout));
        expect(document.verdict).toMatch(verdict);
        expect({ run: document.run, cause: document.cause, state: document.state }).toEqual({
          run: runId,
          cause,
          state,
        });
        expect(code).toBe(state === 'blocked' ? 1 : 0);
      } finally {
        await undo?.(scene);
      }
    },
  );

  test('shows the page of the earlier run that a person must confirm', async () => {
    const scene = await stage.scene();
    const later = await stage.system.queueRun({ workspace: scene.workspace });
    scene.status('planned');
    const { stdout } = await scene.run(['why', later, '--json']);
    const { todo } = whyJson.parse(JSON.parse(stdout));
    expect(todo[0]).toMatch(
      new RegExp(`^Open https://\\S+/workspaces/${scene.workspace}/runs/${scene.runId} and confirm`),
    );
  });

  test('is tried for at least 40 causes over HTTP', () => {
    const tried = new Set(CASES.map(({ cause }) => cause));
    expect([...tried].filter((cause) => !CAUSE_IDS.includes(cause))).toEqual([]);
    expect(tried.size).toBeGreaterThanOrEqual(40);
  });

  test('prints one screen of text, without escape sequences if stdout is not a terminal', async () => {
    const scene = await stage.scene();
    const task = await scene.task('running');
    scene.launched(task).agentSays(task, '\u001b]0;owned\u0007starting', response(401));
    const { code, stdout } = await scene.run(['why', scene.runId]);
    expect(code).toBe(1);
    expect(stdout).toContain(`${scene.runId} is blocked (agent-token-rejected)`);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(26);
    expect(lines.filter((line) => line.length > 80 && !line.includes('https://localhost'))).toEqual([]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('\u0007');
  });

  test('names the run that an agent of a full pool executes, with one list of runs', async () => {
    const other = await stage.scene();
    const scene = await stage.scene();
    const task = await scene.task('running', 'run-Started/plan');
    other.takePlan(task);
    scene.deferred('max-agents', '4 live tasks of maxAgents 4', { live: { busy: 4 } });
    const { stdout } = await scene.run(['why', scene.runId, '--json']);
    const { verdict } = whyJson.parse(JSON.parse(stdout));
    expect(verdict).toContain(`plan of ${other.runId} in workspace ${other.workspace} for `);
    expect(verdict).not.toContain('run-Started');
    const status = await scene.run(['status', '--json']);
    expect(JSON.parse(status.stdout).notes.join(' ')).toMatch(/agents? (?:is|are) busy: /);
    expect(status.stdout).not.toContain('run-Started');
  });

  test('reads the first and the newest of thousands of lines about a run', async () => {
    const scene = (await stage.scene()).later(7200);
    const reason = '4 live tasks of maxAgents 4';
    const deferral = { jobKey: scene.planKey, cause: 'max-agents', reason };
    scene.tick({ firstSeen: [scene.planKey], deferrals: [deferral] }, 7000);
    for (let secondsAgo = 6990; secondsAgo > 5; secondsAgo -= 5) scene.tick({ deferrals: [deferral] }, secondsAgo);
    scene.deferred('agents-ceiling', 'every agent that agentsCeiling allows is registered or starting');
    const { stdout } = await scene.run(['why', scene.runId, '--json']);
    const document = whyJson.parse(JSON.parse(stdout));
    expect(document).toMatchObject({ cause: 'organization-limit' });
    expect(document.facts.map(({ text }) => text).join('\n')).toMatch(
      /saw the plan at .+, 3 min \d+ s after it was queued/,
    );
  });

  test.each([[[]], [['--json']]])('never prints its token if a server repeats the request: %j', async (options) => {
    const scene = await stage.scene();
    scene.launched(await scene.task('provisioning'));
    const { apiToken, faults } = stage.system.hcpTerraform;
    const title = `Bad request: authorization: Bearer ${apiToken}`;
    faults.next('GET', new RegExp(`/runs/${scene.runId}`), { kind: 'error', status: 400, title });
    const { stdout, stderr } = await scene.run(['why', scene.runId, ...options]);
    expect((stdout + stderr).replaceAll(/\s+/g, ' ')).toContain('Bad request: authorization: Bearer <token>');
    expect(stdout + stderr).not.toContain(apiToken);
  });

  test.each(['ws-abc', 'run-', '', '../run-x/..'])('refuses the run id %j with exit code 2', async (id) => {
    const scene = await stage.scene();
    const { code, stderr } = await scene.run(['why', id]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("isn't the id of a run")]);
  });

  test('takes the address of the page of a run', async () => {
    const scene = await stage.scene();
    const { stdout } = await scene.run([
      'why',
      `https://localhost/app/acme/workspaces/${scene.workspace}/runs/${scene.runId}`,
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ run: scene.runId });
  });

  describe('with logs of the network', () => {
    const GROUP = 'AgentLauncher-Gateways';
    const QUERIES = '/aws/vendedlogs/AgentLauncher-Network-DnsFirewall-Queries';
    const connect = (name: string, source = '10.0.0.1', at = Date.now()): void =>
      stage.system.addLogEvent({ group: GROUP, message: { source, name, verdict: 'refused' }, at });
    const lookUp = (name: string, source: string): void =>
      stage.system.addLogEvent({ group: QUERIES, message: queryLine(name, source), at: Date.now() });
    const ecsShows = async (task: string) => {
      const client = new ECSClient({});
      const { tasks = [] } = await client.send(new DescribeTasksCommand({ cluster: LAUNCHER, tasks: [task] }));
      client.destroy();
      const details = tasks[0]?.attachments?.[0]?.details ?? [];
      const address = details.find(({ name }) => name === 'privateIPv4Address')?.value ?? '';
      return { address, stoppedAtMs: tasks[0]?.stoppedAt?.getTime() ?? 0 };
    };
    const addressOf = async (task: string): Promise<string> => (await ecsShows(task)).address;
    const explained = async (scene: Scene) => {
      const { facts, ...rest } = whyJson.parse(JSON.parse((await scene.run(['why', scene.runId, '--json'])).stdout));
      return { ...rest, refused: facts.filter(({ source }) => source === 'Network').map(({ text }) => text) };
    };

    beforeEach(() => {
      const { cloudFormation, logs } = stage.system.ecs.aws;
      const stack = cloudFormation.stack(LAUNCHER);
      const added = [
        { key: OUTPUTS.gatewayLogGroup, value: GROUP },
        { key: OUTPUTS.dnsQueryLogGroup, value: QUERIES },
      ];
      cloudFormation.put({ ...stack, outputs: [...stack.outputs, ...added] });
      for (const group of [GROUP, QUERIES]) logs.store.createGroup(group);
      return () => {
        for (const group of [GROUP, QUERIES]) logs.store.deleteGroup(group);
        cloudFormation.put(stack);
      };
    });

    test('names the domains that a failed run was refused, and not those of other tasks', async () => {
      const scene = await stage.scene();
      const task = await scene.task('running');
      scene.launched(task).takePlan(task).status('errored');
      connect('before.example', await addressOf(task), scene.startedAt - 3_600_000);
      const address = await addressOf(task);
      connect('provider.example', address);
      for (const [name, source] of [
        ['registry.example.', address],
        ['registry.example.', address],
        ['other.example.', '192.0.2.99'],
      ] as const) {
        lookUp(name, source);
      }
      connect('other.example', '192.0.2.99');
      const { cause, refused, todo } = await explained(scene);
      expect(cause).toBe('errored');
      expect(refused).toEqual([
        expect.stringMatching(
          /^refused to the task: registry\.example \(2 lookups, last at \S+\) and provider\.example \(1 connection, at \S+\)$/,
        ),
      ]);
      expect(todo.at(-1)).toMatch(
        /^If the job needs registry\.example and provider\.example, add the domain to network\.allowedDomains/,
      );
    });

    test('names what tasks were refused at that time, if ECS no longer shows the task', async () => {
      const scene = await stage.scene();
      const task = 'b'.repeat(32);
      const iso = (secondsAgo: number) => new Date(scene.nowMs - secondsAgo * 1000).toISOString();
      scene.launched(task).takePlan(task).status('errored');
      scene.ended(task, { outcome: 'failed', createdAt: iso(900), stoppedAt: iso(600) });
      connect('provider.example', '10.0.0.1', scene.nowMs - 700_000);
      connect('after.example', '10.0.0.1', scene.nowMs - 300_000);
      expect((await explained(scene)).refused).toEqual([
        expect.stringMatching(/^refused to tasks while this task ran: provider\.example \(1 connection, at .+\)$/),
      ]);
    });

    test('has no advice about domains if the run succeeded', async () => {
      const scene = await stage.scene();
      const task = await scene.task('running');
      scene.launched(task).takePlan(task).status('planned_and_finished');
      connect('telemetry.example', await addressOf(task));
      const { cause, refused, todo } = await explained(scene);
      expect([cause, refused.length, todo]).toEqual(['finished', 1, []]);
    });

    test('doesn’t name what was refused after the task stopped, when another task can have its address', async () => {
      const scene = await stage.scene();
      const task = await scene.task('stopped');
      scene.launched(task).takePlan(task).status('errored');
      const { address, stoppedAtMs } = await ecsShows(task);
      connect('provider.example', address, stoppedAtMs - 1);
      connect('next.example', address, stoppedAtMs + 1_000);
      expect((await explained(scene)).refused).toEqual([
        expect.stringMatching(/^refused to the task: provider\.example \([^)]+\)$/),
      ]);
    });

    test('explains the run, and says which log may not be read', async () => {
      const scene = await stage.scene();
      const task = await scene.task('running');
      scene.launched(task).takePlan(task).status('errored');
      stage.system.ecs.aws.logs.store.deleteGroup(GROUP);
      expect(await explained(scene)).toMatchObject({
        cause: 'errored',
        refused: [expect.stringMatching(/^the log of the gateways could not be read \(.*does not exist/)],
      });
    });
  });

  test('explains the run with the other sources if the log may not be read', async () => {
    const scene = await stage.scene();
    stage.system.ecs.aws.logs.store.deleteGroup('/AgentLauncher/launcher');
    const { code, stdout } = await scene.run(['why', scene.runId, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ cause: 'log-unreadable' });
  });
});
