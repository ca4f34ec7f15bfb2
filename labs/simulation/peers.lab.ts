/**
 * Defects that other launchers shipped, each as a separate world in which our launcher must keep its promises. References are
 * issues and pull requests of the repositories named; "operator" is hashicorp/hcp-terraform-operator.
 */
import { describe, expect, it } from 'vitest';
import { isNewEnough } from '../../functions/launcher/adapters/hcp-terraform/version.ts';
import { demandOf } from '../../functions/launcher/core/demand.ts';
import { taskFamily } from '../../lib/names.ts';
import { LAUNCHER } from '../../test/simulation/launcher.ts';
import { scenarioOf } from '../../test/simulation/profiles.ts';
import {
  type FaultKind,
  type Happening,
  type RunCreated,
  type Scenario,
  type ScenarioEvent,
  type WorldSettings,
  wholeLane,
} from '../../test/simulation/scenario.ts';
import { type Outcome, simulate } from '../../test/simulation/world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const POOL = {
  name: 'pool-0',
  id: 'apool-0',
  idGiven: true,
  organization: 'org-main',
  apiTokenSecret: 'secret-main',
  lanes: [wholeLane('launcher-pool-0')],
  maxAgents: 10,
};

const SETTINGS: WorldSettings = {
  ...scenarioOf('peers', 'calm').settings,
  pools: [POOL],
  agentsCeiling: undefined,
  activePollMs: 10 * SECOND,
  startDeadlineMs: 5 * MINUTE,
  idleWindowMs: 2 * MINUTE,
  agentsVisible: true,
  agentNamesInRuns: true,
  runsPageCap: 100,
  ecsPageCap: 100,
  hcpSkewMs: 0,
  ecsSkewMs: 0,
  usualLagMs: 0,
  tokenLife: '24h',
};

const RUN: RunCreated = {
  kind: 'run',
  pool: 'pool-0',
  workspace: 'ws-1',
  operation: 'plan_and_apply',
  approval: 'auto',
  approvalMs: MINUTE,
  planMs: 30 * SECOND,
  applyMs: 40 * SECOND,
  before: [],
  between: [],
};

const planOnly: RunCreated = { ...RUN, operation: 'plan_only' };
const at = (minutes: number, happening: Happening): [number, Happening] => [minutes * MINUTE, happening];

/** Runs a world with these events, and expects every promise to be kept in it. */
async function world(
  events: readonly [number, Happening][],
  settings: Partial<WorldSettings> = {},
  seed = 'peers',
): Promise<Outcome> {
  const scenario: Scenario = {
    seed,
    profile: 'peers',
    settings: { ...SETTINGS, ...settings },
    events: events.map(([atMs, happening], id): ScenarioEvent => ({ ...happening, id, atMs })),
    lastsMs: Math.max(...events.map(([atMs, happening]) => atMs + takesMs(happening))) + MINUTE,
  };
  const outcome = await simulate(scenario, LAUNCHER, { keepTrace: true });
  expect(outcome.broken).toBeUndefined();
  return outcome;
}

/** How long a run takes if nothing delays it. */
function takesMs(happening: Happening): number {
  if (happening.kind !== 'run') return 0;
  const { planMs, approval, approvalMs, applyMs, policyMs = 0 } = happening;
  return planMs + policyMs + (approval === 'person' ? approvalMs : 0) + applyMs;
}

/** Tasks that the world ended without having stopped. */
function tasksLeft({ trace }: Outcome): string[] {
  const created = new Set<string>();
  for (const line of trace) {
    const [, task = '', status] = /^\S+ task (\w+) ([A-Z]+)$/.exec(line) ?? [];
    if (status === 'PROVISIONING') created.add(task);
    if (status === 'STOPPED') created.delete(task);
  }
  return [...created];
}

const longestWaitSeconds = ({ waitsMs }: Outcome): number => Math.max(...waitsMs) / SECOND;

