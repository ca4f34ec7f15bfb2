import { describe, expect, it } from 'vitest';
import {
  dayStartMs,
  type ObservedPool,
  type ObservedTask,
  type StatusInput,
  statusOf,
} from '../../../cli/core/status.ts';
import { statusJson } from '../../../cli/core/status-json.ts';
import type { Switches } from '../../../cli/core/switches.ts';
import type { TaskEndedLine, TickLine } from '../../../functions/launcher/log-lines.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const at = (secondsAgo: number) => new Date(NOW - secondsAgo * 1000).toISOString();

const ON: Switches = {
  schedule: { enabled: true, expression: 'rate(1 minute)', changedAtMs: undefined },
  reservedConcurrency: undefined,
  queues: [],
};

function tick(pool: Partial<TickLine['pools'][number]> = {}, secondsAgo = 10): TickLine {
  const message = pool.errors === undefined ? 'tick' : 'tick with errors';
  return {
    message,
    timestamp: at(secondsAgo),
    durationMs: 300,
    runListRequests: 1,
    pools: [{ pool: 'default', ...pool }],
  };
}

function task(id: string, more: Partial<ObservedTask> = {}): ObservedTask {
  const family = 'AgentLauncher_all_default';
  return { id, family, lastStatus: 'RUNNING', desiredStatus: 'RUNNING', createdAtMs: NOW - 60_000, ...more };
}

function ended(task: string, more: Partial<TaskEndedLine> = {}): TaskEndedLine {
  return {
    message: 'task ended',
    timestamp: at(100),
    task,
    pool: 'default',
    launchedFor: 'run-1/plan',
    run: 'run-1',
    family: 'AgentLauncher_all_default',
    cpu: 1024,
    memoryMiB: 2048,
    capacity: 'on-demand',
    architecture: 'x86_64',
    outcome: 'ended',
    seconds: { billed: 60 },
    dollars: 0.01,
    ...more,
  };
}

function input(more: Partial<StatusInput> = {}): StatusInput {
  return {
    nowMs: NOW,
    schedule: 'AgentLauncher',
    stack: { name: 'AgentLauncher', status: 'UPDATE_COMPLETE', region: 'eu-central-1', account: '111122223333' },
    pools: [{ name: 'default', maxAgents: 10, families: ['AgentLauncher_all_default'] }],
    startDeadlineMs: 300_000,
    switches: { value: ON },
    tick: { value: tick() },
    tasks: { value: { live: [], ids: new Set() } },
    hcpTerraform: { value: new Map([['default', observed([])]]) },
    alarms: { value: [{ name: 'AgentLauncher: Ticks fail', state: 'OK', since: undefined }] },
    ended: { value: [] },
    ...more,
  };
}

function observed(
  agents: readonly { name: string; status: 'idle' | 'busy' | 'unknown' | 'errored' | 'exited' }[],
): ObservedPool {
  return { agents: { value: agents }, queue: { value: { count: 0, oldestAtMs: undefined } } };
}

function withTasks(tasks: readonly ObservedTask[], pool: ObservedPool, more: Partial<StatusInput> = {}) {
  const ids = new Set(tasks.map(({ id }) => id));
  const status = statusOf(
    input({ tasks: { value: { live: tasks, ids } }, hcpTerraform: { value: new Map([['default', pool]]) }, ...more }),
  );
  return status.pools[0];
}

