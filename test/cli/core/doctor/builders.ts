/** Values for the tests of doctor's checks. */
import type { Finding, Observed } from '../../../../cli/core/doctor/findings.ts';
import type { Target, TargetLane, TargetPool, TargetTask } from '../../../../cli/core/doctor/target.ts';

export const NOW = Date.parse('2026-11-29T12:00:00Z');
export const DAY_MS = 86_400_000;

/** AWS's message for a missing permission. */
export const DENIED: Observed<never> = {
  failure: {
    reason:
      'User: arn:aws:iam::123456789012:user/dev is not authorized to perform: ssm:GetParameter (AccessDeniedException)',
    kind: 'denied',
  },
};

export const task = (more: Partial<TargetTask> = {}): TargetTask => ({
  cpu: 1024,
  architecture: 'x86_64',
  image: {},
  ...more,
});

export const lane = (more: Partial<TargetLane> = {}): TargetLane => ({
  phases: ['plan', 'apply'],
  capacity: 'on-demand',
  task: { value: task() },
  ...more,
});

export const pool = (more: Partial<TargetPool> = {}): TargetPool => ({
  name: 'aws',
  organization: 'acme',
  apiTokenSecret: 'acme/api-token',
  maxAgents: 10,
  lanes: [lane()],
  ...more,
});

export const target = (more: Partial<Target> = {}): Target => ({
  from: 'settings',
  hostname: 'app.terraform.io',
  pools: [pool()],
  secrets: [],
  network: { kind: 'own', egress: 'nat-gateway' },
  ...more,
});

/** Severity, id and text of findings, which tests compare. */
export const shown = (findings: Finding | readonly Finding[]): string[] =>
  [findings]
    .flat()
    .map(({ severity, id, what, why, todo }) => [`${severity} ${id}:`, what, why, todo].join(' ').trim());
