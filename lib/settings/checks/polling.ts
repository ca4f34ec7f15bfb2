/** Checks that compare how often the launcher polls with the other settings of its function. */
import { pollsByMessages } from '../../network/launcher-apis.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableSettings } from '../read.ts';

/** Maximum number of concurrent invocations by messages, plus the scheduled one. */
const LEAST_CONCURRENCY = 3;

/** Faults of messages that invoke the launcher: those of idle polling and nudges. */
export function* pollingFaults(settings: ReadableSettings): Iterable<SettingsFault> {
  const { idlePollSeconds, nudge, reservedConcurrency } = settings;
  const polls = pollsByMessages(idlePollSeconds);
  if (polls) yield* idlePollFaults(settings);
  const cause = polls ? `idlePollSeconds ${idlePollSeconds}` : nudge === undefined ? undefined : 'nudge';
  if (cause !== undefined && reservedConcurrency !== undefined && reservedConcurrency < LEAST_CONCURRENCY) {
    yield {
      path: 'reservedConcurrency',
      given: `${reservedConcurrency}, with ${cause}`,
      allowed: `at least ${LEAST_CONCURRENCY}: one scheduled invocation and two by messages; otherwise Lambda would refuse some of them`,
      remedy: `set reservedConcurrency to ${LEAST_CONCURRENCY}, remove it, ${polls ? WITHOUT_IDLE_POLLS : 'or remove nudge'}`,
    };
  }
}

const WITHOUT_IDLE_POLLS = 'or remove idlePollSeconds, so that only the schedule polls while nothing runs';

function* idlePollFaults({
  scheduleMinutes,
  activePollSeconds,
  idlePollSeconds,
}: ReadableSettings): Iterable<SettingsFault> {
  if (scheduleMinutes !== undefined && scheduleMinutes > 1) {
    // The schedule also restarts idle polling after a lost message.
    yield {
      path: 'scheduleMinutes',
      given: `${scheduleMinutes}, with idlePollSeconds ${idlePollSeconds}`,
      allowed: '1, because each scheduled invocation begins one minute of idle polling',
      remedy: `set scheduleMinutes to 1, ${WITHOUT_IDLE_POLLS}`,
    };
  }
  if (activePollSeconds === 0) {
    yield {
      path: 'activePollSeconds',
      given: `0, with idlePollSeconds ${idlePollSeconds}`,
      allowed: 'an integer from 5 to 60; with 0, a pool would be polled less often while it has jobs',
      remedy: `set activePollSeconds to 5, ${WITHOUT_IDLE_POLLS}`,
    };
  }
}
