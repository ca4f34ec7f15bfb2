/** Splits the lifetimes of runs and containers into segments without gaps. */
import type { GatewayPhase } from '../gateway/local-gateway.ts';
import type { Container, GatewayHistory, Job, Run } from './model.ts';

export type SegmentKind = 'pending' | 'queued' | 'starting' | 'busy' | 'lost' | 'waiting' | 'stopping';

export interface Segment<Kind = SegmentKind> {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
  readonly phase?: Job['phase'] | undefined;
  /** Id of the container. */
  readonly container?: string | undefined;
}

/** A step lasts until the next step begins. A step without a known time is omitted. */
type Step<Kind = SegmentKind> = Omit<Segment<Kind>, 'from' | 'to'> & { readonly from: number | undefined };

/** The lifetime of a run until `now`: its waits and its work. */
export function runSegments(run: Run, now: number): Segment[] {
  const [plan = [], apply = []] = run.jobs.map((job) => jobSteps(job, now));
  const pending: Step = { kind: 'pending', from: run.createdAt };
  const waiting: Step = { kind: 'waiting', from: run.timestamps.get('planned-at') };
  const steps = [pending, ...plan, waiting, ...apply];
  return segmentsOf(steps, run.endedAt ?? now);
}

function jobSteps(job: Job, now: number): Step[] {
  const of = { phase: job.phase, container: job.container?.id };
  const launchedAt = job.launchedAt === undefined ? undefined : Math.max(job.launchedAt, job.queuedAt);
  const stoppedAt = job.container?.stoppedAt ?? now;
  return [
    { kind: 'queued', from: job.queuedAt, ...of },
    { kind: 'starting', from: launchedAt, ...of },
    { kind: 'busy', from: job.startedAt, ...of },
    { kind: 'lost', from: stoppedAt < (job.endedAt ?? now) ? stoppedAt : undefined, ...of },
  ];
}

/** The lifetime of a container until `now`: starting until its agent took a job, then busy, then stopping. */
export function containerSegments(
  { id, createdAt, stoppedAt }: Container,
  job: Job | undefined,
  now: number,
): Segment[] {
  const of = { phase: job?.phase, container: id };
  const steps: Step[] = [
    { kind: 'starting', from: createdAt, ...of },
    { kind: 'busy', from: job?.startedAt, ...of },
    { kind: 'stopping', from: job?.endedAt, ...of },
  ];
  return segmentsOf(steps, stoppedAt ?? now);
}

/** What the gateway did since `from`, until `now`. */
export function gatewaySegments({ phases }: GatewayHistory, from: number, now: number): Segment<GatewayPhase>[] {
  const segments = segmentsOf(
    phases.map(({ phase, atMs }) => ({ kind: phase, from: atMs })),
    now,
  );
  return segments.flatMap((segment) =>
    segment.to <= from ? [] : [{ ...segment, from: Math.max(segment.from, from) }],
  );
}

/** How long the gateway was awake until `now`. */
export function awakeMs(gateway: GatewayHistory, now: number): number {
  const awake = gatewaySegments(gateway, Number.NEGATIVE_INFINITY, now).filter(({ kind }) => kind === 'awake');
  return awake.reduce((total, { from, to }) => total + to - from, 0);
}

function segmentsOf<Kind>(steps: readonly Step<Kind>[], end: number): Segment<Kind>[] {
  const known = steps.flatMap(({ from, ...step }) => (from === undefined ? [] : [{ ...step, from }]));
  return known
    .map((step, index) => ({ ...step, to: Math.min(known[index + 1]?.from ?? end, end) }))
    .filter(({ from, to }) => to > from);
}