describe('runs that hung because the launcher missed their demand', () => {
  it('operator #198, #215: only `pending` was counted, and no agent ever started from zero', async () => {
    const outcome = await world([at(0, RUN)]);
    expect({ served: outcome.served, launches: outcome.launches }).toEqual({ served: 2, launches: 2 });
  });

  it('HashiCorp support 11348595272723: the apply hung after the only single-mode agent had run the plan', async () => {
    const outcome = await world([at(0, { ...RUN, approval: 'person', approvalMs: 10 * MINUTE })]);
    expect(outcome.served).toBe(2);
  });

  it.each([
    ['operator #534, #561; bigfantech’s README; oulman (no operation in the filter): speculative plans', planOnly],
    ['operator #534: a run behind its workspace’s current one', { ...planOnly, workspace: 'ws-busy' }],
  ] as const)('%s', async (_, run) => {
    const busy: RunCreated = { ...RUN, workspace: 'ws-busy', planMs: 20 * MINUTE };
    const outcome = await world([at(0, busy), at(2, run)]);
    expect(longestWaitSeconds(outcome)).toBeLessThan(120);
  });

  it('operator #426: only the first page of workspaces was read', async () => {
    const runs = Array.from({ length: 9 }, (_, i) => at(0, { ...RUN, workspace: `ws-${i}` }));
    const outcome = await world(runs, { runsPageCap: 2 });
    expect(outcome.served).toBe(18);
  });

  it('operator #436: queued runs were ignored while other runs of the workspace ran', async () => {
    const outcome = await world([at(0, RUN), at(0.2, planOnly), at(0.4, planOnly)]);
    expect(longestWaitSeconds(outcome)).toBeLessThan(120);
  });

  it('operator #664: several speculative plans of one workspace counted once', async () => {
    const outcome = await world([at(0, planOnly), at(0, planOnly), at(0, planOnly), at(0, planOnly)]);
    expect(outcome).toMatchObject({ served: 4, launches: 4 });
  });

  it('operator #641: an unknown Terraform Enterprise version made it use the old list, which misses runs', () => {
    expect(['v202409-1', 'v202503-1', '1.2.0', '', undefined].map(isNewEnough)).toEqual([true, true, true, true, true]);
    expect(isNewEnough('v202408-1')).toBe(false);
  });
});

describe('agents that idled because of runs that need no agent', () => {
  it('operator #616, #618: runs that wait for a person kept the pool at its maximum for days', async () => {
    const waiting: RunCreated = { ...RUN, approval: 'person', approvalMs: 4 * 60 * MINUTE };
    const outcome = await world([at(0, waiting)]);
    expect(outcome.launches).toBe(2);
    expect(outcome.idleAgentMs / SECOND).toBeLessThan(10);
  });

  it.each([
    ['operator #694: runs that are pending', 'pending'],
    ['operator #703: runs whose policies were checked', 'policy_checked'],
    ['operator #618: plans that wait for confirmation', 'planned'],
    ['operator: saved plans', 'planned_and_saved'],
    ['operator: estimated costs', 'cost_estimated'],
    ['operator: overrides of policies', 'policy_override'],
    ['operator: decisions after the plan', 'post_plan_awaiting_decision'],
    ['operator: fetching, pre-plan and confirmed runs count today', 'fetching'],
    ['operator: the same', 'pre_plan_running'],
    ['operator: the same', 'confirmed'],
    ['a status that the platform adds', 'quantum_planning'],
  ])('%s', (_, status) => {
    expect(demandOf([{ id: 'run-1', workspaceId: 'ws-1', status, createdAtMs: 0 }]).queued).toEqual([]);
  });

  it('operator #694: several pending runs in one workspace launch one agent, for the first run', async () => {
    const line = Array.from({ length: 4 }, () => at(0, { ...RUN, planMs: 3 * MINUTE }));
    const outcome = await world(line);
    expect(outcome.served).toBe(8);
    // One more where an agent took its job between the reading of the runs and that of the agents.
    expect(outcome.launches).toBeLessThanOrEqual(9);
  });

  it('assareh, glenngillen, bigfantech: a failed plan never counted down, and the counter leaked', async () => {
    const outcome = await world([at(0, { ...RUN, fails: 'plan' }), at(6, planOnly)]);
    expect(outcome).toMatchObject({ served: 2, launches: 2 });
  });

  it('agent-stack-k8s #382, #392: cancelled jobs were still launched', async () => {
    const outcome = await world([at(0, RUN), at(0.001, { kind: 'cancel', run: 0 })]);
    expect(outcome.launches).toBe(0);
  });
});

