import type { Scenario, ScenarioEvent } from './scenario.ts';
import type { Shrunk } from './shrink.ts';
import { type Statistics, waitSeconds } from './statistics.ts';
import type { Outcome } from './world.ts';

const count = (n: number): string => n.toLocaleString('en');

/** The statistics of a run of the simulation, as text. */
export function statisticsText(sums: Record<string, Statistics>, all: Statistics, tookMs: number): string {
  const rows = [
    ['worlds', count(all.worlds)],
    ['virtual time', `${count(Math.round(all.virtualMs / 3_600_000))} h`],
    ['events', count(all.events)],
    ['invocations, ticks', `${count(all.invocations)}, ${count(all.ticks)}`],
    ['faults injected', count(Object.values(all.faults).reduce((sum, n) => sum + n, 0))],
    ['launches', count(all.launches)],
    ['jobs served', count(all.served)],
    ['promises broken', count(all.broken.length)],
    [
      'queued jobs seen: served, limited, excused',
      `${count(all.watched.served)}, ${count(all.watched.limited)}, ${count(all.watched.excused)}`,
    ],
    ['stops that raced with a late agent', count(all.racedStops)],
    [
      'worlds with gateways; instances created, started, stopped, ended',
      `${count(all.gateways.worlds)}; ${[all.gateways.created, all.gateways.started, all.gateways.stopped, all.gateways.ended].map(count).join(', ')}`,
    ],
    ['took', `${(tookMs / 1000).toFixed(1)} s, ${((all.worlds / tookMs) * 1000).toFixed(0)} worlds a second`],
  ];
  const waste = [
    ['profile', 'worlds', 'served', 'launches/job', 'unused', 'idle s/job', 'wait p50', 'p95', 'p99', 'broken'],
    ...Object.entries({ ...Object.fromEntries(Object.entries(sums).sort()), all }).map(([name, one]) => [
      name,
      count(one.worlds),
      count(one.served),
      (one.launches / Math.max(1, one.served)).toFixed(2),
      `${((one.unused / Math.max(1, one.launches)) * 100).toFixed(1)} %`,
      (one.idleAgentMs / 1000 / Math.max(1, one.served)).toFixed(1),
      ...[0.5, 0.95, 0.99].map((share) => `${waitSeconds(one, share) ?? '-'} s`),
      count(one.broken.length),
    ]),
  ];
  const faults = Object.entries(all.faults)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, n]) => [kind, count(n)]);
  return `${table(rows)}\n${table(waste)}\nFaults by kind\n${table(faults)}\n`;
}

/** The report on a broken promise: its number, the shortest world found, and the command to replay that world. */
export function brokenText(
  { world, promise, what, profile }: { world: string; promise: number; what: string; profile: string },
  shrunk: Shrunk | undefined,
): string {
  const head = `Promise ${promise} broken in world ${world}: ${what}\n`;
  if (shrunk === undefined)
    return `${head}  It does not happen again with the same seed: the simulation is not deterministic.\n`;
  const { scenario, outcome, tries } = shrunk;
  const ids = scenario.events.map(({ id }) => id);
  return [
    head,
    `  The shortest list of events found in ${tries} worlds (${outcome.broken?.what}):\n`,
    ...scenario.events.map((event) => `    ${eventText(event)}\n`),
    `  Replay: npm run simulate -- --world ${world} --profile ${profile} --events ${ids.join(',')}\n`,
  ].join('');
}

/** The report on one world, with everything that happened in it. */
export function replayText(scenario: Scenario, outcome: Outcome): string {
  const { broken } = outcome;
  return [
    `World ${scenario.seed}, profile ${scenario.profile}\n`,
    `${JSON.stringify(scenario.settings, undefined, 1)}\n`,
    ...scenario.events.map((event) => `${eventText(event)}\n`),
    '\n',
    ...outcome.trace.map((line) => `${line}\n`),
    broken === undefined ? '\nEvery promise kept.\n' : `\nPromise ${broken.promise} broken: ${broken.what}\n`,
  ].join('');
}

function eventText({ id, atMs, kind, ...rest }: ScenarioEvent): string {
  return `${id}: at ${(atMs / 1000).toFixed(1)} s ${kind} ${JSON.stringify(rest)}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
