import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ENV, PHASES } from './contract.ts';
import type { Lane } from './core/types.ts';
import { ConfigError, type ConfigFault } from './errors.ts';
import {
  type AgentPoolEnvironment,
  agentPoolsEnvironment,
  type LaneEnvironment,
  nonEmpty,
  warmAgentsOf,
} from './pool-environment.ts';
import type { Pool, TaskPlacement } from './ports.ts';
import type { TickSettings } from './tick.ts';
import { mostWarmAgents } from './warm-limit.ts';

/** The launcher's configuration, from its environment. */
export interface LauncherConfig {
  readonly hostname: string;
  readonly pools: readonly Pool[];
  readonly placement: TaskPlacement;
  readonly tick: TickSettings;
  /** 0: one poll per invocation. */
  readonly activePollMs: number;
}

/** A variable's rule: how it is read, what is allowed, and what to do if it is wrong. */
interface Rule<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
  readonly allowed: string;
}

const REMEDY = 'deploy the stack again; if the function runs elsewhere, set the variable';

const list = nonEmpty.transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
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
  .pipe(agentPoolsEnvironment);

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
    allowed: 'an integer from 1, or nothing',
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
    ({ taskDefinition, phases = PHASES, capacity, warm, policies, sweepMinutes }): Lane => ({
      phases,
      taskDefinition,
      capacity: capacity ?? 'on-demand',
      ...(policies === false && { acceptsPolicies: false }),
      ...((warm !== undefined || sweepMinutes !== undefined) && {
        standing: {
          // A digest of the launch parameters. If they change, the tokens change too, and none stands for an older task.
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
