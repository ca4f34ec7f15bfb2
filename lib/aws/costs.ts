/**
 * Calculates what a deployment costs. The stack's outputs and the documents use the same numbers: On-Demand list prices of
 * us-east-1 in US dollars, for a month of 730 hours, without the free tier. These are estimates for comparison, not an offer.
 */
import { billedSeconds, type FargateTask, fargateCost } from '../../functions/launcher/core/fargate-price.ts';
import { type FunctionArchitecture, PRICES, type Price } from './prices.ts';

/** Hours per month, as in AWS's calculator. */
export const HOURS = 730;

export interface CostLine {
  readonly item: string;
  /** How the amount is calculated. */
  readonly formula: string;
  readonly usd: number;
}

/** The parts of a network that cost money while nothing runs. An absent part is 0. */
export interface IdleNetwork {
  readonly natGateways?: number;
  readonly firewallEndpoints?: number;
  /** Interface endpoints times the zones they are in. */
  readonly interfaceEndpoints?: number;
  /** Gateways of the mode `on-demand`, which are stopped. */
  readonly gateways?: number;
  /** Elastic IPs of these gateways. */
  readonly fixedAddresses?: number;
  readonly dnsNames?: number;
}

/** GB of a gateway's volume: the size of Amazon Linux's image. */
export const GATEWAY_VOLUME_GB = 8;

/**
 * Monthly price of a network while nothing runs, in US dollars, as one line per item. Empty if the network costs nothing.
 *
 * AWS waives one NAT gateway hour for every hour of a firewall endpoint
 * (https://aws.amazon.com/network-firewall/pricing/, quoted in https://github.com/infracost/infracost/pull/1469). We infer that
 * AWS still bills the gateway's public address.
 */
export function idleNetworkCost(network: IdleNetwork): CostLine[] {
  const {
    natGateways = 0,
    firewallEndpoints = 0,
    interfaceEndpoints = 0,
    gateways = 0,
    fixedAddresses = 0,
    dnsNames = 0,
  } = network;
  const { natGatewayHour, publicAddressHour, firewallEndpointHour, interfaceEndpointHour, volumeGbMonth } = PRICES;
  const { dnsFirewallNameMonth } = PRICES;
  const waived = Math.min(natGateways, firewallEndpoints);
  const hourly = (count: number, item: string, ...prices: readonly Price[]): CostLine[] => {
    const price = prices.map(({ usd }) => `$${usd}`).join(' + ');
    const formula = `${count} × ${prices.length > 1 ? `(${price})` : price} × ${HOURS} h`;
    return count === 0 ? [] : [{ item, formula, usd: count * prices.reduce((sum, { usd }) => sum + usd, 0) * HOURS }];
  };
  const volumes = {
    item: 'volume of a stopped gateway',
    formula: `${gateways} × ${GATEWAY_VOLUME_GB} GB × $${volumeGbMonth.usd}`,
    usd: gateways * GATEWAY_VOLUME_GB * volumeGbMonth.usd,
  };
  const names = {
    item: 'DNS Firewall',
    formula: `${dnsNames} domains × $${dnsFirewallNameMonth.usd}`,
    usd: dnsNames * dnsFirewallNameMonth.usd,
  };
  return [
    ...hourly(natGateways - waived, 'NAT gateway with its public address', natGatewayHour, publicAddressHour),
    ...hourly(
      waived,
      'public address of the NAT gateway (the gateway itself is free while a firewall endpoint runs)',
      publicAddressHour,
    ),
    ...hourly(firewallEndpoints, 'Network Firewall endpoint', firewallEndpointHour),
    ...hourly(interfaceEndpoints, 'interface endpoint, per zone', interfaceEndpointHour),
    ...(gateways === 0 ? [] : [volumes]),
    ...hourly(fixedAddresses, 'fixed address of a gateway', publicAddressHour),
    ...(dnsNames === 0 ? [] : [names]),
  ];
}

/** The instance type of a gateway with a known price. */
const PRICED_GATEWAY = 't4g.nano';

/**
 * Price per hour of a running gateway and its public address. Its volume costs the same while it is stopped.
 *
 * @returns `undefined` if the price of the instance type isn't known
 */
