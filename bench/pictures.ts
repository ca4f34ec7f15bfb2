/** The pictures of docs/performance.md: one per question. */
import { barPanels } from './charts/bars.ts';
import { curvePanels } from './charts/curves.ts';
import type { Comparison, Result } from './comparison.ts';
import { duration, money, number } from './format.ts';
import type { Day } from './peers/world.ts';
import { idealLaunches } from './statistics.ts';
import type { Burst } from './wire/bursts.ts';

/** Short names, because the labels are small. */
const shortName = (name: string): string => name.replace(', `scaleUpSeconds: 0`', ', tuned');

function warningOf({ neverServed, interrupted }: Day): string {
  if (neverServed > 0) return `${number(neverServed)} never`;
  return interrupted > 0 ? `${number(interrupted)} killed` : '';
}

function panelsOf(
  comparisons: readonly Comparison[],
  shownOf: (result: Result) => number | undefined,
  shown: (value: number, result: Result) => string,
) {
  return comparisons.map(({ workload, ours, others }) => ({
    title: workload.name,
    bars: [ours, ...others].map((result) => {
      const value = shownOf(result);
      const left = warningOf(result.day);
      return {
        label: shortName(result.launcher.name),
        value,
        // A value of a launcher that left jobs behind would mislead.
        shown: value === undefined || result.day.neverServed > 0 ? '' : shown(value, result),
        warning: left === '' ? undefined : left,
        ours: result === ours,
      };
    }),
  }));
}

export function waitPicture(comparisons: readonly Comparison[]): string {
  return barPanels(
    {
      title: 'How long does a job wait for an agent?',
      subtitle:
        '95 of 100 jobs wait no longer than this. Shorter is better. Red: jobs that no agent ever took, or that were killed.',
      description:
        'Bars of the 95th percentile of the wait, for each launcher and workload. The tables below have the numbers.',
    },
    panelsOf(comparisons, ({ p95 }) => p95, duration),
    {
      label: 'wait, logarithmic',
      ticks: [
        { value: 1, label: '1 s' },
        { value: 60, label: '1 min' },
        { value: 7200, label: '2 h' },
      ],
    },
  );
}

export function costPicture(comparisons: readonly Comparison[]): string {
  return barPanels(
    {
      title: 'What do 1,000 jobs cost?',
      subtitle:
        'US dollars on that day: agents and everything that runs for them, without the network. Shorter is better.',
      description:
        'Bars of dollars per 1,000 served jobs, for each launcher and workload. The tables below have the numbers.',
    },
    panelsOf(
      comparisons,
      ({ usdPer1000 }) => usdPer1000,
      (value, { launcher: { notIncluded } }) =>
        notIncluded === undefined ? money(value) : `${money(value)} + cluster`,
    ),
    {
      label: 'US dollars per 1,000 jobs, logarithmic',
      ticks: [
        { value: 1, label: '$1' },
        { value: 100, label: '$100' },
        { value: 10000, label: '$10,000' },
      ],
    },
  );
}

export function burstPicture(bursts: readonly Burst[], jobs: readonly number[]): string {
  const panels = bursts
    .filter((burst) => jobs.includes(burst.jobs))
    .map((burst) => ({
      title: `${number(burst.jobs)} jobs queued at once`,
      jobs: burst.jobs,
      launchSeconds: burst.launchSeconds,
      ideal: (seconds: number) => idealLaunches(seconds, burst.wanted),
      seconds: niceEnd(Math.max(burst.lastSeconds, burst.idealSeconds)),
    }));
  return curvePanels(
    {
      title: 'How fast does a burst of jobs get its tasks?',
      subtitle:
        'Solid: tasks that the launcher launched. Dashed: the fastest that ECS allows, 20 calls at once and 20 per second.',
      description: 'Launched tasks over time, next to the limit of ECS. The table below has the numbers.',
    },
    panels,
  );
}

/** A round number that isn't below the value, for the end of an axis with four parts. */
export function niceEnd(value: number): number {
  for (const end of [4, 8, 12, 20, 40, 60, 80, 100, 120, 160, 200]) if (value <= end) return end;
  return Math.ceil(value / 100) * 100;
}
