/** Checks of what AWS allows: Fargate's vCPUs, Lambda's concurrency, and free addresses. */

import { countedInWords } from '../sentences.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok, warning } from './findings.ts';
import type { TargetPool } from './target.ts';

/**
 * Fargate's quotas of vCPUs that tasks use at the same time, per account and region.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
 */
export const VCPU_QUOTAS = {
  'on-demand': {
    service: 'fargate',
    code: 'L-3032A538',
    name: 'Fargate On-Demand vCPU resource count',
    usageClass: 'Standard/OnDemand',
  },
  spot: {
    service: 'fargate',
    code: 'L-36FBB829',
    name: 'Fargate Spot vCPU resource count',
    usageClass: 'Standard/Spot',
  },
} as const;

/**
 * The metric of the vCPUs that all tasks and pods of the account use in the region. The class of the quota is one more dimension, `Class`.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html
 */
export const VCPU_USAGE = {
  namespace: 'AWS/Usage',
  name: 'ResourceCount',
  dimensions: { Service: 'Fargate', Type: 'Resource', Resource: 'vCPU' },
} as const;

export type VcpuKind = keyof typeof VCPU_QUOTAS;

export interface VcpuNeed {
  /** vCPUs of all pools at `maxAgents`. */
  readonly all: number;
  /** vCPUs of the largest task. */
  readonly largest: number;
  /** Pools whose task definitions could not be read. */
  readonly unknown: readonly string[];
}

/**
 * The vCPUs that the pools can use at the same time. `maxAgents` applies to a pool, so its largest lane decides. A Spot task runs on demand
 * if Spot has no capacity, so it also counts on demand.
 */
export function vcpuNeed(pools: readonly TargetPool[], kind: VcpuKind): VcpuNeed {
  const unknown: string[] = [];
  let all = 0;
  let largest = 0;
  for (const { name, maxAgents, lanes } of pools) {
    const counting = lanes.filter(({ capacity }) => kind === 'on-demand' || capacity === 'spot');
    if (counting.some(({ task }) => 'failure' in task)) unknown.push(name);
    const sizes = counting.flatMap(({ task }) => ('value' in task ? task.value.cpu / 1024 : []));
    const size = Math.max(0, ...sizes);
    all += maxAgents * size;
    largest = Math.max(largest, size);
  }
  return { all, largest, unknown };
}

/** The vCPUs that are in use now. */
export interface VcpuUse {
  /** Those of the launcher's live tasks; `undefined`: unknown. */
  readonly launcher: number | undefined;
  /** Those of all tasks and pods of the account, as CloudWatch shows them some minutes later; `undefined`: it has no recent value. */
  readonly account: Observed<number | undefined>;
}

/** @returns nothing if no pool uses this kind of capacity */
export function checkVcpu(kind: VcpuKind, need: VcpuNeed, quota: Observed<number>, use: VcpuUse): Finding[] {
  const id = `quotas.fargate-${kind}` as const;
  const { name } = VCPU_QUOTAS[kind];
  const unknown = need.unknown.map((pool) =>
    couldNotCheck(
      id,
      `the vCPUs of pool ${pool}`,
      { reason: 'its task definition could not be read', kind: 'failed' },
      'ecs:DescribeTaskDefinition',
    ),
  );
  if (need.largest === 0) return unknown;
  if ('failure' in quota) {
    return [...unknown, couldNotCheck(id, `the quota "${name}"`, quota.failure, 'servicequotas:GetServiceQuota')];
  }
  const unread =
    'failure' in use.account
      ? [
          couldNotCheck(
            id,
            `how much of the quota "${name}" the account uses`,
            use.account.failure,
            'cloudwatch:GetMetricStatistics',
          ),
        ]
      : [];
  return [...unknown, quotaFinding(kind, need, quota.value, use), ...unread];
}

function quotaFinding(kind: VcpuKind, need: VcpuNeed, allowed: number, use: VcpuUse): Finding {
  const { service, code, name } = VCPU_QUOTAS[kind];
  const id = `quotas.fargate-${kind}` as const;
  const { launcher } = use;
  const account = 'value' in use.account ? use.account.value : undefined;
  // The launcher's tasks may be newer than the metric.
  const others = account === undefined || launcher === undefined ? 0 : Math.max(0, account - launcher);
  const now = inUse(launcher, account);
  const todo = `Request more: aws service-quotas request-service-quota-increase --service-code ${service} --quota-code ${code} --desired-value ${Math.ceil(need.all + others)}. Or lower maxAgents or cpu.`;
  if (allowed < need.largest) {
    return error(id, {
      what: `The quota "${name}" is ${countedInWords(allowed, 'vCPU')}, but one task needs ${need.largest}.${now}`,
      why: 'ECS refuses to start agents of this size.',
      todo,
    });
  }
  const atMost = `all pools at maxAgents use ${need.all}`;
  if (allowed < need.all) {
    return warning(id, {
      what: `The quota "${name}" is ${countedInWords(allowed, 'vCPU')}, but ${atMost}.${now}`,
      why: 'ECS refuses to start more agents at the quota, and jobs wait. Other tasks of the account count as well.',
      todo,
    });
  }
  if (allowed < need.all + others) {
    return warning(id, {
      what: `The quota "${name}" is ${countedInWords(allowed, 'vCPU')}, and ${atMost}, but others in the account use ${others} now.`,
      why: 'The quota is for all clusters of the account. ECS refuses to start more agents at the quota, and jobs wait.',
      todo,
    });
  }
  return ok(id, `The quota "${name}" is ${countedInWords(allowed, 'vCPU')}; ${atMost}.${now}`);
}

