/** Checks the hours of `maxJobHours` against the alarm about old tasks. */
import { PHASES } from '../../../functions/launcher/contract.ts';
import { DEFAULT_OLDEST_TASK_HOURS } from '../../defaults.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';

/** The task of a job with the maximum duration can be older than the job: it starts, and waits for up to an hour (`idleWindowSeconds`). */
const EXTRA_HOURS = 2;

/** The fault of an alarm that reports tasks whose jobs the settings allow. */
export function* jobHoursFaults(
  { oldestTaskHours }: ReadableSettings,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  if (oldestTaskHours === undefined) return;
  const limits = pools.flatMap(({ maxJobHours, phases }, index) => [
    { path: `pools.${index}.maxJobHours`, hours: maxJobHours },
    ...PHASES.map((phase) => ({
      path: `pools.${index}.phases.${phase}.maxJobHours`,
      hours: phases?.[phase]?.maxJobHours,
    })),
  ]);
  const [longest] = limits
    .flatMap(({ path, hours }) => (hours === undefined ? [] : [{ path, hours }]))
    .toSorted((a, b) => b.hours - a.hours);
  if (longest === undefined || oldestTaskHours >= longest.hours + EXTRA_HOURS) return;
  const isDefault = oldestTaskHours === DEFAULT_OLDEST_TASK_HOURS ? ' (the default)' : '';
  yield {
    path: longest.path,
    given: `${longest.hours}, with oldestTaskHours ${oldestTaskHours}${isDefault}`,
    allowed: `at least ${EXTRA_HOURS} hours less than oldestTaskHours. Otherwise the alarm would report jobs that are allowed`,
    remedy: `lower it, or set oldestTaskHours (in a construct: oldestTask) to ${longest.hours + EXTRA_HOURS} hours or more`,
  };
}
