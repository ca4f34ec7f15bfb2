/**
 * Defects of other launchers. A simulated world reproduces the situation of each defect, and this launcher must keep its promises
 * in it. The numbers are issues and pull requests of the repository in the title; "operator" is hashicorp/hcp-terraform-operator.
 */
import { describe, expect, it } from 'vitest';
import { isNewEnough } from '../../functions/launcher/adapters/hcp-terraform/version.ts';
import { demandOf } from '../../functions/launcher/core/demand.ts';
import { taskFamily } from '../../lib/names.ts';
import { wholeLane } from '../../test/simulation/scenario.ts';
import { assessment, at, cancel, fault, MINUTE, POOL, plan, run, SECOND, tasksLeft, world } from './peer-world.ts';

describe('runs that hung because the launcher did not see that they needed an agent', () => {
  it('operator #198, #215: only `pending` was counted, and no agent ever started from zero', async () => {
    expect(await world([run(0)])).toMatchObject({ served: 2, launches: 2 });
  });

  it('HashiCorp support 11348595272723: the apply hung after the only single-mode agent had run the plan', async () => {
    expect(await world([run(0, { approval: 'person', approvalMs: 10 * MINUTE })])).toMatchObject({ served: 2 });
  });

  it.each([
    ['operator #534, #561; bigfantech’s README; oulman (no operation in the filter): speculative plans', 'ws-1'],
    ['operator #534: a run behind its workspace’s current one', 'ws-busy'],
  ])('%s', async (_, workspace) => {
    const outcome = await world([run(0, { workspace: 'ws-busy', planMs: 20 * MINUTE }), plan(2, { workspace })]);
    expect(outcome.longestWaitSeconds).toBeLessThan(120);
  });

  it('operator #426: only the first page of workspaces was read', async () => {
    const runs = Array.from({ length: 9 }, (_, i) => run(0, { workspace: `ws-${i}` }));
    expect(await world(runs, { runsPageCap: 2 })).toMatchObject({ served: 18 });
  });

  it('operator #436: queued runs were ignored while other runs of the workspace ran', async () => {
    const outcome = await world([run(0), plan(0.2), plan(0.4)]);
    expect(outcome.longestWaitSeconds).toBeLessThan(120);
  });

  it('operator #664: several speculative plans of one workspace counted once', async () => {
    expect(await world([plan(0), plan(0), plan(0), plan(0)])).toMatchObject({ served: 4, launches: 4 });
  });

  it('operator #641: an unknown Terraform Enterprise version made it use the old list, which misses runs', () => {
    expect(['v202409-1', 'v202503-1', '1.2.0', '', undefined].map(isNewEnough)).toEqual([true, true, true, true, true]);
    expect(isNewEnough('v202408-1')).toBe(false);
  });
});

describe('agents that were launched for runs that need no agent', () => {
  it('operator #616, #618: runs that wait for a person kept the pool at its maximum for days', async () => {
    const outcome = await world([run(0, { approval: 'person', approvalMs: 4 * 60 * MINUTE })]);
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
    const line = Array.from({ length: 4 }, () => run(0, { planMs: 3 * MINUTE }));
    const outcome = await world(line);
    expect(outcome.served).toBe(8);
    // There is one more launch if an agent takes its job after the launcher read the runs but before it reads the agents.
    expect(outcome.launches).toBeLessThanOrEqual(9);
  });

  it('assareh, glenngillen, bigfantech: a failed plan never counted down, and the counter leaked', async () => {
    expect(await world([run(0, { fails: 'plan' }), plan(6)])).toMatchObject({ served: 2, launches: 2 });
  });

  it('agent-stack-k8s #382, #392: cancelled jobs were still launched', async () => {
    expect(await world([run(0), cancel(0.001)])).toMatchObject({ launches: 0 });
  });
});

describe('agents that were stopped while they worked', () => {
  it('a well-formed but wrong list of agents ends no job that no run shows', async () => {
    const outcome = await world([assessment(0, 15), plan(0), plan(4), fault(0, 'hcp-agents-empty', 20)]);
    expect(outcome.faults.get('hcp-agents-empty')).toBeGreaterThan(5);
    expect([...outcome.traced('StopTask'), ...outcome.traced(':stopped')]).toEqual([]);
  });

  it('operator #290, #610; terraform-aws-github-runner #4391: agents were taken away while they worked', async () => {
    const outcome = await world([
      run(0, { planMs: 40 * MINUTE, applyMs: 50 * MINUTE }),
      run(0, { workspace: 'ws-2', policyMs: 15 * MINUTE }),
    ]);
    expect(outcome.traced('errored')).toEqual([]);
    expect(outcome.served).toBe(4);
  });

  it('terraform-aws-github-runner #3802: an agent that appeared late in the list was treated as an orphan', async () => {
    const outcome = await world([
      run(0, { planMs: 8 * MINUTE }),
      fault(2, 'hcp-changed-shape', 6, 0.8),
      fault(2, 'ecs-read-lag', 6),
    ]);
    expect(outcome.traced('run-0000 errored')).toEqual([]);
  });
});

