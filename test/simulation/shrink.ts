import type { Launcher } from './launcher.ts';
import { type Scenario, type ScenarioEvent, withEvents } from './scenario.ts';
import { type Outcome, simulate } from './world.ts';

/** Maximum number of worlds that `shrink` runs. */
const MOST_TRIES = 400;

export interface Shrunk {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  /** Number of worlds that were run to find this one. */
  readonly tries: number;
}

/**
 * Removes events as long as the same promise is still broken: first half of them, then smaller parts, and finally single events.
 * Each attempt uses the same seed, so the events that remain are enough to break the promise.
 *
 * @returns the shortest world found; `undefined` if the complete world keeps all promises
 */
export async function shrink(scenario: Scenario, launcher: Launcher): Promise<Shrunk | undefined> {
  const whole = await simulate(scenario, launcher);
  if (whole.broken === undefined) return undefined;
  const { promise } = whole.broken;
  let best: Omit<Shrunk, 'tries'> = { scenario, outcome: whole };
  let tries = 1;

  const breaksWithout = async (out: readonly ScenarioEvent[]): Promise<boolean> => {
    if (tries >= MOST_TRIES) return false;
    tries += 1;
    const left = withEvents(best.scenario, (event) => !out.includes(event));
    const outcome = await simulate(left, launcher);
    if (outcome.broken?.promise !== promise) return false;
    best = { scenario: left, outcome };
    return true;
  };

  for (let size = Math.ceil(scenario.events.length / 2); ; size = Math.ceil(size / 2)) {
    let from = 0;
    let shrank = false;
    while (from < best.scenario.events.length) {
      if (await breaksWithout(best.scenario.events.slice(from, from + size))) shrank = true;
      else from += size;
    }
    if (size === 1 && (!shrank || tries >= MOST_TRIES)) break;
  }
  const outcome = await simulate(best.scenario, launcher, { keepTrace: true });
  return { scenario: best.scenario, outcome, tries };
}
