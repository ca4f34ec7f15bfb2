/**
 * The schema of the pools in the function's environment (`ENV.agentPools`). `lib` checks the value before writing it, and the function checks
 * the value at startup. Because both use this schema, neither side accepts what the other rejects.
 *
 * The schema isn't in `contract.ts`, because the type declarations of the published constructs import that file, and users of the
 * constructs don't have zod.
 */
import * as z from 'zod';
import { DAYS, PHASES, type Phase } from './core/types.ts';
import { isTimeZone } from './time-zone.ts';
import { mostWarmAgents } from './warm-limit.ts';

export const nonEmpty = z.string().trim().min(1);

const phase = z.enum(PHASES);

/** The warm agents of a lane. */
const warmEnvironment = z.strictObject({
  agents: z.int().positive(),
  /** How long a warm agent waits for a job before the launcher replaces it. */
  idleSeconds: z.int().min(60).max(86_400),
  /** Absent: always. */
  schedule: z
    .strictObject({
      days: z.array(z.enum(DAYS)).min(1).readonly(),
      /** Minutes since midnight. The schedule includes `fromMinute` and excludes `toMinute`. */
      fromMinute: z.int().min(0).max(1439),
      toMinute: z.int().min(1).max(1440),
      /** IANA name, such as `Europe/Berlin`. */
      timeZone: z.string().refine(isTimeZone, 'not a time zone'),
    })
    .exactOptional(),
});

const maxJobHours = z.int().min(1).max(168);

const laneEnvironment = z.strictObject({
  /** Family of the lane's task definition, without a revision (docs/decisions says why). */
  taskDefinition: z.string().regex(/^[A-Za-z0-9_-]{1,255}$/),
  /** The phases that the lane's agents accept; absent: every phase. */
  phases: z.array(phase).min(1).readonly().exactOptional(),
  /** Absent: on demand. */
  capacity: z.literal('spot').exactOptional(),
  /** Absent: no warm agents. */
  warm: warmEnvironment.exactOptional(),
  /** Hours that a plan may run before its task is stopped, and an unlisted job if the lane accepts no applies; absent: no limit. */
  maxPlanHours: maxJobHours.exactOptional(),
  /** Hours that an apply may run before its task is stopped; absent: no limit. */
  maxApplyHours: maxJobHours.exactOptional(),
  /** Absent: the lane's agents evaluate policy sets, so the launcher starts an agent for a run in a post-plan status. */
  policies: z.literal(false).exactOptional(),
  /** Minutes between two sweeps; absent: no sweeps. */
  sweepMinutes: z.int().min(10).max(1440).exactOptional(),
});

const poolEnvironment = z
  .strictObject({
    /** The agent pool's name in HCP Terraform. */
    name: z.string().regex(/^[A-Za-z0-9_-]+$/),
    /** The agent pool's id (`apool-…`); absent: the launcher looks the pool up by name. */
    id: z
      .string()
      .regex(/^apool-[A-Za-z0-9]+$/)
      .exactOptional(),
    /** Organization of the pool, if it isn't `ENV.organization`. */
    organization: nonEmpty.exactOptional(),
    /** Secret of the API token for this pool, with its key, if it isn't `ENV.apiTokenSecret`. */
    apiTokenSecret: nonEmpty.exactOptional(),
    /** Maximum number of live tasks of this pool at the same time. */
    maxAgents: z.int().positive(),
    /** How long a job must have waited before this launcher starts an agent for it; absent: no wait. */
    standbySeconds: z.int().min(30).max(900).exactOptional(),
    /** One lane for both phases, or one lane for each phase. */
    lanes: z
      .array(laneEnvironment)
      .readonly()
      .refine((all) => phasesOf(all).toSorted().join() === 'apply,plan', 'each phase must be in exactly one lane')
      .refine(
        (all) => all.every((one) => one.capacity !== 'spot' || !phasesOf([one]).includes('apply')),
        'a lane for applies must not use Spot, because an apply must not be interrupted',
      )
      .superRefine(reportSharedSweeps),
  })
  .refine(
    (pool) => warmAgentsOf(pool) <= mostWarmAgents(pool.maxAgents, pool.lanes.length),
    'the warm agents would use all of maxAgents, so jobs of the other phase could never start',
  );

export const agentPoolsEnvironment = z.array(poolEnvironment).min(1).superRefine(reportSharedNames);

/** One pool in the `ENV.agentPools` list. */
export type AgentPoolEnvironment = z.infer<typeof poolEnvironment>;
export type LaneEnvironment = z.infer<typeof laneEnvironment>;
export type WarmEnvironment = z.infer<typeof warmEnvironment>;

function phasesOf(all: readonly LaneEnvironment[]): Phase[] {
  return all.flatMap(({ phases = PHASES }) => phases);
}

/** Number of warm agents in all lanes of a pool. */
export function warmAgentsOf({ lanes }: { readonly lanes: readonly LaneEnvironment[] }): number {
  return lanes.reduce((sum, { warm }) => sum + (warm?.agents ?? 0), 0);
}

function reportSharedSweeps(all: readonly LaneEnvironment[], context: z.RefinementCtx): void {
  // The key of a sweep for a run contains the run but not the lane, so the tasks of two lanes would share one client token.
  const sweeping = all.filter(({ policies }) => policies === undefined);
  if (sweeping.length < 2) return;
  const families = sweeping.map(({ taskDefinition }) => taskDefinition).join(' and ');
  const message = `${families} both start agents for policy evaluations; only one of them may: set "policies": false in the others`;
  context.addIssue({ code: 'custom', message });
}

/**
 * Reports names that two pools share. Pools with the same task definition family would stop each other's agents and use each other's
 * agent token. The metrics of pools with the same name would be added up. AWS doesn't document whether families are case-sensitive.
 */
function reportSharedNames(all: readonly AgentPoolEnvironment[], context: z.RefinementCtx): void {
  const shared = (what: string, entries: readonly (readonly [name: string, owner: string])[]) =>
    [...Map.groupBy(entries, ([name]) => name.toLowerCase())].flatMap(([name, same]) =>
      same.length > 1 ? [`${what} ${name} is shared by ${same.map(([, owner]) => owner).join(' and ')}`] : [],
    );
  const faults = [
    ...shared(
      'pool name',
      all.map(({ name }, index) => [name, `pool ${index}`]),
    ),
    ...shared(
      'pool id',
      all.flatMap(({ name, id }) => (id === undefined ? [] : [[id, `pool ${name}`] as const])),
    ),
    ...shared(
      'task definition family',
      all.flatMap(({ name, lanes: its }) => its.map(({ taskDefinition }) => [taskDefinition, `pool ${name}`] as const)),
    ),
  ];
  if (faults.length > 0) context.addIssue({ code: 'custom', message: faults.join('; ') });
}