describe('jobs that got no second launch', () => {
  it('terraform-aws-github-runner #458, #2459, #4262: another job took the instance that came up', async () => {
    const outcome = await world([run(0), assessment(0.2, 5)]);
    expect(outcome.served).toBe(2);
    expect(outcome.longestWaitSeconds).toBeLessThan(240);
  });

  it('runs-on #73, #543: a job hung for hours after a capacity failure', async () => {
    const outcome = await world([fault(0, 'ecs-capacity', 5), plan(0.1)]);
    expect(outcome.longestWaitSeconds).toBeLessThan(5 * 60 + 180);
  });

  it.each(['ecs-throttled', 'ecs-throttled-wrapped', 'ecs-quota', 'ecs-lost-response'] as const)(
    'terraform-aws-github-runner #238; dagster #33439; gchq/sleeper #904: a launch that failed by %s was lost',
    async (kind) => {
      const outcome = await world([fault(0, kind, 3), plan(0.1)]);
      expect(outcome.served).toBe(1);
      expect(outcome.longestWaitSeconds).toBeLessThan(3 * 60 + 180);
    },
  );

  it('cdk-github-runners #738; buildkite-agent-scaler #73: invocations that were skipped or died', async () => {
    expect(await world([fault(0, 'schedule-missed', 4), fault(4, 'invocation-killed', 3), plan(0.1)])).toMatchObject({
      served: 1,
    });
  });
});

describe('vendors that refuse or are slow', () => {
  it.each([
    ['infracost #2227: too many requests to HCP Terraform', 'hcp-429'],
    ['operator #260, #714: HCP Terraform answers 404 while a token is temporarily invalid', 'hcp-404'],
    ['ARC #1295: a token that was no longer valid until it was replaced', 'hcp-token-rotated'],
    ['terraform-aws-github-runner #4724, #4376: a platform that could not be read', 'hcp-5xx'],
    ['dask-cloudprovider #56, #309; ecs-deploy #73; amazon-ecs-cli #966: ECS throttled reads too', 'ecs-throttled'],
  ] as const)('%s', async (_, kind) => {
    const runs = [plan(0.1), plan(2, { workspace: 'ws-2', planMs: 9 * MINUTE })];
    const outcome = await world([fault(1, kind, 5), ...runs]);
    expect(outcome).toMatchObject({ served: 2, launches: 2 });
    expect(outcome.longestWaitSeconds).toBeLessThan(7 * 60);
  });

  it('the lookup of a pool is sometimes refused while agents take jobs that no list shows', async () => {
    const assessments = Array.from({ length: 40 }, (_, n) => assessment(1 + n, 3));
    const runs = Array.from({ length: 20 }, (_, n) => plan(1.5 + 2 * n, { workspace: `ws-${n}` }));
    const refused = [0, 10, 20, 30].map((minute) => fault(minute, 'hcp-404', 3, 0.3));
    for (const seed of ['refused.0', 'refused.3']) {
      expect(await world([...refused, ...assessments, ...runs], {}, seed)).toMatchObject({ served: 20 });
    }
  });

  it('terraform-aws-github-runner #44, #2566, #4408; runs-on #73: Spot had no capacity', async () => {
    const [whole] = POOL.lanes;
    const lane = (phase: 'plan' | 'apply') => ({
      family: `${whole?.family}-${phase}`,
      accepts: [phase],
      spot: phase === 'plan',
    });
    const outcome = await world([fault(0, 'ecs-no-spot', 30), run(0.1)], {
      pools: [{ ...POOL, lanes: [lane('plan'), lane('apply')] }],
    });
    expect(outcome.served).toBe(2);
    expect(outcome.longestWaitSeconds).toBeLessThan(150);
  });

  it('containers-roadmap #696, #358: starts that take minutes cause no second task', async () => {
    expect(await world([fault(0, 'start-slow', 30), run(0.1)])).toMatchObject({ served: 2, launches: 2 });
  });

  it('HashiCorp’s documentation #558: agents of another architecture than the pool’s are refused one after the other', async () => {
    const outcome = await world([fault(0, 'start-exit-1', 60), plan(0.1)]);
    expect(outcome.launches).toBeLessThan(20);
    expect(outcome.served).toBe(1);
  });
});

