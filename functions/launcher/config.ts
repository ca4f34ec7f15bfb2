import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type AgentPoolEnvironment, DAYS, ENV, type LaneEnvironment, PHASES } from './contract.ts';
import type { Lane, Phase } from './core/types.ts';
import { ConfigError, type ConfigFault } from './errors.ts';
import type { Pool, TaskPlacement } from './ports.ts';
import type { TickSettings } from './tick.ts';
import { isTimeZone } from './time-zone.ts';
import { mostWarmAgents } from './warm-limit.ts';

/** Everything that the launcher's function is told by its environment. */
export interface LauncherConfig {
  readonly hostname: string;
  readonly pools: readonly Pool[];
  readonly placement: TaskPlacement;
  readonly tick: TickSettings;
  /** 0: one poll an invocation. */
  readonly activePollMs: number;
}

/** A variable's rule: how it is read, what is allowed, what to do when it is wrong. */
interface Rule<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
  readonly allowed: string;
}

const REMEDY = 'deploy the stack anew; when the function runs elsewhere, set the variable';

const nonEmpty = z.string().trim().min(1);
const list = nonEmpty.transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const phase = z.enum(PHASES);
const lane = z.strictObject({
  taskDefinition: z.string().regex(/^[A-Za-z0-9_-]{1,255}$/),
  phases: z.array(phase).min(1).exactOptional(),
  capacity: z.literal('spot').exactOptional(),
  warm: z
    .strictObject({
      agents: z.int().positive(),
      idleSeconds: z.int().min(60).max(86_400),
      schedule: z
        .strictObject({
          days: z.array(z.enum(DAYS)).min(1),
          fromMinute: z.int().min(0).max(1439),
          toMinute: z.int().min(1).max(1440),
          timeZone: z.string().refine(isTimeZone, 'not a time zone'),
        })
        .exactOptional(),
    })
    .exactOptional(),
  policies: z.literal(false).exactOptional(),
  sweepMinutes: z.int().min(10).max(1440).exactOptional(),
});
const lanes = z
  .array(lane)
  .refine((all) => phasesOf(all).toSorted().join() === 'apply,plan', 'every phase must be in one lane')
  .refine(
    (all) => all.every((one) => one.capacity !== 'spot' || !phasesOf([one]).includes('apply')),
    'an apply must not be interrupted: no Spot',
  )
  .superRefine((all, context) => {
    // The key of such a sweep has the run and no lane: the tasks of two lanes would share one token.
    const sweeping = all.filter(({ policies }) => policies === undefined);
    if (sweeping.length < 2) return;
    const families = sweeping.map(({ taskDefinition }) => taskDefinition).join(' and ');
    const message = `${families} both start agents for runs in a post-plan status; one lane may: set "policies": false in the others`;
    context.addIssue({ code: 'custom', message });
  });

function phasesOf(all: readonly LaneEnvironment[]): Phase[] {
  return all.flatMap(({ phases = phase.options }) => phases);
}

function warmAgentsOf({ lanes }: AgentPoolEnvironment): number {
  return lanes.reduce((sum, { warm }) => sum + (warm?.agents ?? 0), 0);
}

const poolShape: z.ZodType<AgentPoolEnvironment> = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]+$/),
  id: z
    .string()
    .regex(/^apool-[A-Za-z0-9]+$/)
    .exactOptional(),
  organization: nonEmpty.exactOptional(),
  apiTokenSecret: nonEmpty.exactOptional(),
  maxAgents: z.int().positive(),
  lanes,
});
const poolEnvironment = poolShape.refine(
  (pool) => warmAgentsOf(pool) <= mostWarmAgents(pool.maxAgents, pool.lanes.length),
  'its warm agents leave no slot of maxAgents for the jobs of another lane',
);

const pools = nonEmpty
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.array(poolEnvironment).min(1).superRefine(reportSharedNames));

