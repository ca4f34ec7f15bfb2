/** The demo: queues the scenario, serves it, and writes a summary and a picture. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Display } from './display.ts';
import { isPresent, type Model } from './model.ts';
import { playScenario } from './scenario.ts';
import type { Session } from './session.ts';
import { type Summary, summarize } from './summary.ts';
import { timelineHtml } from './timeline.ts';

/** Longer than the demo takes on a slow machine, but short enough for a person who waits. */
const DEADLINE_MS = 120_000;

export interface DemoSettings {
  readonly session: Session;
  readonly display: Display;
  /** Version of the Terraform that the agents execute. Absent: the built-in sample. */
  readonly terraform: string | undefined;
  readonly timelineFile: string;
  /** Aborts the demo. */
  readonly signal: AbortSignal;
}

/** Runs the scenario to its end. Rejects only if the signal is aborted. */
export async function runDemo({ session, display, terraform, timelineFile, signal }: DemoSettings): Promise<Summary> {
  const expected = new Map<string, string>();
  const trouble = await serve(session, display, expected, signal);
  await session.stopLauncher();
  const model = session.show(display);
  const summary = summarize(model, {
    durationMs: model.at - session.startedAt,
    terraform,
    invocations: session.invocations,
    // The built-in sample ignores the configurations, so their expected results don't apply.
    expected: terraform === undefined ? new Map() : expected,
    trouble,
  });
  mkdirSync(dirname(timelineFile), { recursive: true });
  writeFileSync(timelineFile, timelineHtml(model, session.startedAt, summary));
  return summary;
}

/** @returns why it could not go on, if so */
async function serve(
  session: Session,
  display: Display,
  expected: Map<string, string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  let played = false;
  const playing = playScenario(session.world, expected, either).then(
    () => {
      played = true;
    },
    (error: unknown) => {
      throw new Error(`The demo could not queue its runs: ${messageOf(error)}`);
    },
  );
  const isOver = (model: Model): boolean => {
    if (model.at - session.startedAt > DEADLINE_MS) throw new Error(`It was not over after ${DEADLINE_MS / 1000} s.`);
    return played && model.runs.every(({ endedAt }) => endedAt !== undefined) && !model.containers.some(isPresent);
  };
  try {
    await Promise.all([playing, session.watch(display, either, isOver)]);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  } finally {
    end.abort();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
