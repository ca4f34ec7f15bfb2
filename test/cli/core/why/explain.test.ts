import { describe, expect, it } from 'vitest';
import { RAN_TOO_LONG } from '../../../../cli/core/why/causes-of-runs.ts';
import type { Evidence } from '../../../../cli/core/why/evidence.ts';
import { CAUSE_IDS, explain } from '../../../../cli/core/why/explain.ts';
import * as launcher from '../../../../functions/launcher/core/task-outcome.ts';
import type { TaskEndedLine } from '../../../../functions/launcher/log-lines.ts';
import {
  APPLY,
  agentLog,
  deferredFor,
  evidence,
  isoBefore,
  LANE,
  launched,
  logOf,
  NOW,
  OTHER_TASK,
  PLAN,
  POOL,
  REGISTERED,
  RUN,
  refusedWith,
  SCOPE,
  secondsBefore,
  TASK,
  TWO_LANES,
  task,
  tickAt,
  WORKSPACE,
} from './evidence.ts';

const ahead = (status: string, isAutoApply: boolean) => ({ id: 'run-Earlier', status, isAutoApply });

const PULL_ERROR =
  'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 000000000000.dkr.ecr.eu-central-1.amazonaws.com/agent:1: not found';
const NOT_PULLED = {
  task: TASK,
  detail: PULL_ERROR,
  cause: 'image',
  remedy: 'the image does not exist. Correct its name or tag, or push it to the registry again',
};

const error = (system: string, fault: string, message: string) => ({ errors: [{ system, fault, message }] });
const withErrors = (system: string, fault: string, message: string) =>
  logOf([], { recentTicks: [tickAt(secondsBefore(5), error(system, fault, message))] });

function ended(changes: Partial<TaskEndedLine> = {}): TaskEndedLine {
  return {
    message: 'task ended',
    timestamp: isoBefore(30),
    task: TASK,
    pool: 'default',
    launchedFor: PLAN,
    run: RUN,
    workspace: 'ws-1',
    phase: 'plan',
    family: 'AgentLauncher_all_default',
    cpu: 1024,
    memoryMiB: 2048,
    capacity: 'on-demand',
    architecture: 'x86_64',
    outcome: 'ended',
    stoppedAt: isoBefore(40),
    seconds: { billed: 60 },
    dollars: 0.001,
    ...changes,
  };
}

const agentIn = (status: string) => ({ name: TASK, status, lastPingAtMs: secondsBefore(200) });