export function gatewayHourCost(instanceType: string): number | undefined {
  return instanceType === PRICED_GATEWAY ? PRICES.gatewayHour.usd + PRICES.publicAddressHour.usd : undefined;
}

/** Price of invocations of the launcher, which has 256 MB. */
export function launcherCost(
  invocations: number,
  seconds: number,
  architecture: FunctionArchitecture = 'arm64',
): number {
  const { lambdaRequest, lambdaGbSecondArm, lambdaGbSecondX86 } = PRICES;
  const gbSecond = architecture === 'arm64' ? lambdaGbSecondArm : lambdaGbSecondX86;
  return invocations * (lambdaRequest.usd + seconds * 0.25 * gbSecond.usd);
}

/** The parts of the launcher that cost money while nothing is queued. */
export interface IdleLauncher {
  readonly secrets: number;
  readonly alarms: number;
}

/** Invocations per month while nothing is queued, at one per minute. */
export const IDLE_INVOCATIONS = HOURS * 60;

/** Monthly price of the launcher and its monitoring while nothing is queued. */
export function idleLauncherCost({ secrets, alarms }: IdleLauncher): CostLine[] {
  const { logGb, secretMonth, secretCall, alarmMonth, customMetricMonth } = PRICES;
  const invocations = IDLE_INVOCATIONS.toLocaleString('en');
  return [
    {
      item: 'launcher',
      formula: `${invocations} invocations with 256 MB that take one second each, on arm64, without Lambda's free tier`,
      usd: launcherCost(IDLE_INVOCATIONS, 1),
    },
    {
      item: "launcher's log",
      formula: `${invocations} lines of 1 kB × $${logGb.usd} per GB`,
      usd: (IDLE_INVOCATIONS / 1_000_000) * logGb.usd,
    },
    { item: 'secrets', formula: `${secrets} × $${secretMonth.usd}`, usd: secrets * secretMonth.usd },
    {
      // "Lambda terminates execution environments every few hours", even of functions that are invoked continuously:
      // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
      item: 'reading the API token',
      formula:
        'one read per hour, which is a high estimate: the function keeps the token in memory until Lambda starts a new instance, every few hours',
      usd: HOURS * secretCall.usd,
    },
    { item: 'alarms', formula: `${alarms} × $${alarmMonth.usd}`, usd: alarms * alarmMonth.usd },
    {
      item: 'custom metrics',
      formula: `1 × $${customMetricMonth.usd}: an idle launcher writes only the heartbeat metric`,
      usd: customMetricMonth.usd,
    },
  ];
}

/**
 * Number of connections with which Lambda waits for messages of a queue. With a maximum concurrency, Lambda doesn't reduce them:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
 */
const RECEIVERS = 5;

/** Longest time for which ReceiveMessage waits. We assume that Lambda uses it: AWS only says "long polling". */
const LONG_POLL_SECONDS = 20;

const PER_MILLION = `${dollars(PRICES.sqsRequest.usd * 1_000_000)} per million`;

/** Monthly price of the queue of wake-ups without messages, with its alarm. */
export function wakeUpQueueCost(): CostLine[] {
  const { sqsRequest, alarmMonth } = PRICES;
  return [
    {
      item: 'waiting for messages',
      formula: `Lambda's ${RECEIVERS} connections × one request per ${LONG_POLL_SECONDS} s × ${HOURS} h × ${PER_MILLION}`,
      usd: ((RECEIVERS * HOURS * 3600) / LONG_POLL_SECONDS) * sqsRequest.usd,
    },
    { item: 'alarm', formula: `on 2 metrics × $${alarmMonth.usd}`, usd: 2 * alarmMonth.usd },
  ];
}

/**
 * Monthly price of polling every `idlePollSeconds` while nothing runs, in addition to the schedule's poll per minute. Empty if only the
 * schedule polls.
 */
export function idlePollCost(idlePollSeconds: number, architecture: FunctionArchitecture = 'arm64'): CostLine[] {
  const aMinute = Math.ceil(60 / idlePollSeconds) - 1;
  if (aMinute === 0) return [];
  const { logGb, sqsRequest } = PRICES;
  const polls = aMinute * HOURS * 60;
  const count = polls.toLocaleString('en');
  return [
    {
      item: 'invocations',
      formula: `${count} (${aMinute} per minute) with 256 MB that take one second each, on ${architecture}`,
      usd: launcherCost(polls, 1, architecture),
    },
    { item: 'log', formula: `${count} lines of 1 kB × $${logGb.usd} per GB`, usd: (polls / 1_000_000) * logGb.usd },
    {
      item: 'messages',
      formula: `${count} × 3 requests to send, receive and delete × ${PER_MILLION}`,
      usd: polls * 3 * sqsRequest.usd,
    },
    ...wakeUpQueueCost(),
  ];
}