describe('agents that were stopped while they worked', () => {
  it('a well-formed but wrong list of agents ends no job that no run shows', async () => {
    const wrong: Happening = { kind: 'fault', fault: 'hcp-agents-empty', ms: 20 * MINUTE, rate: 1 };
    const assessment: Happening = { kind: 'assessment', pool: 'pool-0', ms: 15 * MINUTE };
    const outcome = await world([at(0, assessment), at(0, planOnly), at(4, planOnly), at(0, wrong)]);
    expect(outcome.faults.get('hcp-agents-empty')).toBeGreaterThan(5);
    expect(outcome.trace.filter((line) => line.includes('StopTask') || line.includes(':stopped'))).toEqual([]);
  });

  it('operator #290, #610; terraform-aws-github-runner #4391: agents were taken away while they worked', async () => {
    const long: RunCreated = { ...RUN, planMs: 40 * MINUTE, applyMs: 50 * MINUTE };
    const policies: RunCreated = { ...RUN, workspace: 'ws-2', policyMs: 15 * MINUTE };
    const outcome = await world([at(0, long), at(0, policies)]);
    expect(outcome.trace.filter((line) => line.includes('errored'))).toEqual([]);
    expect(outcome.served).toBe(4);
  });

  it('terraform-aws-github-runner #3802: an agent that the list showed late was treated as an orphan', async () => {
    const outcome = await world([
      at(0, { ...RUN, planMs: 8 * MINUTE }),
      at(2, { kind: 'fault', fault: 'hcp-changed-shape', ms: 6 * MINUTE, rate: 0.8 }),
      at(2, { kind: 'fault', fault: 'ecs-read-lag', ms: 6 * MINUTE, rate: 1 }),
    ]);
    expect(outcome.trace.filter((line) => line.includes('run-0000 errored'))).toEqual([]);
  });
});

describe('jobs that got no second launch', () => {
  it('terraform-aws-github-runner #458, #2459, #4262: another job took the instance that came up', async () => {
    const outcome = await world([at(0, RUN), at(0.2, { kind: 'assessment', pool: 'pool-0', ms: 5 * MINUTE })]);
    expect(outcome.served).toBe(2);
    expect(longestWaitSeconds(outcome)).toBeLessThan(240);
  });

  it('runs-on #73, #543: a job hung for hours after a capacity failure', async () => {
    const outcome = await world([
      at(0, { kind: 'fault', fault: 'ecs-capacity', ms: 5 * MINUTE, rate: 1 }),
      at(0.1, planOnly),
    ]);
    expect(longestWaitSeconds(outcome)).toBeLessThan(5 * 60 + 180);
  });

  it.each(['ecs-throttled', 'ecs-throttled-wrapped', 'ecs-quota', 'ecs-lost-response'] as const)(
    'terraform-aws-github-runner #238; dagster #33439; gchq/sleeper #904: a launch that failed by %s was lost',
    async (fault) => {
      const outcome = await world([at(0, { kind: 'fault', fault, ms: 3 * MINUTE, rate: 1 }), at(0.1, planOnly)]);
      expect(outcome.served).toBe(1);
      expect(longestWaitSeconds(outcome)).toBeLessThan(3 * 60 + 180);
    },
  );

  it('cdk-github-runners #738; buildkite-agent-scaler #73: invocations that were skipped or died', async () => {
    const outcome = await world([
      at(0, { kind: 'fault', fault: 'schedule-missed', ms: 4 * MINUTE, rate: 1 }),
      at(4, { kind: 'fault', fault: 'invocation-killed', ms: 3 * MINUTE, rate: 1 }),
      at(0.1, planOnly),
    ]);
    expect(outcome.served).toBe(1);
  });
});

