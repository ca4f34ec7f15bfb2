import { createHash } from 'node:crypto';
import * as z from 'zod';
import {
  type ConnectionConfig,
  commaList,
  connectionConfig,
  connectionVariables,
  jsonText,
} from '../connection/config.ts';
import { ENV, GATEWAY_STARTS, PHASES } from './contract.ts';
import type { Lane } from './core/types.ts';
import { ConfigError, type ConfigFault } from './errors.ts';
import { gatewaysEnvironment } from './gateway-environment.ts';
import { agentPoolsEnvironment, type LaneEnvironment, nonEmpty, warmAgentsOf } from './pool-environment.ts';
import type { Pool, TaskPlacement } from './ports.ts';
import type { TickSettings } from './tick.ts';
import { mostWarmAgents } from './warm-limit.ts';

/** The launcher's configuration, read from its environment variables. */
export interface LauncherConfig extends ConnectionConfig {
  readonly hostname: string;
  readonly pools: readonly Pool[];
  readonly placement: TaskPlacement;
  readonly tick: TickSettings;
  /** Time between polls while a pool is active; 0: poll once per invocation. */
  readonly activePollMs: number;
  /** Time between polls while every pool is idle; 60,000: only the schedule polls. */
  readonly idlePollMs: number;
  /** URL of the queue of wake-ups; `undefined`: there is no queue. */
  readonly wakeUpsQueueUrl: string | undefined;
  /** Time between scheduled invocations. */
  readonly scheduleMs: number;
  /** Secret with the API token that reads single runs. Pools can have their own API tokens. */
  readonly apiTokenSecret: string;
}

const HOUR_MS = 60 * 60_000;

const REMEDY = 'deploy the stack again; if the function runs elsewhere, set the variable';

const json = nonEmpty.pipe(jsonText);
const pools = json.pipe(agentPoolsEnvironment);
const gateways = json.pipe(gatewaysEnvironment);

const upTo = (most: number) => commaList.pipe(z.array(z.string()).min(1).max(most));

const whole = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number);
const integer = (least: number, most: number) => whole.pipe(z.number().min(least).max(most));

/** The schema of each variable. The description appears in the error message and says what is allowed. */
const variables = z.object({
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i)
    .toLowerCase()
    .describe('a host name with an optional port and without a scheme, such as app.terraform.io'),
  organization: nonEmpty.describe('the name of an organization'),
  apiTokenSecret: nonEmpty.describe('name or ARN of a secret, after which a colon and a key can follow'),
  agentPools: pools.describe(
    'a JSON list of pools, such as [{"name": "main", "maxAgents": 10, "lanes": [{"taskDefinition": "main"}]}]. A pool can also have "id", "organization" and "apiTokenSecret". With two lanes, one has "phases" ["plan"] and can have "capacity" "spot", the other has "phases" ["apply"], and at least one has "policies": false',
  ),
  cluster: nonEmpty.describe('name or ARN of an ECS cluster'),
  subnets: upTo(16).describe('a comma-separated list of 1 to 16 subnet ids'),
  securityGroups: upTo(5).describe('a comma-separated list of 1 to 5 security group ids'),
  assignPublicIp: z.enum(['DISABLED', 'ENABLED']).default('DISABLED').describe('DISABLED or ENABLED'),
  activePollSeconds: integer(0, 60).prefault('5').describe('an integer from 0 to 60'),
  idlePollSeconds: integer(5, 60).prefault('60').describe('an integer from 5 to 60'),
  wakeUpsQueueUrl: z.url().optional().describe('the URL of an SQS queue, or no value'),
  startDeadlineSeconds: integer(30, 3600).prefault('300').describe('an integer from 30 to 3600'),
  agentsCeiling: whole.pipe(z.number().positive()).optional().describe('an integer of at least 1, or no value'),
  scheduleSeconds: integer(60, 86_400).prefault('60').describe('an integer from 60 to 86400'),
  ...connectionVariables,
  gateways: gateways
    .optional()
    .describe(
      'a JSON list of gateways with different names and network interfaces, such as [{"name": "launcher/gateway-1", "launchTemplateId": "lt-0a1b", "launchTemplateVersion": "1", "networkInterfaceId": "eni-0a1b", "config": "4f2a", "fixedAddress": false}], or no value',
    ),
  gatewayIdleMinutes: integer(5, 1440).prefault('10').describe('an integer from 5 to 1440'),
  gatewayStart: z.enum(GATEWAY_STARTS).default('before-tasks').describe(GATEWAY_STARTS.join(' or ')),
  gatewayMaxAgeDays: integer(1, 365).prefault('30').describe('an integer from 1 to 365'),
  version: nonEmpty.optional().describe('a version, or no value'),
} satisfies Record<keyof typeof ENV, z.ZodType>);