describe('statusOf', () => {
  it('finds no problem in a launcher that works, and its document matches the schema', () => {
    const status = statusOf(input());
    expect(status.problems).toEqual([]);
    expect(status.notes).toEqual([]);
    expect(status.launcher).toMatchObject({ state: 'running', schedule: 'rate(1 minute)' });
    expect(statusJson.parse(status)).toEqual(status);
  });

  it.each<[string, ObservedTask, Parameters<typeof observed>[0], object]>([
    ['starting, if its agent has not registered', task('a'), [], { starting: 1, live: 1 }],
    [
      'unknown, if its agent missed the start deadline',
      task('a', { createdAtMs: NOW - 301_000 }),
      [],
      { unknown: 1, live: 1 },
    ],
    ['busy', task('a'), [{ name: 'a', status: 'busy' }], { busy: 1, live: 1 }],
    ['idle', task('a'), [{ name: 'a', status: 'idle' }], { idle: 1, live: 1 }],
    ['unknown, if its agent is errored', task('a'), [{ name: 'a', status: 'errored' }], { unknown: 1, live: 1 }],
    ['leaving, if its agent has exited', task('a'), [{ name: 'a', status: 'exited' }], { leaving: 1, live: 0 }],
    [
      'busy, if an older row of its agent has exited',
      task('a'),
      [
        { name: 'a', status: 'exited' },
        { name: 'a', status: 'busy' },
      ],
      { busy: 1, live: 1 },
    ],
    [
      'leaving, if ECS stops it',
      task('a', { desiredStatus: 'STOPPED' }),
      [{ name: 'a', status: 'busy' }],
      { leaving: 1, busy: 0, live: 0 },
    ],
    [
      'not counted, if it belongs to another pool',
      task('a', { family: 'AgentLauncher_all_other' }),
      [],
      { live: 0, starting: 0 },
    ],
  ])('shows a task as %s', (_, one, agents, expected) => {
    expect(withTasks([one], observed(agents))).toMatchObject({ foreign: 0, agentsFrom: 'hcp-terraform', ...expected });
  });

  it('counts idle and busy agents that are no task of the cluster as foreign', () => {
    const agents = observed([
      { name: 'mine', status: 'busy' },
      { name: 'other-1', status: 'busy' },
      { name: 'other-2', status: 'idle' },
      { name: 'gone', status: 'exited' },
      { name: 'lost', status: 'unknown' },
    ]);
    expect(withTasks([task('mine')], agents)).toMatchObject({ busy: 1, foreign: 2 });
  });

  it('shows how long the oldest job has waited, by the clock of HCP Terraform', () => {
    const pool: ObservedPool = { agents: { value: [] }, queue: { value: { count: 3, oldestAtMs: NOW - 42_000 } } };
    expect(withTasks([], pool)).toMatchObject({ queued: 3, oldestQueuedSeconds: 42, queueFrom: 'hcp-terraform' });
  });

  it('shows what the last tick saw if there is no token, and says so', () => {
    const logged = {
      queued: 2,
      oldestQueuedSeconds: 9,
      live: { starting: 1, busy: 3, overdue: 1, lingering: 4 },
      foreignIdle: 1,
    };
    const status = statusOf(input({ tick: { value: tick(logged) }, hcpTerraform: { failure: 'There is no token.' } }));
    expect(status.pools[0]).toMatchObject({
      queued: 2,
      oldestQueuedSeconds: 9,
      starting: 1,
      busy: 3,
      idle: 0,
      unknown: 1,
      foreign: 1,
      queueFrom: 'log',
      agentsFrom: 'log',
    });
    expect(status.notes).toEqual(["There is no token. The queue and the agents are from the launcher's last tick."]);
    expect(status.problems).toEqual([]);
  });

  it('shows unknown numbers as null, never as 0', () => {
    const status = statusOf(input({ tick: { value: undefined }, hcpTerraform: { failure: 'No token.' } }));
    expect(status.pools[0]).toMatchObject({
      queued: null,
      busy: null,
      foreign: null,
      queueFrom: 'nowhere',
      agentsFrom: 'nowhere',
    });
  });

  it.each<[string, Partial<StatusInput>, string, RegExp]>([
    ['paused', { switches: { value: { ...ON, reservedConcurrency: 0 } } }, 'paused', /^The launcher is paused/],
    [
      'partly paused',
      {
        switches: {
          value: { ...ON, schedule: { ...ON.schedule, enabled: false }, queues: [{ id: 'q', state: 'Enabled' }] },
        },
      },
      'partly-paused',
      /^The launcher is partly paused: its schedule AgentLauncher is off\. Its queue of wake-ups is still on/,
    ],
    ['silent without a tick', { tick: { value: undefined } }, 'silent', /^The launcher is silent/],
    ['silent since its last tick', { tick: { value: tick({}, 301) } }, 'silent', /The last one was 301 s ago/],
    [
      'failing',
      {
        tick: {
          value: tick({ errors: [{ system: 'HCP Terraform', fault: 'rejected', message: 'the token is wrong' }] }),
        },
      },
      'failing',
      /^Pool default: HCP Terraform: the token is wrong$/,
    ],
  ])('reports a launcher that is %s', (_, more, state, what) => {
    const status = statusOf(input(more));
    expect(status.launcher.state).toBe(state);
    expect(status.problems).toEqual([{ what: expect.stringMatching(what), do: expect.any(String) }]);
    expect(statusJson.parse(status)).toEqual(status);
  });

  it('reports the remedy of a rejected API token, with its secret', () => {
    const message = 'HCP Terraform: the API token in secret acme/api-token was rejected, also after reading it again';
    const errors = [{ system: 'HCP Terraform', fault: 'rejected', message }];
    expect(statusOf(input({ tick: { value: tick({ errors }) } })).problems).toEqual([
      { what: `Pool default: ${message}`, do: expect.stringContaining('--secret-id acme/api-token ') },
    ]);
  });

  it.each([
    [
      'tasks that ECS refuses',
      { launches: [{ job: 'run-1/plan', reason: 'queued', outcome: 'refused', cause: 'quota', detail: 'the limit' }] },
      /^ECS refuses to start agents of pool default \(quota\): The limit\.$/,
      /quota in eu-central-1.*`agent-launcher why run-1`/,
    ],
    [
      'tasks that fail to start',
      {
        deferrals: [{ jobKey: 'run-1/plan', cause: 'start-failures', reason: 'tasks failed to start once' }],
        startFailures: [{ task: 't', detail: 'CannotPullContainerError: no', cause: 'image', remedy: 'push it' }],
      },
      /^Tasks of pool default fail to start: CannotPullContainerError: no\.$/,
      /^Push it\. A run that waits: `agent-launcher why run-1`\.$/,
    ],
  ])('reports %s with the remedy', (_, pool, what, remedy) => {
    expect(statusOf(input({ tick: { value: tick(pool) } })).problems).toEqual([
      { what: expect.stringMatching(what), do: expect.stringMatching(remedy) },
    ]);
  });

  it('notes a full pool with the runs in its slots, and a limit that defers jobs', () => {
    const full = {
      queued: 1,
      live: { busy: 10 },
      deferrals: [
        { jobKey: 'run-2/plan', cause: 'max-agents', reason: '10 live tasks of maxAgents 10' },
        { jobKey: 'run-3/plan', cause: 'launch-rate', reason: 'no time was left' },
      ],
    };
    const live = [task('a', { startedBy: 'run-1/apply' })];
    const { problems, notes } = statusOf(
      input({ tick: { value: tick(full) }, tasks: { value: { live, ids: new Set(['a']) } } }),
    );
    expect(problems).toEqual([]);
    expect(notes).toEqual([
      expect.stringMatching(
        /^Pool default is full: 10 live tasks of maxAgents 10 \(10 busy\), 1 queued\. 1 task was started for the apply of run-1 1 min ago; its agent may have taken another job, /,
      ),
      expect.stringMatching(/^Pool default starts no agent for 1 job now \(launch-rate\): No time was left\./),
    ]);
    expect(statusOf(input({ tick: { value: tick(full, 400) } })).notes).toEqual([]);
    const busy = [{ job: 'run-9/plan', agentName: 'a', workspace: 'network', sinceMs: NOW - 90_000 }];
    const observed = {
      agents: { value: [{ name: 'a', status: 'busy' as const }] },
      queue: { value: { count: 1, oldestAtMs: NOW } },
      busy: { value: busy },
    };
    const known = statusOf(
      input({
        tick: { value: tick(full) },
        tasks: { value: { live, ids: new Set(['a']) } },
        hcpTerraform: { value: new Map([['default', observed]]) },
      }),
    );
    expect(known.notes[0]).toMatch(
      /1 queued\. 1 agent is busy: plan of run-9 in workspace network for 1 min 30 s\. Wait/,
    );
  });

  it('reports runs in a pool that nobody serves as a note, and after three minutes as a problem', () => {
    const waits = (seconds: number) => ({
      name: 'staging',
      waiting: [{ id: 'run-7', workspace: 'search', queuedAtMs: NOW - seconds * 1000 }],
    });
    const early = statusOf(input({ unserved: [waits(60)] }));
    expect([early.problems, early.notes]).toEqual([
      [],
      [expect.stringMatching(/^One run waits in the pool staging, .*run-7 of workspace search \(1 min\)\. If another/)],
    ]);
    const late = statusOf(input({ unserved: [waits(240)] }));
    expect([late.problems, late.notes]).toEqual([
      [
        {
          what: expect.stringMatching(/run-7 of workspace search \(4 min\)\.$/),
          do: expect.stringMatching(/`agent-launcher setup --pool staging`.*Settings > General > Execution Mode/),
        },
      ],
      [],
    ]);
  });

  describe('of gateways', () => {
    const gateway = { gateway: 'launcher/gateway-1', status: 'awake', instance: 'i-1', ageDays: 3, startSeconds: 9 };
    const withGateways = (more: Partial<TickLine>) =>
      statusOf(input({ tick: { value: { ...tick(), gateways: [gateway], ...more } } }));

    it('is that of the last tick, and empty without gateways', () => {
      expect(withGateways({}).gateways).toEqual([
        { name: 'launcher/gateway-1', state: 'awake', instance: 'i-1', ageDays: 3, startSeconds: 9 },
      ]);
      const absent = { gateway: 'launcher/gateway-1', status: 'absent' };
      expect(withGateways({ gateways: [absent] }).gateways).toEqual([
        { name: 'launcher/gateway-1', state: 'absent', instance: null, ageDays: null, startSeconds: null },
      ]);
      expect(statusOf(input()).gateways).toEqual([]);
      expect(statusOf(input({ tick: { value: undefined } })).gateways).toEqual([]);
    });

    it('is a problem if there is one, with its remedy', () => {
      const problem = { cause: 'refused-capacity', detail: 'no capacity', remedy: 'choose another type' };
      const status = withGateways({ gatewayProblems: [{ gateway: 'launcher/gateway-1', ...problem }] });
      expect(status.gateways).toMatchObject([{ state: 'problem' }]);
      expect(status.problems).toEqual([
        {
          what: 'The gateway launcher/gateway-1 has a problem (refused-capacity): No capacity.',
          do: 'Choose another type.',
        },
      ]);
    });

    it('fails if EC2 can’t be read', () => {
      const status = withGateways({
        gatewayErrors: [{ system: 'EC2', fault: 'throttled', message: 'EC2: slow down' }],
      });
      expect(status.launcher).toMatchObject({ state: 'failing', lastTick: { errors: 1 } });
      expect(status.problems).toEqual([
        {
          what: 'The launcher could not look after its gateways. EC2: slow down.',
          do: expect.stringContaining('launches nothing until then'),
        },
      ]);
    });

    it('notes the jobs that wait for it', () => {
      const deferrals = [{ jobKey: 'run-1/plan', cause: 'gateway', reason: 'gateway x isn’t ready yet' }];
      expect(statusOf(input({ tick: { value: tick({ deferrals }) } })).notes).toEqual([
        'Pool default starts no agent for 1 job now (gateway): Gateway x isn’t ready yet. Wait for the next ticks.',
      ]);
    });
  });

  it('reports an alarm that is on with its heading in the runbook', () => {
    const name = 'AgentLauncher: Agents fail to start (default)';
    const status = statusOf(input({ alarms: { value: [{ name, state: 'ALARM', since: at(60) }] } }));
    expect(status.alarms).toEqual({ total: 1, on: [{ name, since: at(60) }] });
    expect(status.problems).toEqual([
      { what: `The alarm is on: ${name}.`, do: 'Runbook: docs/runbook.md, "Agents fail to start".' },
    ]);
  });

  it('reports a failed deployment, and notes one in progress', () => {
    const stack = input().stack;
    const failed = statusOf(input({ stack: { ...stack, status: 'UPDATE_ROLLBACK_COMPLETE' } }));
    expect(failed.problems[0]?.what).toContain('UPDATE_ROLLBACK_COMPLETE');
    for (const status of ['UPDATE_IN_PROGRESS', 'UPDATE_ROLLBACK_IN_PROGRESS']) {
      const going = statusOf(input({ stack: { ...stack, status } }));
      expect(going.problems).toEqual([]);
      expect(going.notes[0]).toContain(status);
    }
  });

  it('reports each thing that AWS did not answer once, because it may hide a problem', () => {
    const failure = 'Could not read the alarms: denied (AccessDenied)';
    const status = statusOf(input({ alarms: { failure }, ended: { failure } }));
    expect(status.problems).toEqual([{ what: 'Part of the status could not be read.', do: failure }]);
    expect(status.alarms).toBeNull();
    expect(status.today).toBeNull();
  });

  it('adds up the tasks of today', () => {
    const tasks = [
      ended('a'),
      ended('b', { outcome: 'out-of-memory' }),
      ended('c', { run: 'run-2', outcome: 'stopped' }),
    ];
    expect(statusOf(input({ ended: { value: tasks } })).today).toEqual({
      since: '2026-11-29T00:00:00.000Z',
      tasks: 3,
      runs: 2,
      failed: 1,
      dollars: expect.closeTo(0.03),
    });
  });
});

it('the day begins at midnight UTC', () => {
  expect(new Date(dayStartMs(NOW)).toISOString()).toBe('2026-11-29T00:00:00.000Z');
});

describe('a task that has been at work for half a day', () => {
  const notes = (seconds: number, job?: string) =>
    statusOf(
      input({ tick: { value: tick({ oldestTask: { task: 'abc', seconds, ...(job !== undefined && { job }) } }) } }),
    ).notes;

  it('is a note with its age and its job', () => {
    expect(notes(43_200, 'run-1/plan')).toEqual([
      'Pool default: task abc has been at work for 12 h (run-1/plan). If its job hangs, see docs/runbook.md, "A task runs too long".',
    ]);
    expect(notes(90_000)[0]).toContain('1 d 1 h (no run shows its job)');
  });

  it('is none while it is younger', () => {
    expect(notes(43_199, 'run-1/plan')).toEqual([]);
  });
});