describe('vendors that refuse or are slow', () => {
  const fault = (kind: FaultKind, minutes: number): Happening => ({
    kind: 'fault',
    fault: kind,
    ms: minutes * MINUTE,
    rate: 1,
  });

  it.each([
    ['infracost #2227: too many requests to HCP Terraform', 'hcp-429'],
    ['operator #260, #714: 404 for a token that is wrong for a while', 'hcp-404'],
    ['ARC #1295: a token that was no longer valid until it was replaced', 'hcp-token-rotated'],
    ['terraform-aws-github-runner #4724, #4376: a platform that could not be read', 'hcp-5xx'],
    ['dask-cloudprovider #56, #309; ecs-deploy #73; amazon-ecs-cli #966: ECS throttled reads too', 'ecs-throttled'],
  ] as const)('%s', async (_, kind) => {
    const runs = [at(0.1, planOnly), at(2, { ...planOnly, workspace: 'ws-2', planMs: 9 * MINUTE })];
    const outcome = await world([at(1, fault(kind, 5)), ...runs]);
    expect(outcome).toMatchObject({ served: 2, launches: 2 });
    expect(longestWaitSeconds(outcome)).toBeLessThan(7 * 60);
  });

  it('the lookup of a pool is sometimes refused while agents take jobs that no list shows', async () => {
    const assessments = Array.from({ length: 40 }, (_, n) =>
      at(1 + n, { kind: 'assessment', pool: 'pool-0', ms: 3 * MINUTE }),
    );
    const runs = Array.from({ length: 20 }, (_, n) => at(1.5 + 2 * n, { ...planOnly, workspace: `ws-${n}` }));
    const refused = [0, 10, 20, 30].map((minute) => at(minute, { ...fault('hcp-404', 3), rate: 0.3 } as Happening));
    for (const seed of ['refused.0', 'refused.3']) {
      const outcome = await world([...refused, ...assessments, ...runs], {}, seed);
      expect(outcome.served).toBe(20);
    }
  });

  it('terraform-aws-github-runner #44, #2566, #4408; runs-on #73: Spot had no capacity', async () => {
    const [whole] = POOL.lanes;
    const lane = (phase: 'plan' | 'apply') => ({
      family: `${whole?.family}-${phase}`,
      accepts: [phase],
      spot: phase === 'plan',
    });
    const outcome = await world([at(0, fault('ecs-no-spot', 30)), at(0.1, RUN)], {
      pools: [{ ...POOL, lanes: [lane('plan'), lane('apply')] }],
    });
    expect(outcome.served).toBe(2);
    expect(longestWaitSeconds(outcome)).toBeLessThan(150);
  });

  it('containers-roadmap #696, #358: starts that take minutes cause no second task', async () => {
    const outcome = await world([at(0, fault('start-slow', 30)), at(0.1, RUN)]);
    expect(outcome).toMatchObject({ served: 2, launches: 2 });
  });

  it('HashiCorp’s documentation #558: agents of another architecture than the pool’s are refused one after the other', async () => {
    const outcome = await world([at(0, fault('start-exit-1', 60)), at(0.1, planOnly)]);
    expect(outcome.launches).toBeLessThan(20);
    expect(outcome.served).toBe(1);
  });
});

describe('launches that were made twice', () => {
  it('buildkite’s elastic stack #76, #77: scheduled invocations overlapped', async () => {
    const outcome = await world([
      at(0, { kind: 'fault', fault: 'schedule-repeated', ms: 10 * MINUTE, rate: 1 }),
      at(0, { kind: 'fault', fault: 'ecs-read-lag', ms: 10 * MINUTE, rate: 1 }),
      at(0.1, planOnly),
      at(0.2, { ...planOnly, workspace: 'ws-2' }),
    ]);
    expect(outcome.launches).toBe(2);
  });

  it('terraform-aws-github-runner #2306: a new instance was started while idle ones waited', async () => {
    const outcome = await world([
      at(0, { kind: 'foreign-agent', pool: 'pool-0', ms: 30 * MINUTE, single: false, picky: false }),
      at(2, planOnly),
    ]);
    expect(outcome.launches).toBe(0);
  });

  it('jenkinsci/amazon-ecs-plugin #311, #416; cdk-github-runners #380: one job, two tasks', async () => {
    const outcome = await world(
      [at(0, { kind: 'fault', fault: 'ecs-lost-response', ms: 4 * MINUTE, rate: 1 }), at(0.1, planOnly)],
      { usualLagMs: 5000 },
      'lost',
    );
    expect(outcome.launches).toBe(1);
  });
});