/** Monthly price of the rotation of agent tokens: one invocation per hour, a secret, and a metric and an alarm per pool. */
export function tokenRotationCost(pools: number): CostLine[] {
  const { alarmMonth, customMetricMonth, secretCall, secretMonth } = PRICES;
  return [
    {
      item: 'invocations',
      formula: `${HOURS} with 256 MB that take five seconds each, on arm64`,
      usd: launcherCost(HOURS, 5),
    },
    { item: 'secret', formula: `1 × $${secretMonth.usd}`, usd: secretMonth.usd },
    {
      item: 'calls of Secrets Manager',
      formula: `${HOURS} × ${1 + 2 * pools}`,
      usd: HOURS * (1 + 2 * pools) * secretCall.usd,
    },
    { item: 'custom metrics', formula: `${pools} × $${customMetricMonth.usd}`, usd: pools * customMetricMonth.usd },
    { item: 'alarms', formula: `${pools + 1} × $${alarmMonth.usd}`, usd: (pools + 1) * alarmMonth.usd },
  ];
}

/** What a job adds to the logs of a VPC. These are assumptions: nobody measured them. */
const CONNECTIONS_PER_JOB = 500;
const QUERIES_PER_JOB = 300;

/** Sizes of a record of the flow logs in AWS's default format, and of a query in the DNS query log. */
const FLOW_BYTES = 120;
const QUERY_BYTES = 600;

/** Price of the flow logs and of the DNS query log of a VPC for a number of jobs. */
export function vpcLogCost(jobs: number): CostLine[] {
  const { logGb } = PRICES;
  const price = (bytes: number) => (bytes / 1_000_000_000) * logGb.usd;
  return [
    {
      item: 'flow logs',
      formula: `${CONNECTIONS_PER_JOB} connections per job × 2 records × ${FLOW_BYTES} bytes × $${logGb.usd} per GB`,
      usd: price(jobs * CONNECTIONS_PER_JOB * 2 * FLOW_BYTES),
    },
    {
      item: 'DNS query log',
      formula: `${QUERIES_PER_JOB} queries per job × ${QUERY_BYTES} bytes × $${logGb.usd} per GB`,
      usd: price(jobs * QUERIES_PER_JOB * QUERY_BYTES),
    },
  ];
}

/**
 * Monthly price of the flow logs while nothing runs. A network interface without traffic has one record for each aggregation interval,
 * which lasts ten minutes: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
 */
export function idleFlowLogCost(interfaces: number): CostLine {
  const records = interfaces * 6 * HOURS;
  return {
    item: 'flow logs',
    formula: `${records.toLocaleString('en')} records without data × ${FLOW_BYTES} bytes × $${PRICES.logGb.usd} per GB`,
    usd: ((records * FLOW_BYTES) / 1_000_000_000) * PRICES.logGb.usd,
  };
}

/** The task of one job. */
export interface JobSize extends Pick<FargateTask, 'cpu' | 'memoryMiB' | 'architecture' | 'capacity'> {
  /** From the image pull to the end. Fargate bills at least one minute. */
  readonly seconds: number;
  readonly diskGiB?: number;
  readonly publicAddress?: boolean;
}

export function jobCost({ seconds, diskGiB, publicAddress = false, ...size }: JobSize): number {
  const address = publicAddress ? (billedSeconds(seconds) / 3600) * PRICES.publicAddressHour.usd : 0;
  return fargateCost({ ...size, ephemeralStorageGiB: diskGiB }, seconds) + address;
}

export function total(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

/** A readable amount: two decimals, and more if the amount is less than ten cents. */
export function dollars(usd: number): string {
  if (usd === 0) return '$0.00';
  return `$${usd >= 0.1 ? usd.toFixed(2) : Number(usd.toPrecision(2))}`;
}