function inUse(launcher: number | undefined, account: number | undefined): string {
  if (account !== undefined) {
    return ` The account uses ${account} now${launcher === undefined ? '' : `, the launcher’s live tasks ${launcher}`}.`;
  }
  return launcher === undefined ? '' : ` The launcher’s live tasks use ${launcher} now.`;
}

export interface FreeAddresses {
  readonly subnet: string;
  readonly free: number;
}

/** @param live tasks that already have an address */
export function checkAddresses(subnets: Observed<readonly FreeAddresses[]>, agents: number, live: number): Finding {
  const id = 'quotas.addresses';
  if ('failure' in subnets) {
    return couldNotCheck(id, 'the free addresses of the subnets', subnets.failure, 'ec2:DescribeSubnets');
  }
  const free = subnets.value.reduce((sum, subnet) => sum + subnet.free, 0);
  const needed = Math.max(0, agents - live);
  const where = subnets.value.map((subnet) => `${subnet.subnet}: ${subnet.free}`).join(', ');
  if (free < needed) {
    return error(id, {
      what: `The subnets have ${countedInWords(free, 'free address', 'free addresses')} (${where}), but ${countedInWords(needed, 'more agent')} can start.`,
      why: 'Each task needs an address. Without one, it doesn’t start.',
      todo: 'Use larger or more subnets, remove what uses the addresses, or lower maxAgents.',
    });
  }
  const full = subnets.value.filter((subnet) => subnet.free === 0);
  if (full.length > 0) {
    return warning(id, {
      what: `${full.map(({ subnet }) => subnet).join(' and ')} ${full.length === 1 ? 'has' : 'have'} no free address.`,
      why: 'ECS chooses a subnet for each task. Tasks in a full subnet don’t start.',
      todo: 'Remove what uses the addresses of this subnet, or use another subnet.',
    });
  }
  return ok(
    id,
    `The subnets have ${countedInWords(free, 'free address', 'free addresses')} (${where}) for ${countedInWords(needed, 'more agent')}.`,
  );
}

export interface LambdaLimits {
  /** Concurrent executions of the account in the region. */
  readonly limit: number;
  /** The part that no function has reserved. */
  readonly unreserved: number;
}

/**
 * Executions that must stay unreserved. AWS documents 100. New accounts have a total of 10, and AWS's message for them names 10.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
 */
const MUST_STAY_UNRESERVED = { always: 10, documented: 100 };

/** @param reserved reservation that the deployment will make; `undefined`: none, or it already exists */
export function checkLambda(limits: Observed<LambdaLimits>, reserved: number | undefined): Finding {
  const id = 'quotas.lambda-concurrency';
  if ('failure' in limits) {
    return couldNotCheck(id, 'Lambda’s concurrency', limits.failure, 'lambda:GetAccountSettings');
  }
  const { limit, unreserved } = limits.value;
  const facts = `Lambda allows ${limit} concurrent executions, ${unreserved} of them unreserved`;
  const increase =
    'Remove reservedConcurrency, or request more: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000.';
  if (reserved !== undefined && unreserved - reserved < MUST_STAY_UNRESERVED.always) {
    return error(id, {
      what: `${facts}. A reservation of ${reserved} leaves fewer than ${MUST_STAY_UNRESERVED.always}.`,
      why: 'Lambda refuses the reservation, so that the deployment fails.',
      todo: increase,
    });
  }
  if (reserved !== undefined && unreserved - reserved < MUST_STAY_UNRESERVED.documented) {
    return warning(id, {
      what: `${facts}. A reservation of ${reserved} leaves fewer than ${MUST_STAY_UNRESERVED.documented}.`,
      why: 'AWS documents that 100 must stay unreserved, so that the deployment can fail.',
      todo: increase,
    });
  }
  if (unreserved < 1) {
    return error(id, {
      what: `${facts}.`,
      why: 'The launcher’s function can’t run while other functions use or reserve all executions.',
      todo: increase,
    });
  }
  if (limit <= MUST_STAY_UNRESERVED.always) {
    return note(id, {
      what: `${facts}, as in new accounts.`,
      why: 'The launcher needs one. If other functions use all, ticks are delayed.',
      todo: 'Nothing. If other functions are busy, request more executions.',
    });
  }
  return ok(id, `${facts}.`);
}