describe('orphans and their cost', () => {
  it('agent-stack-k8s #479; terraform-aws-github-runner #4724, #5007: orphans stayed for weeks', async () => {
    const outcome = await world([
      at(0, { kind: 'fault', fault: 'start-never-registers', ms: 90 * SECOND, rate: 1 }),
      at(0.1, planOnly),
      at(8, { ...planOnly, workspace: 'ws-2', planMs: 5 * MINUTE }),
      at(10, { kind: 'freeze-agent', pool: 'pool-0' }),
    ]);
    // The one whose agent hung with its job is deaf to everything but a stop.
    expect(outcome.trace.filter((line) => line.includes(' errored | ') && line.includes(':stopped'))).toHaveLength(1);
    expect(outcome.launches).toBe(3);
    expect(tasksLeft(outcome)).toEqual([]);
  });

  it('machulav/ec2-github-runner #206: a start that was cancelled before it reported was never cleaned up', async () => {
    const outcome = await world([at(0, planOnly), at(1.3, { kind: 'cancel', run: 0 })]);
    expect(outcome.launches).toBe(1);
    expect(outcome.served).toBe(0);
    expect(tasksLeft(outcome)).toEqual([]);
  });

  it('cdk-github-runners #537; ec2-action-builder #36: an agent that waits for a canceled job leaves', async () => {
    const outcome = await world([at(0, planOnly), at(0.75, { kind: 'cancel', run: 0 })]);
    expect(outcome.launches).toBeLessThanOrEqual(1);
    expect(outcome.idleAgentMs).toBeLessThan(3 * MINUTE);
  });

  it('elastic-ci-stack #587; Spacelift’s README: a task was interrupted together with its job', async () => {
    const outcome = await world([
      at(0, { ...planOnly, planMs: 10 * MINUTE }),
      at(4, { kind: 'stop-task', pool: 'pool-0', by: 'spot' }),
      at(5, { ...planOnly, workspace: 'ws-2' }),
    ]);
    expect(outcome.served).toBe(2);
  });

  it('ECS services that start a broken image repeatedly (assareh, danbarr)', async () => {
    const outcome = await world([
      at(0, { kind: 'fault', fault: 'start-image', ms: 60 * MINUTE, rate: 1 }),
      at(0.1, planOnly),
    ]);
    // Not sixty, as one a minute would be.
    expect(outcome.launches).toBeLessThan(20);
    expect(outcome.served).toBe(1);
  });

  it('HashiCorp support 40025023420051: single-mode agents in a restarting controller left runs stuck', async () => {
    const runs = Array.from({ length: 5 }, (_, i) => at(i / 10, { ...RUN, workspace: `ws-${i}` }));
    const outcome = await world(runs);
    expect(outcome.served).toBe(10);
  });

  it('the free edition’s one agent runs a plan and then its apply', async () => {
    const outcome = await world([at(0, RUN), at(0, { ...RUN, workspace: 'ws-2' })], { agentsCeiling: 1 });
    expect(outcome).toMatchObject({ served: 4, launches: 4 });
    expect(outcome.trace.filter((line) => line.includes('no licence'))).toEqual([]);
  });
});

describe('names that collide', () => {
  /** Pools whose tasks would share families if a phase were a suffix of the pool's name. */
  const pools = ['x', 'x-apply', 'x-plan'].map((name, i) => ({
    ...POOL,
    name,
    id: `apool-${i}`,
    maxAgents: 2,
    lanes:
      name === 'x'
        ? (['plan', 'apply'] as const).map((phase) => ({
            family: taskFamily('launcher', [phase], name),
            accepts: phase === 'plan' ? (['plan', 'hidden'] as const) : (['apply'] as const),
            spot: false,
          }))
        : [wholeLane(taskFamily('launcher', ['plan', 'apply'], name))],
  }));

  it('a pool with phases, and pools named like its phases: no busy apply is stopped, and each job is served', async () => {
    const outcome = await world(
      pools.map(({ name }, i) =>
        at(i, { ...RUN, pool: name, workspace: `ws-${i}`, planMs: 8 * MINUTE, applyMs: 20 * MINUTE }),
      ),
      { pools },
    );
    expect(outcome.served).toBe(6);
    expect(outcome.trace.filter((line) => line.includes('did not register'))).toEqual([]);
  });
});

describe('API limits that were exceeded', () => {
  it('oulman at three workspaces; terraform-aws-github-runner #278: polling exceeded the platform’s limit', async () => {
    const pools = Array.from({ length: 8 }, (_, i) => ({
      ...POOL,
      name: `pool-${i}`,
      id: `apool-${i}`,
      lanes: [wholeLane(`launcher-pool-${i}`)],
    }));
    const runs = pools.map(({ name }) => at(0, { ...RUN, pool: name, planMs: 5 * MINUTE }));
    const outcome = await world(runs, { pools });
    expect(outcome.served).toBe(16);
    expect(outcome.trace.filter((line) => line.includes('hcp-limit'))).toEqual([]);
  });
});