/**
 * Reads the configuration from the environment variables.
 * @throws `ConfigError` that lists every fault.
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): LauncherConfig {
  const texts = Object.fromEntries(Object.entries(ENV).map(([key, name]) => [key, environment[name]]));
  const { data, error } = variables.safeParse(texts);
  const faults = [
    ...variables.keyof().options.flatMap((key) => variableFaults(key, texts[key], error?.issues ?? [])),
    ...ceilingFaults(texts),
  ];
  if (data === undefined || faults.length > 0) throw new ConfigError(faults);
  const { hostname, organization, apiTokenSecret, agentPools, agentsCeiling, startDeadlineSeconds } = data;
  const { cluster, subnets, securityGroups, assignPublicIp, activePollSeconds, idlePollSeconds, wakeUpsQueueUrl } =
    data;
  const { scheduleSeconds } = data;
  const placement = { cluster, subnets, securityGroups, assignPublicIp };
  return {
    hostname,
    pools: agentPools.map(({ lanes, standbySeconds, ...pool }) => ({
      organization,
      apiTokenSecret,
      ...pool,
      ...(standbySeconds !== undefined && { standbyMs: standbySeconds * 1000 }),
      lanes: lanesOf(lanes, placement),
    })),
    placement,
    tick: {
      limits: {
        startDeadlineMs: startDeadlineSeconds * 1000,
        backOffBaseMs: 30_000,
        backOffMaxMs: 15 * 60_000,
      },
      agentsCeiling,
      gateways: data.gateways && {
        all: data.gateways,
        rules: {
          idleMs: data.gatewayIdleMinutes * 60_000,
          start: data.gatewayStart,
          maxAgeMs: data.gatewayMaxAgeDays * 24 * HOUR_MS,
        },
      },
    },
    activePollMs: activePollSeconds * 1000,
    idlePollMs: idlePollSeconds * 1000,
    wakeUpsQueueUrl,
    scheduleMs: scheduleSeconds * 1000,
    apiTokenSecret,
    ...connectionConfig(data),
  };
}

function variableFaults(
  key: keyof typeof ENV,
  text: string | undefined,
  issues: readonly z.core.$ZodIssue[],
): ConfigFault[] {
  const where = issues
    .filter(({ path: [variable] }) => variable === key)
    .slice(0, 3)
    .map(({ path: [, ...inside], message }) => [inside.join('.'), message].filter(Boolean).join(': '));
  if (where.length === 0) return [];
  const given = text === undefined ? 'nothing' : `${text.length} characters (${where.join('; ')})`;
  return [{ name: ENV[key], given, allowed: `${variables.shape[key].description}`, remedy: REMEDY }];
}

/** Finds organizations whose warm agents use up the organization agent limit, so that the jobs of other lanes never start. */
function ceilingFaults(texts: Readonly<Record<string, string | undefined>>): ConfigFault[] {
  const { data: agentPools = [] } = variables.shape.agentPools.safeParse(texts['agentPools']);
  const { data: agentsCeiling } = variables.shape.agentsCeiling.safeParse(texts['agentsCeiling']);
  if (agentsCeiling === undefined) return [];
  return [...Map.groupBy(agentPools, ({ organization }) => organization).values()].flatMap((its) => {
    const warm = its.reduce((sum, pool) => sum + warmAgentsOf(pool), 0);
    const most = mostWarmAgents(agentsCeiling, its.flatMap(({ lanes }) => lanes).length);
    if (warm <= most) return [];
    const given = `${agentsCeiling}, with ${warm} warm agents in one organization`;
    return [{ name: ENV.agentsCeiling, given, allowed: `at most ${most} warm agents`, remedy: REMEDY }];
  });
}

function maxJobMsOf({
  maxPlanHours,
  maxApplyHours,
}: Pick<LaneEnvironment, 'maxPlanHours' | 'maxApplyHours'>): Pick<Lane, 'maxJobMs'> {
  if (maxPlanHours === undefined && maxApplyHours === undefined) return {};
  return {
    maxJobMs: {
      ...(maxPlanHours !== undefined && { plan: maxPlanHours * HOUR_MS }),
      ...(maxApplyHours !== undefined && { apply: maxApplyHours * HOUR_MS }),
    },
  };
}

function lanesOf(given: readonly LaneEnvironment[], placement: TaskPlacement): Pool['lanes'] {
  const [first, ...others] = given.map(
    ({ taskDefinition, phases = PHASES, capacity, warm, policies, sweepMinutes, ...limits }): Lane => ({
      phases,
      taskDefinition,
      capacity: capacity ?? 'on-demand',
      ...(policies === false && { acceptsPolicies: false }),
      ...maxJobMsOf(limits),
      ...((warm !== undefined || sweepMinutes !== undefined) && {
        standing: {
          // A digest of the launch parameters. If they change, the client tokens change too, so no client token belongs to an older task.
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