/** Each case: the cause, the state, and words of the verdict. */
const CASES: readonly [cause: string, state: string, verdict: RegExp, evidence: Evidence][] = [
  // -- The run itself
  [
    'run-unknown',
    'blocked',
    /shows no run run-Abc/,
    evidence({ run: { kind: 'not-found', tokenSource: 'TFE_TOKEN' } }),
  ],
  [
    'other-organization',
    'blocked',
    /belongs to the organization other\. The launcher AgentLauncher serves acme only/,
    evidence({ run: { workspace: { ...WORKSPACE, organization: 'other' } } }),
  ],
  [
    'ended-by-log',
    'done',
    /its plan ended: ended/,
    evidence({
      run: { kind: 'not-found', tokenSource: 'TFE_TOKEN' },
      log: logOf([launched(120)], { ended: [ended({ job: PLAN })] }),
    }),
  ],
  [
    'out-of-memory',
    'done',
    /ran out of memory \(2048 MiB\)/,
    evidence({
      run: { status: 'errored', planAgent: agentIn('exited') },
      log: logOf([], { ended: [ended({ job: PLAN, outcome: 'out-of-memory', exitCode: 137 })] }),
    }),
  ],
  [
    'spot-interrupted',
    'done',
    /AWS reclaimed the Spot capacity of its plan/,
    evidence({
      run: { status: 'errored', planAgent: agentIn('errored') },
      tasks: [task({ lastStatus: 'STOPPED', stopCode: 'SpotInterruption' })],
    }),
  ],
  [
    'ran-too-long',
    'done',
    /stopped its plan, which ran longer than maxJobHours allows \(run-\w+\/plan has run for 6\.5 hours, and maxJobHours is 6\)\./,
    evidence({
      run: { status: 'errored', planAgent: agentIn('errored') },
      tasks: [
        task({
          lastStatus: 'STOPPED',
          stopCode: 'UserInitiated',
          stoppedReason: `${RAN_TOO_LONG}${PLAN} has run for 6.5 hours, and maxJobHours is 6`,
        }),
      ],
    }),
  ],
  ['errored', 'done', /it errored in or before its plan/, evidence({ run: { status: 'errored' } })],
  ['canceled', 'done', /somebody discarded it/, evidence({ run: { status: 'discarded' } })],
  ['finished', 'done', /it has ended \(applied\)/, evidence({ run: { status: 'applied' } })],
  ['needs-policy-override', 'person', /A policy failed/, evidence({ run: { status: 'policy_override' } })],
  ['saved-plan', 'person', /The plan is saved/, evidence({ run: { status: 'planned_and_saved' } })],
  ['needs-decision', 'person', /before the plan failed/, evidence({ run: { status: 'pre_plan_awaiting_decision' } })],
  ['needs-confirmation', 'person', /until somebody confirms it/, evidence({ run: { status: 'planned' } })],
  ['needs-confirmation', 'person', /until somebody confirms it/, evidence({ run: { status: 'cost_estimated' } })],
  [
    'run-task-pending',
    'waiting',
    /waits for the run task security-scan, since 40 s/,
    evidence({
      run: {
        status: 'post_plan_running',
        runTasks: [{ name: 'security-scan', status: 'running' }],
      },
    }),
  ],
  ['run-tasks', 'waiting', /executes the run tasks/, evidence({ run: { status: 'pre_apply_running' } })],
  [
    'policies-without-agent',
    'blocked',
    /pool default starts none for policies/,
    evidence({
      run: { status: 'post_plan_running', sinceMs: secondsBefore(600) },
      launcher: { pools: [{ ...POOL, lanes: [{ ...LANE, acceptsPolicies: false }] }] },
    }),
  ],
  ['policies', 'waiting', /its policies are evaluated/, evidence({ run: { status: 'policy_checking' } })],
  ['cost-estimation', 'waiting', /estimates the cost/, evidence({ run: { status: 'cost_estimating' } })],
  ['fetching-configuration', 'waiting', /fetching the configuration/, evidence({ run: { status: 'fetching' } })],
  [
    'workspace-locked',
    'person',
    /network is locked by the user ada \("state surgery"\)/,
    evidence({
      run: {
        status: 'pending',
        workspace: {
          ...WORKSPACE,
          lockedBy: { type: 'users', id: 'user-1', name: 'ada' },
          lockedReason: 'state surgery',
        },
      },
    }),
  ],
  [
    'earlier-run-undecided',
    'person',
    /waits for run-Earlier of the same workspace \(network\), which waits for its confirmation \(planned\)\. Until somebody decides/,
    evidence({ run: { status: 'pending', ahead: ahead('planned', false) } }),
  ],
  [
    'earlier-run-undecided',
    'person',
    /which waits until somebody overrides a failed check \(policy_override\)/,
    evidence({ run: { status: 'pending', ahead: ahead('policy_override', true) } }),
  ],
  [
    'earlier-run',
    'waiting',
    /waits for run-Earlier of the same workspace \(network\), which HCP Terraform is about to confirm \(planned\)/,
    evidence({ run: { status: 'pending', ahead: ahead('planned', true) } }),
  ],
  [
    'earlier-run',
    'waiting',
    /which executes its apply \(applying\)/,
    evidence({ run: { status: 'pending', ahead: ahead('applying', false) } }),
  ],
  [
    'just-created',
    'waiting',
    /created moments ago/,
    evidence({ run: { status: 'pending', createdAtMs: secondsBefore(3), ahead: ahead('applied', false) } }),
  ],
  [
    'run-limit',
    'waiting',
    /limit of concurrent runs/,
    evidence({ run: { status: 'pending', createdAtMs: secondsBefore(400) } }),
  ],
  [
    'just-created',
    'waiting',
    /created moments ago/,
    evidence({ run: { status: 'pending', createdAtMs: secondsBefore(3) } }),
  ],
  [
    'agent-lost',
    'blocked',
    /HCP Terraform has not heard from it since 3 min 20 s \(unknown\)/,
    evidence({
      run: { status: 'planning', planAgent: agentIn('unknown') },
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(400) })],
    }),
  ],
  [
    'agent-lost',
    'blocked',
    /its task has stopped \(OutOfMemoryError/,
    evidence({
      run: { status: 'applying', applyQueuedAtMs: secondsBefore(100), applyAgent: agentIn('busy') },
      tasks: [
        task({
          startedBy: APPLY,
          lastStatus: 'STOPPED',
          exitCode: 137,
          containerReason: 'OutOfMemoryError: Container killed due to memory usage',
        }),
      ],
    }),
  ],
  [
    'running',
    'running',
    /The agent of task 01234567… has been executing its plan for 40 s/,
    evidence({
      run: { status: 'planning', planAgent: agentIn('busy') },
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(60) })],
    }),
  ],
  [
    'running',
    'running',
    /The agent build-machine has been/,
    evidence({ run: { status: 'planning', planAgent: { name: 'build-machine', status: 'busy' } } }),
  ],
  ['platform', 'waiting', /is moving the run on \(confirmed/, evidence({ run: { status: 'confirmed' } })],
  [
    'platform',
    'waiting',
    /is moving the run on \(planned/,
    evidence({ run: { status: 'planned', isAutoApply: true } }),
  ],
  [
    'unknown-status',
    'blocked',
    /the status dreaming, which this version doesn't know/,
    evidence({ run: { status: 'dreaming' } }),
  ],
  // -- Where the workspace sends its runs
  [
    'execution-mode',
    'blocked',
    /network uses the execution mode remote/,
    evidence({ run: { workspace: { ...WORKSPACE, executionMode: 'remote' }, pool: undefined } }),
  ],
  [
    'pool-not-served',
    'blocked',
    /uses the agent pool gpu, which the launcher AgentLauncher doesn't serve/,
    evidence({ run: { pool: { ...SCOPE, name: 'gpu' }, planQueuedAtMs: secondsBefore(180) } }),
  ],
  [
    'pool-not-served',
    'waiting',
    /doesn't serve\. Unless another launcher or an agent serves this pool, its runs wait forever\.$/,
    evidence({ run: { pool: { ...SCOPE, name: 'gpu' } } }),
  ],
  [
    'pool-not-allowed',
    'blocked',
    /default isn't allowed for the workspace network or its project Platform/,
    evidence({ run: { pool: { ...SCOPE, isOrganizationScoped: false, allowedProjectIds: ['prj-2'] } } }),
  ],
  // -- The launcher
  [
    'launcher-paused',
    'blocked',
    /The launcher is paused: its schedule AgentLauncher is off\. Queued runs wait\. Its last tick was at 11:00:00Z \(1 h ago\)/,
    evidence({ launcher: { schedule: 'DISABLED' }, log: logOf([], { recentTicks: [tickAt(secondsBefore(3600))] }) }),
  ],
  [
    'launcher-paused',
    'blocked',
    /reserved concurrency of its function is 0/,
    evidence({ launcher: { reservedConcurrency: 0 } }),
  ],
  [
    'launcher-paused',
    'blocked',
    /partly paused: its schedule AgentLauncher is off\. Its queue of wake-ups is still on/,
    evidence({ launcher: { schedule: 'DISABLED', queues: [{ id: 'q', state: 'Enabled' }] } }),
  ],
  [
    'launcher-paused',
    'waiting',
    /partly paused: its queue of wake-ups is off\. Its schedule is still on/,
    evidence({
      launcher: { queues: [{ id: 'q', state: 'Disabled' }] },
      log: logOf([], { recentTicks: [tickAt(secondsBefore(41))] }),
    }),
  ],
  [
    'launcher-fails',
    'blocked',
    /The launcher's function fails: Task timed out after 60\.00 seconds/,
    evidence({
      log: logOf([], {
        recentTicks: [tickAt(secondsBefore(600))],
        failures: [{ atMs: secondsBefore(30), line: 'Task timed out after 60.00 seconds' }],
      }),
    }),
  ],
  [
    'launcher-fails',
    'blocked',
    /configuration has 1 fault/,
    evidence({
      log: logOf([], {
        recentTicks: [],
        failures: [{ atMs: secondsBefore(30), line: "ConfigError: The launcher's configuration has 1 fault(s)" }],
      }),
    }),
  ],
  [
    'launcher-silent',
    'blocked',
    /its last tick was at 11:00:00Z/,
    evidence({ log: logOf([], { recentTicks: [tickAt(secondsBefore(3600))] }) }),
  ],
  ['launcher-silent', 'blocked', /has logged no tick/, evidence({ log: logOf([], { recentTicks: [] }) })],
  [
    'not-polled-yet',
    'waiting',
    /has not polled since/,
    // `status` and `doctor` count it as silent only after five minutes.
    evidence({ log: logOf([], { recentTicks: [tickAt(secondsBefore(299))] }) }),
  ],
  [
    'launcher-silent',
    'blocked',
    /its last tick was at 11:54:59Z/,
    evidence({ log: logOf([], { recentTicks: [tickAt(secondsBefore(301))] }) }),
  ],
  [
    'not-polled-yet',
    'waiting',
    /has not polled since/,
    evidence({
      launcher: { scheduleExpression: 'rate(5 minutes)' },
      log: logOf([], { recentTicks: [tickAt(secondsBefore(899))] }),
    }),
  ],
  [
    'api-token-rejected',
    'blocked',
    /rejects the launcher's API token \(secret agent-launcher\/api-token\)/,
    evidence({
      log: withErrors(
        'HCP Terraform',
        'rejected',
        "HCP Terraform: the API token in secret agent-launcher/api-token was rejected, also after reading the secret again; store a valid team or user API token in that secret (an agent token won't work) (GET /api/v2/organizations/acme/runs, status 401)",
      ),
    }),
  ],
  [
    'api-token-unreadable',
    'blocked',
    /can't use its API token\. Secrets Manager: secret agent-launcher\/api-token cannot be read \(ResourceNotFoundException\)/,
    evidence({
      log: withErrors(
        'Secrets Manager',
        'rejected',
        'Secrets Manager: secret agent-launcher/api-token cannot be read (ResourceNotFoundException): there is no such secret',
      ),
    }),
  ],
  [
    'pool-missing',
    'blocked',
    /can see no agent pool named "default"/,
    evidence({
      log: withErrors(
        'HCP Terraform',
        'rejected',
        'HCP Terraform: the API token can see no agent pool named "default" in organization "acme"; correct the name in the settings',
      ),
    }),
  ],
  [
    'launcher-throttled',
    'waiting',
    /throttles the launcher/,
    evidence({
      log: withErrors(
        'HCP Terraform',
        'throttled',
        'HCP Terraform: the user of this API token sent too many requests (GET /api/v2/organizations/acme/runs, status 429)',
      ),
    }),
  ],
  [
    'hcp-terraform-refuses',
    'blocked',
    /refuses a request of the launcher/,
    evidence({
      log: withErrors(
        'HCP Terraform',
        'rejected',
        'HCP Terraform: not found, or the API token is not allowed to see it; check the names in the settings and the team’s permissions (GET /api/v2/organizations/acme/runs, status 404)',
      ),
    }),
  ],
  [
    'hcp-terraform-unavailable',
    'waiting',
    /no usable answer from HCP Terraform/,
    evidence({
      log: withErrors(
        'HCP Terraform',
        'unavailable',
        'HCP Terraform: the server answered with an error (GET /api/v2/organizations/acme/runs, status 503)',
      ),
    }),
  ],
  [
    'ecs-unavailable',
    'blocked',
    /A request of the launcher to ECS failed/,
    evidence({ log: withErrors('ECS', 'rejected', 'ECS: the cluster was not found (ListTasks)') }),
  ],
  [
    'launcher-bug',
    'blocked',
    /A bug of the launcher/,
    evidence({
      log: withErrors(
        'launcher',
        'internal',
        'launcher: a bug in the launcher ended this tick for this pool: unexpected TypeError',
      ),
    }),
  ],
  // -- What the launcher decided
  [
    'max-agents',
    'waiting',
    /The pool default is full: 10 live tasks of maxAgents 10/,
    evidence({
      log: logOf([deferredFor('max-agents', '10 live tasks of maxAgents 10')], {
        recentTicks: [tickAt(secondsBefore(5), { live: { busy: 10 } })],
      }),
    }),
  ],
  [
    'lane-full',
    'waiting',
    /plans and applies share its 10 slots .*, and none is free for this apply/,
    evidence({
      run: { status: 'apply_queued', applyQueuedAtMs: secondsBefore(30) },
      launcher: { pools: [TWO_LANES] },
      log: logOf([deferredFor('max-agents', '10 live tasks of maxAgents 10', APPLY)], {
        recentTicks: [tickAt(secondsBefore(5), { live: { busy: 10 } })],
      }),
    }),
  ],
  [
    'organization-limit',
    'waiting',
    /organization's agent limit is reached/,
    evidence({
      log: logOf([deferredFor('agents-ceiling', 'every agent that agentsCeiling allows is registered or starting')]),
    }),
  ],
  [
    'organization-limit-unknown',
    'blocked',
    /another pool could not be read/,
    evidence({
      log: logOf([
        deferredFor(
          'agents-ceiling',
          'agentsCeiling allows no launch, because the agents of another pool in the organization could not be counted',
        ),
      ]),
    }),
  ],
  [
    'standby',
    'waiting',
    /is a standby.* only after the job has waited 120 s/,
    evidence({
      log: logOf([
        deferredFor(
          'standby',
          'this launcher is a standby: it starts an agent for a job only after the job has waited 120 s',
        ),
      ]),
    }),
  ],
  [
    'launch-rate',
    'waiting',
    /ECS starts 20 tasks per second/,
    evidence({
      log: logOf([
        deferredFor(
          'launch-rate',
          'ECS’s launch rate or the end of the invocation left no time; the next tick tries it again',
        ),
      ]),
    }),
  ],
  [
    'gateway',
    'waiting',
    /gateway isn't ready.* was asleep and is being started/,
    evidence({ log: logOf([deferredFor('gateway', 'gateway launcher/gateway-1 was asleep and is being started')]) }),
  ],
  [
    'gateway-problem',
    'blocked',
    /gateway launcher\/gateway-1 has a problem \(refused-capacity\): InsufficientInstanceCapacity: none/,
    evidence({
      log: logOf([deferredFor('gateway', 'it is refused')], {
        recentTicks: [
          tickAt(
            secondsBefore(5),
            {},
            {
              gatewayProblems: [
                {
                  gateway: 'launcher/gateway-1',
                  cause: 'refused-capacity',
                  detail: 'InsufficientInstanceCapacity: none',
                  remedy: 'choose another type',
                },
              ],
            },
          ),
        ],
      }),
    }),
  ],
  [
    'gateway-unreadable',
    'blocked',
    /could not look after its gateways\. EC2: slow down/,
    evidence({
      log: logOf([deferredFor('gateway', 'it could not be read')], {
        recentTicks: [
          tickAt(
            secondsBefore(5),
            {},
            {
              gatewayErrors: [{ system: 'EC2', fault: 'throttled', message: 'EC2: slow down' }],
            },
          ),
        ],
      }),
    }),
  ],
  [
    'start-failures',
    'blocked',
    /fail to start, so the launcher waits .* ECS says: Timeout waiting for network interface provisioning to complete\./,
    evidence({
      log: logOf([
        [
          secondsBefore(5),
          {
            deferrals: [
              {
                jobKey: PLAN,
                cause: 'start-failures',
                reason:
                  'tasks failed to start 3 times in a row, the last with: Timeout waiting for network interface provisioning to complete.',
              },
            ],
          },
        ],
      ]),
    }),
  ],
  [
    'image-cannot-be-pulled',
    'blocked',
    /could not pull its image\. CannotPullContainerError/,
    evidence({
      log: logOf([
        launched(35),
        [
          secondsBefore(5),
          {
            deferrals: [
              {
                jobKey: PLAN,
                cause: 'start-failures',
                reason: `tasks failed to start once, the last with: ${PULL_ERROR}`,
              },
            ],
            startFailures: [NOT_PULLED],
          },
        ],
      ]),
      tasks: [task({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart', stoppedReason: PULL_ERROR })],
    }),
  ],
  [
    'image-cannot-be-pulled',
    'blocked',
    /could not pull its image/,
    evidence({
      log: logOf([launched(35)]),
      tasks: [task({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart', stoppedReason: PULL_ERROR })],
    }),
  ],
  [
    'ecs-quota',
    'blocked',
    /quota is used up/,
    evidence({
      log: logOf([
        refusedWith(
          'quota',
          'You’ve reached the limit on the number of vCPUs you can run concurrently',
          'the account has reached its Fargate vCPU quota. Raise it',
        ),
      ]),
    }),
  ],
  [
    'ecs-capacity',
    'waiting',
    /Fargate has no capacity/,
    evidence({
      log: logOf([
        refusedWith(
          'capacity',
          'Capacity is unavailable at this time. Please try again later or in a different availability zone',
          'Fargate has no capacity in these Availability Zones now',
        ),
      ]),
    }),
  ],
  [
    'ecs-permission',
    'blocked',
    /a permission is missing/,
    evidence({
      log: logOf([
        refusedWith(
          'access',
          'AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/x is not authorized to perform: ecs:RunTask',
          'the function’s role is not allowed to do this. Deploy the stack again',
        ),
      ]),
    }),
  ],
  [
    'ecs-throttled',
    'waiting',
    /ECS throttles/,
    evidence({
      log: logOf([refusedWith('throttled', 'ThrottlingException: Rate exceeded', 'ECS throttled the call. Wait')]),
    }),
  ],
  [
    'ecs-addresses',
    'blocked',
    /no free address/,
    evidence({
      log: logOf([
        refusedWith('addresses', 'InsufficientFreeAddressesInSubnet', 'the subnets have no free IP address left'),
      ]),
    }),
  ],
  [
    'ecs-refuses',
    'blocked',
    /ECS refuses the task \(misconfiguration\)/,
    evidence({
      log: logOf([
        refusedWith(
          'misconfiguration',
          'ClusterNotFoundException: Cluster not found.',
          'the cluster was deleted. Deploy the stack again',
        ),
      ]),
    }),
  ],
  [
    'launch-failed',
    'waiting',
    /gave no clear answer/,
    evidence({ log: logOf([launched(5, { outcome: 'failed', task: undefined })]) }),
  ],
  // -- The task
  [
    'task-starting',
    'waiting',
    /started task 01234567… 20 s ago, and ECS prepares it/,
    evidence({ log: logOf([launched(20)]), tasks: [task()] }),
  ],
  [
    'task-starting',
    'waiting',
    /on demand because Spot had no capacity, and it pulls its image/,
    evidence({
      log: logOf([launched(20, { insteadOfSpot: true })]),
      tasks: [task({ pullStartedAtMs: secondsBefore(10) })],
    }),
  ],
  [
    'task-pulls-slowly',
    'waiting',
    /pulling its image for 3 min 20 s/,
    evidence({
      log: logOf([launched(220)]),
      tasks: [task({ createdAtMs: secondsBefore(220), pullStartedAtMs: secondsBefore(200) })],
    }),
  ],
  [
    'task-starts-slowly',
    'waiting',
    /has been starting for 4 min/,
    evidence({
      log: logOf([launched(240)]),
      tasks: [task({ lastStatus: 'PROVISIONING', createdAtMs: secondsBefore(240) })],
    }),
  ],
  [
    'agent-registering',
    'waiting',
    /its agent is registering/,
    evidence({ log: logOf([launched(30)]), tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(3) })] }),
  ],
  [
    'agent-token-rejected',
    'blocked',
    /rejects the agent token of pool default.*status=401/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
      agentLog: agentLog(
        '2026-11-29T11:59:58.000Z [ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status=401',
      ),
    }),
  ],
  [
    'agent-token-replaced',
    'waiting',
    /rejected the agent token of task 01234567…, which started at 11:59:30Z\. The secret of pool default was changed after that, at 11:59:50Z \(10 s ago\)/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'STOPPED', createdAtMs: secondsBefore(30), exitCode: 1 })],
      agentTokenChangedAtMs: secondsBefore(10),
      agentLog: agentLog('[ERROR] core: https://localhost rejected the agent token (401): it is wrong or was revoked.'),
    }),
  ],
  [
    'agent-token-rejected',
    'blocked',
    /rejects the agent token of pool default/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'STOPPED', createdAtMs: secondsBefore(30), exitCode: 1 })],
      agentTokenChangedAtMs: secondsBefore(3600),
      agentLog: agentLog('[ERROR] core: https://localhost rejected the agent token (401): it is wrong or was revoked.'),
    }),
  ],
  [
    'agent-token-rejected',
    'blocked',
    /rejects the agent token of pool default/,
    evidence({
      log: logOf([
        launched(60),
        [
          secondsBefore(5),
          {
            deferrals: [
              {
                jobKey: PLAN,
                cause: 'start-failures',
                reason: 'tasks failed to start once, the last with: exit code 1',
              },
            ],
          },
        ],
      ]),
      tasks: [
        task({
          lastStatus: 'STOPPED',
          startedAtMs: secondsBefore(30),
          exitCode: 1,
          stopCode: 'EssentialContainerExited',
        }),
      ],
      agentLog: agentLog(
        '{"@level":"error","@message":"Unexpected HTTP response code","@module":"core","method":"POST","url":"https://app.terraform.io/api/agent/register","status":401}',
      ),
    }),
  ],
  [
    'agent-refused',
    'blocked',
    /refuses to register the agent/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
      agentLog: agentLog(
        '2026-11-29T11:59:58.000Z [ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status=403',
      ),
    }),
  ],
  [
    'agent-cannot-register',
    'blocked',
    /has not registered\. Its log says: .*no such host/,
    evidence({
      log: logOf([launched(60)]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(20) })],
      agentLog: agentLog(
        '2026-11-29T11:59:50.000Z [ERROR] core: Failed: error="dial tcp: lookup app.terraform.io: no such host"',
      ),
    }),
  ],
  [
    'agent-idle',
    'waiting',
    /is registered, and asks for its job/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
      agentLog: agentLog(...REGISTERED),
    }),
  ],
  [
    'agent-not-given-job',
    'blocked',
    /has not given it the plan for 5 min/,
    evidence({
      run: { planQueuedAtMs: secondsBefore(360), sinceMs: secondsBefore(360) },
      log: logOf([launched(350)]),
      tasks: [task({ lastStatus: 'RUNNING', createdAtMs: secondsBefore(350), startedAtMs: secondsBefore(300) })],
      agentLog: agentLog(...REGISTERED),
    }),
  ],
  [
    'agent-took-another-job',
    'waiting',
    /took the job run-Other instead/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
      agentLog: agentLog(
        ...REGISTERED,
        '2026-11-29T11:59:59.000Z [INFO]  core: Job received: job_type=plan job_id=run-Other',
      ),
    }),
  ],
  [
    'agent-took-job',
    'waiting',
    /has received the job/,
    evidence({
      log: logOf([launched(30)]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
      agentLog: agentLog(
        ...REGISTERED,
        `2026-11-29T11:59:59.000Z [INFO]  core: Job received: job_type=plan job_id=${RUN}`,
      ),
    }),
  ],
  [
    'spot-without-capacity',
    'waiting',
    /Fargate Spot had no capacity/,
    evidence({
      launcher: { pools: [TWO_LANES] },
      log: logOf([launched(30)]),
      tasks: [
        task({
          lastStatus: 'STOPPED',
          stopCode: 'TaskFailedToStart',
          stoppedReason:
            'Capacity is unavailable at this time. Please try again later or in a different availability zone',
        }),
      ],
    }),
  ],
  [
    'task-failed-to-start',
    'blocked',
    /failed to start \(dns\)/,
    evidence({
      log: logOf([launched(30)], {
        recentTicks: [
          tickAt(secondsBefore(5), {
            startFailures: [
              {
                task: TASK,
                detail: 'dial tcp: lookup registry.example on 10.0.0.2:53: no such host',
                cause: 'dns',
                remedy: 'the tasks cannot resolve registry.example',
              },
            ],
          }),
        ],
      }),
      tasks: [task({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart' })],
    }),
  ],
  [
    'task-ended-without-job',
    'blocked',
    /ended without taking it \(.*exit code 75\)/,
    evidence({
      log: logOf([launched(400)]),
      tasks: [
        task({
          lastStatus: 'STOPPED',
          startedAtMs: secondsBefore(380),
          exitCode: 75,
          stopCode: 'EssentialContainerExited',
        }),
      ],
      agentLog: agentLog(...REGISTERED),
    }),
  ],
  ['task-not-visible', 'waiting', /ECS doesn't list it yet/, evidence({ log: logOf([launched(3)]) })],
  // -- Nothing decided
  [
    'agent-available',
    'waiting',
    /starting or idle for the run already \(2 of the launcher's, for 1 queued\)/,
    evidence({
      log: logOf([[secondsBefore(30), { firstSeen: [PLAN] }]], {
        recentTicks: [tickAt(secondsBefore(5), { unclaimed: 2, live: { starting: 2 } })],
      }),
    }),
  ],
  [
    'queue-too-long',
    'waiting',
    /more queued jobs than the launcher reads/,
    evidence({
      run: { planQueuedAtMs: secondsBefore(900) },
      log: logOf([], { recentTicks: [tickAt(secondsBefore(5), { queued: 700, unread: 'queued-jobs' })] }),
    }),
  ],
  ['not-polled-yet', 'waiting', /queued 40 s ago, and the launcher has not polled since/, evidence()],
  [
    'older-than-log',
    'blocked',
    /goes back only 1 day\./,
    evidence({ run: { planQueuedAtMs: secondsBefore(3 * 86_400) }, launcher: { logRetentionDays: 1 } }),
  ],
  [
    'not-seen',
    'blocked',
    /^The run is queued, but HCP Terraform doesn't list it to the launcher/,
    evidence({ run: { planQueuedAtMs: secondsBefore(900) } }),
  ],
  [
    'log-unreadable',
    'blocked',
    /The launcher's log can't be read/,
    evidence({ log: logOf([], { recentTicks: [], unreadable: 'AccessDeniedException' }) }),
  ],
  [
    'hcp-terraform-unreadable',
    'blocked',
    /can't read the run in HCP Terraform/,
    evidence({ run: { kind: 'unreadable', reason: 'There is no token for app.terraform.io' } }),
  ],
  [
    'nothing-known',
    'blocked',
    /shows why the run waits/,
    evidence({ run: { planQueuedAtMs: secondsBefore(900), pool: undefined } }),
  ],
  // -- The launcher's log alone
  [
    'task-starting',
    'waiting',
    /An agent is on its way/,
    evidence({ run: { kind: 'unreadable', reason: 'no token' }, log: logOf([launched(20)]), tasks: [task()] }),
  ],
];

describe('explain', () => {
  it.each(CASES)('finds the cause %s, which is %s: %s', (cause, state, verdict, given) => {
    const explanation = explain(given);
    expect(explanation.verdict).toMatch(verdict);
    expect(explanation).toMatchObject({ cause, state, runId: RUN });
    if (state === 'blocked' || state === 'person') expect(explanation.todo).not.toEqual([]);
  });

  it('has a case for every cause', () => {
    expect([...new Set(CASES.map(([cause]) => cause))].sort()).toEqual([...CAUSE_IDS].sort());
  });

  it('writes whole sentences without gaps', () => {
    for (const [, , , given] of CASES) {
      const { verdict, todo } = explain(given);
      for (const text of [verdict, ...todo]) {
        expect(text).toMatch(/^[A-Z][\s\S]*[.)`]$/);
        expect(text).not.toMatch(/ {2}|undefined|NaN| ,|\.\.(?!\.)/);
      }
    }
  });

  it('uses the singular for one thing', () => {
    for (const [, , , given] of CASES) {
      const { verdict, todo, facts } = explain(given);
      for (const text of [verdict, ...todo, ...facts.map((fact) => fact.text)]) {
        expect(text).not.toMatch(/\b1 (?!(?:is|was|has|s)\b)(?:live |queued )?\w+s\b/);
      }
    }
  });

  it('knows why a task did not start before the launcher has logged it', () => {
    const stoppedReason =
      'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/hashicorp/tfc-agent:1.33.0: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.';
    const tasks = [task({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart', stoppedReason })];
    const { cause, todo } = explain(evidence({ log: logOf([launched(4)]), tasks }));
    expect(cause).toBe('image-cannot-be-pulled');
    expect(todo[0]).toMatch(/^The registry’s pull limit is used up.*agentImage\.credentialsSecret/);
  });

  it('says what ended a task without a job, if the exit code shows it', () => {
    const tasks = [
      task({
        lastStatus: 'STOPPED',
        startedAtMs: secondsBefore(9),
        stopCode: 'EssentialContainerExited',
        exitCode: 78,
      }),
    ];
    const { cause, todo } = explain(evidence({ log: logOf([launched(20)]), tasks }));
    expect([cause, todo[0]]).toEqual([
      'task-ended-without-job',
      expect.stringContaining('entrypoint rejected a setting'),
    ]);
  });

  it('says that another task than the one that was started for the plan executed it', () => {
    const run = { status: 'planning', planAgent: { name: OTHER_TASK } };
    const other = task({ id: OTHER_TASK, startedBy: 'run-Other/plan', lastStatus: 'RUNNING' });
    const { facts } = explain(evidence({ log: logOf([launched(60)]), run, tasks: [other] }));
    const texts = facts.map(({ text }) => text).join('\n');
    expect(texts).toMatch(
      new RegExp(
        `started task ${TASK} for the plan at .+ \\(1 job queued, no free agent\\); the agent of another task took the plan`,
      ),
    );
    expect(texts).toContain(`task ${OTHER_TASK} is RUNNING`);
  });

  it('names the phase that the launcher saw, and puts a decision before a newer task', () => {
    const { facts } = explain(
      evidence({
        log: logOf([deferredFor('max-agents', '1 live task of maxAgents 1')]),
        tasks: [task({ createdAtMs: secondsBefore(1) })],
      }),
    );
    expect(facts.filter(({ source }) => source === 'Launcher').map(({ text }) => text)).toEqual([
      expect.stringMatching(/^saw the plan at .+, 35 s after it was queued$/),
      expect.stringMatching(/^deferred the launch at first, last at /),
      expect.stringMatching(/^last tick at .+, before the task was started: 1 queued, 1 starting$/),
    ]);
  });

  it('finds the remedy of a back-off whose start failures the log no longer shows', () => {
    const reason = `tasks failed to start 3 times in a row, the last with: ${PULL_ERROR}`;
    const { todo } = explain(evidence({ log: logOf([deferredFor('start-failures', reason)]) }));
    expect(todo[0]).toMatch(/^The image does not exist\./);
  });

  it('advises in steps about a pool that the launcher does not serve', () => {
    expect(explain(evidence({ run: { pool: { ...SCOPE, name: 'gpu' } } })).todo).toEqual([
      expect.stringMatching(/`agent-launcher setup --pool gpu`, which adds it to the settings, and deploy\.$/),
      expect.stringMatching(/a pool of this launcher \(default\) .*Settings > General > Execution Mode\.$/),
      expect.stringContaining(`\`agent-launcher why ${RUN} --stack NAME\``),
    ]);
  });

  it('says which jobs the agents of a full pool execute, not which their tasks were started for', () => {
    const tasks = [{ taskId: TASK, startedFor: 'run-Other/plan', createdAtMs: secondsBefore(56) }];
    const busy = [{ job: 'run-Slow/apply', agentName: TASK, workspace: 'slow', sinceMs: secondsBefore(300) }];
    const log = logOf([deferredFor('max-agents', '1 live task of maxAgents 1')]);
    expect(explain(evidence({ log, slots: { tasks, busy } })).verdict).toBe(
      'The pool default is full: 1 live task of maxAgents 1. 1 agent is busy: apply of run-Slow in workspace slow for 5 min.',
    );
    expect(explain(evidence({ log, slots: { tasks } })).verdict).toMatch(
      /1 task was started for the plan of run-Other 56 s ago; its agent may have taken another job/,
    );
  });

  it.each([
    [{}, /^No task of this launcher is live\. So other tasks of the account use the quota in eu-central-1/],
    [{ busy: 1 }, /Or lower maxAgents: this launcher has 1 live task\.$/],
  ])('advises about the quota by the live tasks %j', (live, expected) => {
    const { todo } = explain(
      evidence({
        log: logOf([refusedWith('quota', 'You’ve reached the limit on the number of vCPUs', 'Raise it')], {
          recentTicks: [tickAt(secondsBefore(5), { live })],
        }),
      }),
    );
    expect(todo[0]).toMatch(expected);
    expect(todo.join(' ')).toMatch(/doctor --only quotas.*asks ECS again in every tick/);
  });

  it('says how to create and store the API token, with its permissions and the secret', () => {
    const message =
      'HCP Terraform: the API token in secret arn:aws:secretsmanager:eu-central-1:111122223333:secret:team/api-token-AbCdEf was rejected, also after reading the secret again';
    const { todo } = explain(evidence({ log: withErrors('HCP Terraform', 'rejected', message) }));
    expect(todo.join(' ')).toMatch(
      /Settings, Teams.*"View all workspaces" and "Manage agent pools".*--secret-id team\/api-token --secret/,
    );
  });

  it('shows the error of the other pool that prevents counting the agents', () => {
    const reason =
      'agentsCeiling allows no launch, because the agents of another pool in the organization could not be counted';
    const tick = tickAt(secondsBefore(5));
    const other = {
      pool: 'gpu',
      ...error('HCP Terraform', 'unavailable', 'HCP Terraform: the server answered with an error'),
    };
    const recentTicks = [{ ...tick, line: { ...tick.line, pools: [...tick.line.pools, other] } }];
    const { verdict } = explain(evidence({ log: logOf([deferredFor('agents-ceiling', reason)], { recentTicks }) }));
    expect(verdict).toMatch(/ Pool gpu: HCP Terraform: the server answered with an error\.$/);
  });

  it('recommends shorter polls of an idle pool only if the pool is idle', () => {
    const todo = (live: Record<string, number>) =>
      explain(evidence({ log: logOf([], { recentTicks: [tickAt(secondsBefore(5), { queued: 0, live })] }) })).todo;
    expect(todo({})).toEqual([expect.stringContaining('idlePollSeconds')]);
    expect(todo({ busy: 1 })).toEqual(['Wait for the next tick.']);
  });

  it('prefers the live task over the error of a single tick', () => {
    const given = evidence({
      log: logOf([launched(20)], {
        recentTicks: [
          tickAt(
            secondsBefore(5),
            error('HCP Terraform', 'unavailable', 'HCP Terraform: the server answered with an error'),
          ),
        ],
      }),
      tasks: [task()],
    });
    expect(explain(given).cause).toBe('task-starting');
  });

  it('prefers the newest decision: a job whose agent took another job is deferred afterwards', () => {
    const given = evidence({
      log: logOf([launched(60), deferredFor('max-agents', '10 live tasks of maxAgents 10')]),
      tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(30) })],
      agentLog: agentLog(
        ...REGISTERED,
        '2026-11-29T11:59:59.000Z [INFO]  core: Job received: job_type=plan job_id=run-Other',
      ),
    });
    expect(explain(given).cause).toBe('max-agents');
  });

  it("explains a back-off that another run's task caused by that task's log", () => {
    const failure = {
      task: OTHER_TASK,
      detail: 'exit code 1',
      cause: 'agent',
      remedy: 'the agent ended before it registered',
    };
    const given = evidence({
      log: logOf([
        [
          secondsBefore(5),
          {
            deferrals: [
              {
                jobKey: PLAN,
                cause: 'start-failures',
                reason: 'tasks failed to start 2 times in a row, the last with: exit code 1',
              },
            ],
            startFailures: [failure],
          },
        ],
      ]),
      tasks: [
        task({
          id: OTHER_TASK,
          startedBy: 'run-Other/plan',
          lastStatus: 'STOPPED',
          startedAtMs: secondsBefore(60),
          exitCode: 1,
        }),
      ],
      agentLog: {
        ...agentLog(
          'entrypoint: x',
          '[ERROR] core: https://localhost rejected the agent token (401): it is wrong or was revoked.',
        ),
        taskId: OTHER_TASK,
      },
    });
    expect(explain(given).cause).toBe('agent-token-rejected');
  });

  it('says since when a limit has deferred the job', () => {
    const at = (seconds: number) =>
      [secondsBefore(seconds), deferredFor('max-agents', '10 live tasks of maxAgents 10')[1]] as const;
    expect(explain(evidence({ log: logOf([at(605), at(300), at(5)]) })).verdict).toContain('since 10 min');
  });

  it('lists where the facts are from', () => {
    const { facts, agentLog: lines } = explain(
      evidence({
        log: logOf([launched(30)]),
        tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
        agentLog: agentLog(...REGISTERED),
      }),
    );
    expect(facts).toEqual([
      { source: 'HCP Terraform', text: 'plan_queued since 11:59:20Z (40 s ago)' },
      { source: 'HCP Terraform', text: 'workspace network (acme), execution mode agent' },
      { source: 'HCP Terraform', text: 'agent pool default, served by AgentLauncher' },
      { source: 'HCP Terraform', text: `https://app.terraform.io/app/acme/workspaces/network/runs/${RUN}` },
      { source: 'Launcher', text: 'saw the plan at 11:59:30Z, 10 s after it was queued' },
      { source: 'Launcher', text: `started task ${TASK} for the plan at 11:59:30Z (1 job queued, no free agent)` },
      { source: 'Launcher', text: 'last tick at 11:59:55Z (5 s ago): 1 queued, 1 starting' },
      { source: 'ECS', text: `task ${TASK} is RUNNING since 11:59:55Z (5 s ago)` },
    ]);
    expect(lines).toHaveLength(2);
  });

  it('uses the time that the evidence has, not the clock', () => {
    expect(explain(evidence({ nowMs: NOW + 3_600_000 })).verdict).not.toBe(explain(evidence()).verdict);
  });
});

it('a task that the launcher stopped because of maxJobHours has the launcher’s own reason', () => {
  expect(RAN_TOO_LONG).toBe(`${launcher.STOP_REASON_PREFIX}${launcher.RAN_TOO_LONG}: `);
});

it('an interrupted apply that ran too long needs a look at the infrastructure', () => {
  const stopped = {
    lastStatus: 'STOPPED',
    startedBy: APPLY,
    stopCode: 'UserInitiated',
    stoppedReason: `${RAN_TOO_LONG}${APPLY} has run for 12.1 hours, and phases.apply.maxJobHours is 12`,
  };
  const run = { status: 'errored', applyQueuedAtMs: secondsBefore(50_000), applyAgent: agentIn('errored') } as const;
  const { cause, todo } = explain(evidence({ run, tasks: [task(stopped)] }));
  expect(cause).toBe('ran-too-long');
  expect(todo.at(-1)).toContain('may have changed only a part');
});
