/** The demo: queues runs according to the scenario, serves them, and writes a summary and a timeline. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Incidents, recoveriesOf } from './incidents.ts';
import { letGatewaySleep, playScenario } from './scenario.ts';
import type { Session } from './session.ts';
import { type Summary, summarize } from './summary.ts';
import type { Display } from './terminal/display.ts';
import { timelineHtml } from './timeline/timeline.ts';

/** Timeout. A slow machine needs less time, and a person can wait this long. */
const DEADLINE_MS = 120_000;

export const TIMELINE = fileURLToPath(new URL('../../out/timeline.html', import.meta.url));

/**
 * Runs the scenario to its end. Rejects only if the signal is aborted.
 * @param terraform version that the agents execute. Absent: the built-in sample
 */
export async function runDemo(
  session: Session,
  display: Display,
  terraform: string | undefined,
  signal: AbortSignal,
): Promise<Summary> {
  const expected = new Map<string, string>();
  const incidents = new Incidents({
    ecs: session.world.ecs,
    killLauncher: () => session.killLauncher(),
    note: (text) => session.announce(text),
  });
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const end = new AbortController();
  let trouble: string | undefined;
  try {
    const until = AbortSignal.any([signal, deadline, end.signal]);
    await session.watch(display, play(session, expected, incidents, until));
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    trouble = deadline.aborted ? `The demo did not end within ${DEADLINE_MS / 1000} s.` : message;
  } finally {
    end.abort();
  }

  await session.stopLauncher();
  const model = session.show(display);
  const summary = summarize(model, {
    durationMs: model.at - session.startedAt,
    terraform,
    invocations: session.invocations,
    // The built-in sample ignores the configurations, so there are no expected results.
    expected: terraform === undefined ? new Map() : expected,
    recoveries: recoveriesOf(incidents.all, model, session),
    trouble,
  });
  writeFileSync(TIMELINE, timelineHtml(model, session.startedAt, summary));
  return summary;
}

async function play(
  session: Session,
  expected: Map<string, string>,
  incidents: Incidents,
  signal: AbortSignal,
): Promise<void> {
  await playScenario(session.world, expected, incidents, signal);
  const { gateway } = session.world;
  if (gateway !== undefined) await letGatewaySleep(gateway, (text) => session.announce(text), signal);
}
