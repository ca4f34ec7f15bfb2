import { type Evidence, evidence, type ObservedRun, type ObservedTask } from '../../labs/live/evidence.ts';

/** Seconds after the start of the lab, as a time. */
export const at = (seconds: number): string =>
  new Date(Date.parse('2026-12-01T10:00:00Z') + seconds * 1000).toISOString();

export function evidenceWith(overrides: Partial<Evidence> = {}): Evidence {
  const place = { hostname: 'app.terraform.io', organization: 'acme', region: 'eu-central-1', account: '123456789012' };
  const parsed = evidence.parse({ version: '0.2.0', startedAt: at(0), endedAt: at(1200), mode: 'live', ...place });
  return { ...parsed, ...overrides };
}

/** A task that was created at 0 s, ran a job, and stopped at 90 s. */
export function task(id: string, overrides: Partial<ObservedTask> = {}): ObservedTask {
  return {
    id,
    family: 'Live_plan_live',
    createdAt: at(0),
    pullStartedAt: at(10),
    pullStoppedAt: at(25),
    startedAt: at(30),
    executionStoppedAt: at(70),
    stoppedAt: at(90),
    exitCode: 0,
    image: 'repository@sha256:abc',
    imageDigest: 'sha256:abc',
    cpu: 1024,
    memoryMiB: 2048,
    firstListedAt: at(2),
    statuses: ['PROVISIONING', 'RUNNING', 'STOPPED'],
    ...overrides,
  };
}

export function run(id: string, overrides: Partial<ObservedRun> = {}): ObservedRun {
  return {
    id,
    workspace: 'one',
    wanted: 'plan and apply',
    status: 'applied',
    createdAt: at(0),
    statuses: ['pending', 'plan_queued', 'applied'],
    timestamps: { 'plan-queued-at': at(0), 'planning-at': at(40) },
    planAgent: `${id}-plan`,
    applyAgent: `${id}-apply`,
    endedAt: at(100),
    ...overrides,
  };
}

/** The tasks of a run in a pool with phases. */
export function tasksOf(runId: string, overrides: Partial<ObservedTask> = {}): ObservedTask[] {
  return [task(`${runId}-plan`, overrides), task(`${runId}-apply`, { family: 'Live_apply_live', ...overrides })];
}
