import { describe, expect, it } from 'vitest';
import { onDemandInstead, runTaskInput } from '../../../../functions/launcher/adapters/ecs/run-task.ts';
import { standingJobs } from '../../../../functions/launcher/core/standing.ts';
import type { LaunchRequest } from '../../../../functions/launcher/ports.ts';
import { LANE, NOW, PLAN_LANE, queuedJob } from '../core/builders.ts';
import { pool } from '../fakes.ts';

const placement = {
  cluster: 'acme',
  subnets: ['subnet-1', 'subnet-2'],
  securityGroups: ['sg-1'],
  assignPublicIp: 'ENABLED',
} as const;

const request = (overrides: Partial<LaunchRequest> = {}): LaunchRequest => ({
  pool: pool('default'),
  lane: LANE,
  job: queuedJob('run-1', { phase: 'apply' }),
  attempt: 2,
  ...overrides,
});

const COMMON = {
  cluster: 'acme',
  count: 1,
  networkConfiguration: {
    awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'], securityGroups: ['sg-1'], assignPublicIp: 'ENABLED' },
  },
  enableExecuteCommand: false,
  propagateTags: 'TASK_DEFINITION',
};

// Exact, because the permissions of the launcher's role and the idempotency of ECS depend on each of these parameters.
describe('the RunTask call', () => {
  it('has exactly these parameters for a queued job', () => {
    expect(runTaskInput(request(), placement)).toEqual({
      ...COMMON,
      taskDefinition: 'launcher-default',
      launchType: 'FARGATE',
      clientToken: 'run-1/apply/2',
      startedBy: 'run-1/apply',
      tags: [
        { key: 'agent-launcher:run', value: 'run-1' },
        { key: 'agent-launcher:workspace', value: 'ws-1' },
        { key: 'agent-launcher:phase', value: 'apply' },
        { key: 'agent-launcher:pool', value: 'default' },
        { key: 'agent-launcher:attempt', value: '2' },
      ],
    });
  });

  it('assigns a public IP address only if the placement says so', () => {
    const input = runTaskInput(request(), { ...placement, assignPublicIp: 'DISABLED' });
    expect(input.networkConfiguration?.awsvpcConfiguration?.assignPublicIp).toBe('DISABLED');
  });

  it('has the waiting time of a warm agent, and no tags for run and workspace', () => {
    const [job] = standingJobs({ ...LANE, standing: { id: 'a', warm: { agents: 1, idleSeconds: 3600 } } }, NOW);
    if (job === undefined) throw new Error('no warm agent');
    expect(runTaskInput(request({ job, attempt: 1 }), placement)).toEqual({
      ...COMMON,
      taskDefinition: 'launcher-default',
      launchType: 'FARGATE',
      clientToken: 'warm/a/1/1',
      startedBy: 'warm/a/1',
      overrides: {
        containerOverrides: [{ name: 'agent', environment: [{ name: 'AGENT_IDLE_SECONDS', value: '3600' }] }],
      },
      tags: [
        { key: 'agent-launcher:phase', value: 'plan' },
        { key: 'agent-launcher:pool', value: 'default' },
        { key: 'agent-launcher:attempt', value: '1' },
      ],
    });
  });

  it('has a capacity provider instead of a launch type on Spot, because ECS accepts only one of them', () => {
    const { launchType: _, ...rest } = runTaskInput(
      request({ lane: { ...PLAN_LANE, capacity: 'on-demand' } }),
      placement,
    );
    expect(runTaskInput(request({ lane: PLAN_LANE }), placement)).toEqual({
      ...rest,
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
    });
  });
});

describe('the same launch on demand', () => {
  const onSpot = runTaskInput(request({ lane: PLAN_LANE }), placement);
  const { capacityProviderStrategy: _, ...rest } = onSpot;

  it('differs from the launch on Spot only in the launch type', () => {
    expect(onDemandInstead(onSpot, 'same')).toEqual({ ...rest, launchType: 'FARGATE' });
  });

  it('has a new client token on request', () => {
    expect(onDemandInstead(onSpot, 'own')).toEqual({
      ...rest,
      launchType: 'FARGATE',
      clientToken: 'run-1/apply/2/od',
    });
  });
});