/**
 * Two pools with one task definition family would stop each other's agents and start tasks with each other's agent token;
 * two with one name would add up in one metric. AWS doesn't document that families differ by case alone.
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

const whole = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number);
const seconds = (least: number, most: number) => whole.pipe(z.number().min(least).max(most));

/**
 * Reads the environment.
 * @throws `ConfigError` with every fault at once.
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): LauncherConfig {
  const faults: ConfigFault[] = [];
  const read = <T>({ name, schema, allowed }: Rule<T>): T | undefined => {
    const text = environment[name];
    const result = schema.safeParse(text);
    if (result.success) return result.data;
    const where = result.error.issues
      .slice(0, 3)
      .map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
    const given = text === undefined ? 'nothing' : `${text.length} characters (${where.join('; ')})`;
    faults.push({ name, given, allowed, remedy: REMEDY });
    return undefined;
  };

  const hostname = read({
    name: ENV.hostname,
    schema: z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i),
    allowed: 'a host name with an optional port and without a scheme, such as app.terraform.io',
  });
  const organization = read({ name: ENV.organization, schema: nonEmpty, allowed: 'the name of an organization' });
  const apiTokenSecret = read({ name: ENV.apiTokenSecret, schema: nonEmpty, allowed: 'name or ARN of a secret' });
  const agentPools = read({
    name: ENV.agentPools,
    schema: pools,
    allowed:
      'a JSON list of pools: {"name", "maxAgents", "lanes"} and optionally "id", "organization", "apiTokenSecret"; lanes: [{"taskDefinition"}], or one each with "phases" ["plan"] (and optionally "capacity" "spot") and ["apply"], at most one of them without "policies" false',
  });
  const cluster = read({ name: ENV.cluster, schema: nonEmpty, allowed: 'name or ARN of an ECS cluster' });
  const subnets = read({
    name: ENV.subnets,
    schema: list.pipe(z.array(z.string()).min(1).max(16)),
    allowed: 'a comma list of 1 to 16 subnet ids',
  });
  const securityGroups = read({
    name: ENV.securityGroups,
    schema: list.pipe(z.array(z.string()).min(1).max(5)),
    allowed: 'a comma list of 1 to 5 security group ids',
  });
  const assignPublicIp = read({
    name: ENV.assignPublicIp,
    schema: z.enum(['DISABLED', 'ENABLED']).default('DISABLED'),
    allowed: 'DISABLED or ENABLED',
  });
  const activePollSeconds = read({
    name: ENV.activePollSeconds,
    schema: seconds(0, 60).prefault('10'),
    allowed: 'whole seconds from 0 to 60',
  });
  const startDeadlineSeconds = read({
    name: ENV.startDeadlineSeconds,
    schema: seconds(30, 3600).prefault('300'),
    allowed: 'whole seconds from 30 to 3600',
  });
  const agentsCeiling = read({
    name: ENV.agentsCeiling,
    schema: whole.pipe(z.number().positive()).optional(),
    allowed: 'a whole number from 1, or nothing',
  });
  if (agentPools !== undefined && agentsCeiling !== undefined) {
    for (const fault of ceilingFaults(agentPools, agentsCeiling)) faults.push(fault);
  }

  if (
    faults.length > 0 ||
    hostname === undefined ||
    organization === undefined ||
    apiTokenSecret === undefined ||
    agentPools === undefined ||
    cluster === undefined ||
    subnets === undefined ||
    securityGroups === undefined ||
    assignPublicIp === undefined ||
    activePollSeconds === undefined ||
    startDeadlineSeconds === undefined
  ) {
    throw new ConfigError(faults);
  }
  const placement = { cluster, subnets, securityGroups, assignPublicIp };
  return {
    hostname: hostname.toLowerCase(),
    pools: agentPools.map(({ lanes, ...pool }) => ({
      organization,
      apiTokenSecret,
      ...pool,
      lanes: lanesOf(lanes, placement),
    })),
    placement,
    tick: {
      limits: {
        maxLaunchesPerTick: 50,
        startDeadlineMs: startDeadlineSeconds * 1000,
        backOffBaseMs: 30_000,
        backOffMaxMs: 15 * 60_000,
      },
      agentsCeiling,
    },
    activePollMs: activePollSeconds * 1000,
  };
}

/** Organizations whose warm agents leave no slot of the organization agent limit for the jobs of another lane. */
function ceilingFaults(agentPools: readonly AgentPoolEnvironment[], agentsCeiling: number): ConfigFault[] {
  const byOrganization = Map.groupBy(agentPools, ({ organization }) => organization);
  return [...byOrganization.values()].flatMap((its) => {
    const warm = its.reduce((sum, pool) => sum + warmAgentsOf(pool), 0);
    const most = mostWarmAgents(agentsCeiling, its.flatMap(({ lanes }) => lanes).length);
    if (warm <= most) return [];
    const given = `${agentsCeiling}, with ${warm} warm agents in one organization`;
    return [{ name: ENV.agentsCeiling, given, allowed: `at most ${most} warm agents`, remedy: REMEDY }];
  });
}

function lanesOf(given: readonly LaneEnvironment[], placement: TaskPlacement): Pool['lanes'] {
  const [first, ...others] = given.map(
    ({ taskDefinition, phases = phase.options, capacity, warm, policies, sweepMinutes }): Lane => ({
      phases,
      taskDefinition,
      capacity: capacity ?? 'on-demand',
      ...(policies === false && { acceptsPolicies: false }),
      ...((warm !== undefined || sweepMinutes !== undefined) && {
        standing: {
          // Of what a launch says: after a change of it the tokens are others, and none stands for an older task.
          id: createHash('sha256')
            .update(JSON.stringify([taskDefinition, warm?.idleSeconds, placement]))
            .digest('hex')
            .slice(0, 12),
          warm,
          sweepMs: sweepMinutes === undefined ? undefined : sweepMinutes * 60_000,
        },
      }),
    }),
  );
  if (first === undefined) throw new Error('A pool without a lane passed its schema.');
  return [first, ...others];
}
