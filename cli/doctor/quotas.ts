/** Reads quotas and free addresses. */
import { type Datapoint, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda';
import { GetAWSDefaultServiceQuotaCommand, GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import { nameOfAwsError } from '../aws/errors.ts';
import type { Context } from '../context.ts';
import type { Finding } from '../core/doctor/findings.ts';
import {
  checkAddresses,
  checkLambda,
  checkVcpu,
  type FreeAddresses,
  type LambdaLimits,
  VCPU_QUOTAS,
  VCPU_USAGE,
  type VcpuKind,
  vcpuNeed,
} from '../core/doctor/quotas.ts';
import { mostAgents } from '../core/doctor/target.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';
import { tasksOf } from './tasks.ts';

export async function quotaFindings(checkup: TargetCheckup): Promise<Finding[]> {
  const { context, target } = checkup;
  const parts = await Promise.all([
    vcpuFindings(checkup, 'on-demand'),
    vcpuFindings(checkup, 'spot'),
    addressFindings(checkup),
    observe(() => lambdaLimits(context)).then((limits) => [checkLambda(limits, target.reservedConcurrency)]),
  ]);
  return parts.flat();
}

async function vcpuFindings({ context, target, deployment }: TargetCheckup, kind: VcpuKind): Promise<Finding[]> {
  const need = vcpuNeed(target.pools, kind);
  if (need.largest === 0) return checkVcpu(kind, need, { value: 0 }, { launcher: 0, account: { value: undefined } });
  const [allowed, account, tasks] = await Promise.all([
    observe(() => quota(context, kind)),
    observe(() => vcpusInUse(context, kind)),
    // Nothing is deployed, so the launcher has no tasks.
    deployment === undefined ? { value: { live: [] } } : observe(() => tasksOf(context.aws, deployment)),
  ]);
  // If the tasks can't be read, another check reports it.
  const live = 'value' in tasks ? tasks.value.live.filter(({ capacity }) => capacity === kind) : undefined;
  return checkVcpu(kind, need, allowed, { launcher: live?.reduce((sum, { vcpus }) => sum + vcpus, 0), account });
}

/** AWS publishes the metric every few minutes at most. */
const USAGE_MS = 15 * 60_000;
const PERIOD_SECONDS = 300;

/** The vCPUs that the account uses in the region; `undefined`: CloudWatch has no recent value. */
async function vcpusInUse({ aws, io }: Context, kind: VcpuKind): Promise<number | undefined> {
  const { namespace, name, dimensions } = VCPU_USAGE;
  const all = { ...dimensions, Class: VCPU_QUOTAS[kind].usageClass };
  const cloudWatch = await aws.cloudWatch();
  const { Datapoints = [] } = await cloudWatch.send(
    new GetMetricStatisticsCommand({
      Namespace: namespace,
      MetricName: name,
      Dimensions: Object.entries(all).map(([Name, Value]) => ({ Name, Value })),
      StartTime: new Date(io.now() - USAGE_MS),
      EndTime: new Date(io.now()),
      Period: PERIOD_SECONDS,
      Statistics: ['Maximum'],
    }),
  );
  const timeOf = ({ Timestamp }: Datapoint): number => Timestamp?.getTime() ?? 0;
  return Datapoints.toSorted((one, other) => timeOf(one) - timeOf(other)).at(-1)?.Maximum;
}

async function quota({ aws }: Context, kind: VcpuKind): Promise<number> {
  const client = await aws.serviceQuotas();
  const input = { ServiceCode: VCPU_QUOTAS[kind].service, QuotaCode: VCPU_QUOTAS[kind].code };
  try {
    return valueIn(await client.send(new GetServiceQuotaCommand(input)));
  } catch (error) {
    // The account has no applied value, so AWS's default applies.
    if (nameOfAwsError(error) !== 'NoSuchResourceException') throw error;
    return valueIn(await client.send(new GetAWSDefaultServiceQuotaCommand(input)));
  }
}

function valueIn({ Quota }: { readonly Quota?: { readonly Value?: number | undefined } | undefined }): number {
  return Quota?.Value ?? 0;
}

/** The subnets of a new VPC exist only after the deployment. */
async function addressFindings({ context, target, deployment }: TargetCheckup): Promise<Finding[]> {
  const { network, pools } = target;
  if (network.kind === 'own') return [];
  const ids = network.kind === 'existing' ? network.needs.subnetIds : network.subnetIds;
  if (ids.length === 0) return [];
  const [subnets, tasks] = await Promise.all([
    observe(() => freeAddresses(context, ids)),
    deployment === undefined ? { value: { live: [] } } : observe(() => tasksOf(context.aws, deployment)),
  ]);
  return [checkAddresses(subnets, mostAgents(pools), 'value' in tasks ? tasks.value.live.length : 0)];
}

async function freeAddresses({ aws }: Context, ids: readonly string[]): Promise<FreeAddresses[]> {
  const ec2 = await aws.ec2();
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: 'subnet-id', Values: [...ids] }] }),
  );
  return Subnets.map(({ SubnetId = '', AvailableIpAddressCount = 0 }) => ({
    subnet: SubnetId,
    free: AvailableIpAddressCount,
  }));
}

async function lambdaLimits({ aws }: Context): Promise<LambdaLimits> {
  const lambda = await aws.lambda();
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
  return {
    limit: AccountLimit?.ConcurrentExecutions ?? 0,
    unreserved: AccountLimit?.UnreservedConcurrentExecutions ?? 0,
  };
}