describe('launches that were made twice', () => {
  it('buildkite’s elastic stack #76, #77: scheduled invocations overlapped', async () => {
    expect(
      await world([
        fault(0, 'schedule-repeated', 10),
        fault(0, 'ecs-read-lag', 10),
        plan(0.1),
        plan(0.2, { workspace: 'ws-2' }),
      ]),
    ).toMatchObject({ launches: 2 });
  });

  it('terraform-aws-github-runner #2306: a new instance was started while idle ones waited', async () => {
    expect(
      await world([
        at(0, { kind: 'foreign-agent', pool: 'pool-0', ms: 30 * MINUTE, single: false, picky: false }),
        plan(2),
      ]),
    ).toMatchObject({ launches: 0 });
  });

  it('jenkinsci/amazon-ecs-plugin #311, #416; cdk-github-runners #380: one job, two tasks', async () => {
    const events = [fault(0, 'ecs-lost-response', 4), plan(0.1)];
    expect(await world(events, { usualLagMs: 5000 }, 'lost')).toMatchObject({ launches: 1 });
  });
});

describe('orphans and their cost', () => {
  it('agent-stack-k8s #479; terraform-aws-github-runner #4724, #5007: orphans stayed for weeks', async () => {
    const outcome = await world([
      fault(0, 'start-never-registers', 1.5),
      plan(0.1),
      plan(8, { workspace: 'ws-2', planMs: 5 * MINUTE }),
      at(10, { kind: 'freeze-agent', pool: 'pool-0' }),
    ]);
    // The agent of this task hung during its job, so the task only ends when it is stopped.
    expect(outcome.traced(' errored | ', ':stopped')).toHaveLength(1);
    expect(outcome.launches).toBe(3);
    expect(tasksLeft(outcome)).toEqual([]);
  });

  it('machulav/ec2-github-runner #206: a start that was cancelled before it reported was never cleaned up', async () => {
    const outcome = await world([plan(0), cancel(1.3)]);
    expect(outcome).toMatchObject({ launches: 1, served: 0 });
    expect(tasksLeft(outcome)).toEqual([]);
  });

  it('cdk-github-runners #537; ec2-action-builder #36: an agent that waits for a canceled job leaves', async () => {
    const outcome = await world([plan(0), cancel(0.75)]);
    expect(outcome.launches).toBeLessThanOrEqual(1);
    expect(outcome.idleAgentMs).toBeLessThan(3 * MINUTE);
  });

  it('elastic-ci-stack #587; Spacelift’s README: a task was interrupted together with its job', async () => {
    expect(
      await world([
        plan(0, { planMs: 10 * MINUTE }),
        at(4, { kind: 'stop-task', pool: 'pool-0', by: 'spot' }),
        plan(5, { workspace: 'ws-2' }),
      ]),
    ).toMatchObject({ served: 2 });
  });

  it('ECS services that start a broken image repeatedly (assareh, danbarr)', async () => {
    const outcome = await world([fault(0, 'start-image', 60), plan(0.1)]);
    // One launch per minute would be sixty.
    expect(outcome.launches).toBeLessThan(20);
    expect(outcome.served).toBe(1);
  });

  it('HashiCorp support 40025023420051: single-mode agents in a restarting controller left runs stuck', async () => {
    const runs = Array.from({ length: 5 }, (_, i) => run(i / 10, { workspace: `ws-${i}` }));
    expect(await world(runs)).toMatchObject({ served: 10 });
  });

  it('the free edition’s one agent runs a plan and then its apply', async () => {
    const outcome = await world([run(0), run(0, { workspace: 'ws-2' })], { agentsCeiling: 1 });
    expect(outcome).toMatchObject({ served: 4, launches: 4 });
    expect(outcome.traced('no licence')).toEqual([]);
  });
});

describe('names that collide', () => {
  /** If a phase were a suffix of the pool's name, these pools would share task families. */
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
        run(i, { pool: name, workspace: `ws-${i}`, planMs: 8 * MINUTE, applyMs: 20 * MINUTE }),
      ),
      { pools },
    );
    expect(outcome.served).toBe(6);
    expect(outcome.traced('did not register')).toEqual([]);
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
    const runs = pools.map(({ name }) => run(0, { pool: name, planMs: 5 * MINUTE }));
    const outcome = await world(runs, { pools });
    expect(outcome.served).toBe(16);
    expect(outcome.traced('hcp-limit')).toEqual([]);
  });
});
