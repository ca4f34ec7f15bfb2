/** Compares this launcher with others on the same days: the rows of the tables, and what others are better at. */
import { duration, money, number } from './format.ts';
import { agentsUsd, type Launcher, OTHERS, OURS } from './peers/launchers.ts';
import { WORKLOADS, type Workload } from './peers/workloads.ts';
import type { Day } from './peers/world.ts';
import { percentile } from './statistics.ts';

export interface Result {
  readonly launcher: Launcher;
  readonly day: Day;
  /** Waits of the served jobs in seconds; `undefined` if no job was served. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  /** Dollars per 1,000 served jobs, with the day's fixed costs; `undefined` if no job was served. */
  readonly usdPer1000: number | undefined;
}

export interface Comparison {
  readonly workload: Workload;
  readonly ours: Result;
  readonly others: readonly Result[];
}

export async function compare(): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const workload of WORKLOADS) {
    const ours = await resultOf(OURS, workload);
    const others: Result[] = [];
    for (const other of OTHERS) others.push(await resultOf(other, workload));
    comparisons.push({ workload, ours, others });
  }
  return comparisons;
}

async function resultOf(launcher: Launcher, workload: Workload): Promise<Result> {
  return judged(launcher, await launcher.play(workload));
}

export function judged(launcher: Launcher, day: Day): Result {
  const served = day.waitsMs.length;
  const wait = (share: number): number | undefined => {
    const ms = percentile(day.waitsMs, share);
    return ms === undefined ? undefined : ms / 1000;
  };
  const usd = agentsUsd(day) + launcher.ownUsd(day);
  return {
    launcher,
    day,
    p50: wait(0.5),
    p95: wait(0.95),
    p99: wait(0.99),
    usdPer1000: served === 0 ? undefined : (usd / served) * 1000,
  };
}

/** Differences below this share are noise of the seed. */
const CLEARLY = 0.9;

/** Sentences about everything that another launcher does clearly better on this day. Empty if there is nothing. */
export function betterThanOurs({ ours, others }: Comparison): string[] {
  return others.flatMap(({ launcher, day, p95, usdPer1000 }) => {
    const lost = [
      ...(day.neverServed > 0 ? [`${number(day.neverServed)} jobs were never served`] : []),
      ...(day.interrupted > 0 ? [`${number(day.interrupted)} jobs were interrupted`] : []),
    ];
    const but = lost.length === 0 ? '' : ` But ${lost.join(', and ')}.`;
    const lower = (value: number | undefined, than: number | undefined): value is number =>
      value !== undefined && than !== undefined && value < than * CLEARLY;
    const { because } = launcher;
    const sentences: string[] = [];
    if (lower(p95, ours.p95)) {
      sentences.push(
        `**${launcher.name}** has shorter waits (p95 ${duration(p95)} instead of ${duration(ours.p95 ?? 0)}): ${because.wait}.${but}`,
      );
    }
    if (lower(usdPer1000, ours.usdPer1000)) {
      sentences.push(
        `**${launcher.name}** costs less (${money(usdPer1000)} per 1,000 jobs instead of ${money(ours.usdPer1000 ?? 0)}): ${because.cost}.${but}`,
      );
    }
    const [theirs, own] = [day.requests.hcpTerraform, ours.day.requests.hcpTerraform];
    if (because.requests !== undefined && lower(theirs, own)) {
      sentences.push(
        `**${launcher.name}** makes fewer requests to HCP Terraform (${number(theirs)} instead of ${number(own)}): ${because.requests}.${but}`,
      );
    }
    return sentences;
  });
}
