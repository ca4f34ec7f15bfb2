/**
 * Calculates what a deployment costs. The stack's outputs and the documents use the same numbers: On-Demand list prices of
 * us-east-1 in US dollars, for a month of 730 hours, without the free tier. These are estimates for comparison, not an offer.
 */
import { PRICES, type Price } from './prices.ts';

/** Hours per month, as in AWS's calculator. */
export const HOURS = 730;

export interface CostLine {
  readonly item: string;
  /** How the amount is calculated. */
  readonly formula: string;
  readonly usd: number;
}

/** The parts of a network that cost money while nothing runs. */
export interface IdleNetwork {
  readonly natGateways: number;
  readonly firewallEndpoints: number;
  /** Interface endpoints times the zones they are in. */
  readonly interfaceEndpoints: number;
  readonly dnsNames: number;
}

/**
 * Monthly price of a network while nothing runs, in US dollars, as one line per item. Empty if the network costs nothing.
 *
 * AWS waives one NAT gateway hour for every hour of a firewall endpoint
 * (https://aws.amazon.com/network-firewall/pricing/, quoted in https://github.com/infracost/infracost/pull/1469). We infer that
 * AWS still bills the gateway's public address.
 */
export function idleNetworkCost(network: IdleNetwork): CostLine[] {
  const { natGateways, firewallEndpoints, interfaceEndpoints, dnsNames } = network;
  const { natGatewayHour, publicAddressHour, firewallEndpointHour, interfaceEndpointHour, dnsFirewallNameMonth } =
    PRICES;
  const waived = Math.min(natGateways, firewallEndpoints);
  const hourly = (count: number, item: string, ...prices: readonly Price[]): CostLine[] => {
    const price = prices.map(({ usd }) => `$${usd}`).join(' + ');
    const formula = `${count} × ${prices.length > 1 ? `(${price})` : price} × ${HOURS} h`;
    return count === 0 ? [] : [{ item, formula, usd: count * prices.reduce((sum, { usd }) => sum + usd, 0) * HOURS }];
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
    ...(dnsNames === 0 ? [] : [names]),
  ];
}

/** Price of invocations of the launcher, which has 256 MB and runs on arm64. */
export function launcherCost(invocations: number, seconds: number): number {
  return invocations * (PRICES.lambdaRequest.usd + seconds * 0.25 * PRICES.lambdaGbSecondArm.usd);
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
export function idlePollCost(idlePollSeconds: number): CostLine[] {
  const aMinute = Math.ceil(60 / idlePollSeconds) - 1;
  if (aMinute === 0) return [];
  const { logGb, sqsRequest } = PRICES;
  const polls = aMinute * HOURS * 60;
  const count = polls.toLocaleString('en');
  return [
    {
      item: 'invocations',
      formula: `${count} (${aMinute} per minute) with 256 MB that take one second each, on arm64`,
      usd: launcherCost(polls, 1),
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

/** The task of one job. */
export interface JobSize {
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly architecture: 'x86_64' | 'arm64';
  /** From the image pull to the end. Fargate bills at least one minute. */
  readonly seconds: number;
  readonly diskGiB?: number;
  readonly publicAddress?: boolean;
}

export function jobCost(job: JobSize): number {
  const { cpu, memoryMiB, architecture, seconds, diskGiB = 20, publicAddress = false } = job;
  const arm = architecture === 'arm64';
  const hours = Math.max(60, seconds) / 3600;
  const vcpu = (arm ? PRICES.fargateVcpuHourArm : PRICES.fargateVcpuHourX86).usd;
  const gb = (arm ? PRICES.fargateGbHourArm : PRICES.fargateGbHourX86).usd;
  const disk = Math.max(0, diskGiB - 20) * PRICES.fargateDiskGbHour.usd;
  const address = publicAddress ? PRICES.publicAddressHour.usd : 0;
  return hours * ((cpu / 1024) * vcpu + (memoryMiB / 1024) * gb + disk + address);
}

export function total(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

/** A readable amount: two decimals, and more if the amount is less than ten cents. */
export function dollars(usd: number): string {
  if (usd === 0) return '$0.00';
  return `$${usd >= 0.1 ? usd.toFixed(2) : Number(usd.toPrecision(2))}`;
}
