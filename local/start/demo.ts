/** The demo: queues the scenario, serves it, and prints a summary. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Display } from './display.ts';
import { countsOf, type DemoEvent, isFinal } from './model.ts';
import { playScenario, WORKSPACES } from './scenario.ts';
import type { Session } from './session.ts';
import { type Summary, summarize } from './summary.ts';
import { timelineHtml } from './timeline.ts';

/** Longer than the demo takes on a slow machine, but short enough for a person who waits. */
const DEADLINE_MS = 120_000;
const FRAME_MS = 200;

export interface DemoSettings {
  readonly session: Session;
  readonly display: Display;
  /** The session's events from now on. */
  readonly onEvent: (listener: (event: DemoEvent) => void) => void;
  /** Version of the Terraform on the PATH. Absent: the agents execute the built-in sample. */
  readonly terraform?: string;
  readonly timelineFile: string;
  readonly startedAt: number;
  readonly now: () => number;
  /** Aborts the demo. */
  readonly signal: AbortSignal;
}

/** Runs the scenario to its end and writes the timeline. Rejects with the signal's reason if it is aborted. */
export async function runDemo(settings: DemoSettings): Promise<Summary> {
  const { session, display, signal, now, startedAt } = settings;
  const { api, poolIds } = session.world;
  const workspaceIds = new Map<string, string>();
  for (const [name, pool] of Object.entries(WORKSPACES)) {
    const workspace = await api.createWorkspace({ name, poolId: poolIds.get(pool) ?? '' });
    workspaceIds.set(name, workspace.id);
  }

  const scenario = playScenario(api, workspaceIds, signal);
  settings.onEvent((event) => {
    if (event.kind === 'run' && event.status === 'planned') scenario.confirmLater(event.runId);
  });
  let allQueued = false;
  let trouble: string | undefined;
  scenario.queued.then(
    () => {
      allQueued = true;
    },
    (error: unknown) => {
      if (!signal.aborted) trouble = `The demo could not queue its runs: ${messageOf(error)}`;
    },
  );

  for (;;) {
    await delay(FRAME_MS, undefined, { signal });
    const model = session.model();
    display.update(model);
    trouble ??= session.trouble();
    if (trouble !== undefined) break;
    if (allQueued && [...model.runs.values()].every(isFinal) && countsOf(model).present === 0) break;
    if (now() - startedAt > DEADLINE_MS) {
      trouble = `It was not over after ${DEADLINE_MS / 1000} s.`;
      break;
    }
  }

  await session.stopLauncher();
  const model = session.model();
  const { total, failed } = session.invocations();
  const summary = summarize(model, {
    durationMs: now() - startedAt,
    invocations: total,
    failedInvocations: failed,
    // The built-in sample ignores the configurations, so their expected results don't apply.
    expected: settings.terraform === undefined ? new Map() : scenario.expected,
    ...(settings.terraform === undefined ? {} : { terraform: settings.terraform }),
    ...(trouble === undefined ? {} : { trouble }),
  });
  mkdirSync(dirname(settings.timelineFile), { recursive: true });
  writeFileSync(settings.timelineFile, timelineHtml(model, { from: startedAt, to: now(), summary }));
  return summary;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
