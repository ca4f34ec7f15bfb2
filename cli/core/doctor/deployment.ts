/** Checks of a deployed stack: whether it ticks, what its last tick reported, its alarms, its tasks and its version. */
import type { TickLine } from '../../../functions/launcher/log-lines.ts';
import { dateTime } from '../durations.ts';
import { withoutLauncher } from '../launchers.ts';
import { liveIn, type Trouble, type TroubledPool, troublesOf } from '../pool-trouble.ts';
import { capital, countedInWords, listed } from '../sentences.ts';
import { lastDeployment } from '../stack-status.ts';
import { isEnding } from '../task-status.ts';
import { describeError, isRefusedByHcpTerraform, remedyOfError, type TickError } from '../tick-errors.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok, warning } from './findings.ts';

/** A stack that exists without a launcher, for example because its first deployment failed. */
export function checkStackWithoutLauncher(stackName: string, status: string): Finding {
  const { what, todo } = withoutLauncher(status) ?? { what: 'has no launcher', todo: 'Deploy it.' };
  return error('deployment.stack', {
    what: `The stack ${stackName} ${what} (${status}).`,
    why: 'No launcher runs. The other checks are about the settings in cdk.json.',
    todo: `${todo} The events: aws cloudformation describe-stack-events --stack-name ${stackName}`,
  });
}

/** @param status CloudFormation's: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html */
export function checkStack(stackName: string, status: string): Finding {
  const id = 'deployment.stack';
  const last = lastDeployment(status);
  if (last === 'complete') {
    return ok(id, `The stack ${stackName} has the status ${status}.`);
  }
  if (last === 'changing') {
    return note(id, {
      what: `The stack ${stackName} has the status ${status}.`,
      why: 'Findings can be wrong while CloudFormation changes the stack.',
      todo: 'Wait until it ends, and run doctor again.',
    });
  }
  if (last === 'rolled-back') {
    return warning(id, {
      what: `The last deployment of the stack ${stackName} failed (${status}).`,
      why: 'What runs is the deployment before.',
      todo: 'Read the reason in the stack’s events, correct it, and deploy again.',
    });
  }
  return error(id, {
    what: `The stack ${stackName} has the status ${status}.`,
    why: 'Parts of the launcher can be missing.',
    todo: 'Read the reason in the stack’s events, correct it, and deploy again.',
  });
}

export interface Ticks {
  /** The last tick; absent: there was none in the time that was searched. */
  readonly last?: TickLine;
  /** How long the log was searched, in milliseconds. */
  readonly searchedMs: number;
  /** Number of ticks, and of those with errors, in this time. */
  readonly ticks: number;
  readonly withErrors: number;
}

/** When ticks are expected. */
export interface TicksExpected {
  /** How long ago the last tick may have been, in milliseconds. */
  readonly silentMs: number;
  /** Whether the schedule is off, so that no tick is expected. */
  readonly paused: boolean;
  /** When the stack or its schedule was changed last; `undefined` if AWS doesn't show it. */
  readonly changedAtMs?: number | undefined;
}

export function checkTicks(
  ticks: Observed<Ticks>,
  { silentMs, paused, changedAtMs }: TicksExpected,
  nowMs: number,
): Finding[] {
  const id = 'deployment.last-tick';
  if ('failure' in ticks) {
    return [couldNotCheck(id, 'the launcher’s log', ticks.failure, 'logs:FilterLogEvents')];
  }
  const { last, searchedMs, ticks: all, withErrors } = ticks.value;
  const ageMs = last === undefined ? undefined : nowMs - Date.parse(last.timestamp);
  if (last === undefined || ageMs === undefined || ageMs > silentMs) {
    if (paused) return [];
    const leftMs = changedAtMs === undefined ? 0 : changedAtMs + silentMs - nowMs;
    // The last tick, if there is one, was before the change: otherwise it would be recent.
    if (changedAtMs !== undefined && leftMs > 0) {
      return [
        note(id, {
          what: `The launcher has not ticked yet. Its stack or its schedule was changed ${countedInWords(Math.round((nowMs - changedAtMs) / 60_000), 'minute')} ago.`,
          why: 'A deployment takes some minutes, and the first tick comes with the next invocation by the schedule.',
          todo: `Run doctor again in ${countedInWords(Math.ceil(leftMs / 60_000), 'minute')}.`,
        }),
      ];
    }
    const since =
      ageMs === undefined
        ? `in the last ${countedInWords(Math.round(searchedMs / 60_000), 'minute')}`
        : `since ${last?.timestamp} (${countedInWords(Math.round(ageMs / 60_000), 'minute')} ago)`;
    return [
      error(id, {
        what: `The launcher has not ticked ${since}.`,
        why: 'No agent starts.',
        todo: 'Follow docs/runbook.md, "Launcher silent".',
      }),
    ];
  }
  const age = `${countedInWords(Math.max(0, Math.round(ageMs / 1000)), 'second')} ago`;
  const errors = last.pools.flatMap(({ pool, errors: its = [] }) => its.map((one) => ({ pool, ...one })));
  if (errors.length === 0) {
    const earlier =
      withErrors === 0
        ? []
        : [
            note('deployment.earlier-ticks', {
              what: `${withErrors} of the last ${countedInWords(all, 'tick')} had errors; the last one had none.`,
              why: 'One failed tick only delays jobs. The next one does its work.',
              todo: 'Nothing, unless it happens often: see docs/runbook.md, "Ticks fail".',
            }),
          ];
    return [ok(id, `The last tick was ${age} and had no errors.`), ...earlier, ...warningsOf(last)];
  }
  return [...errorsOf(errors, `The last tick, ${age},`), ...warningsOf(last)];
}

function errorsOf(errors: readonly (TickError & { readonly pool: string })[], when: string): Finding[] {
  const same = Map.groupBy(errors, ({ system, fault, message }) => `${system} ${fault} ${message}`);
  return [...same.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const pools = listed([...new Set(group.map(({ pool }) => pool))]);
    return [
      error(isRefusedByHcpTerraform(first) ? 'deployment.token-rejected' : 'deployment.last-tick', {
        what: `${when} failed for ${new Set(group.map(({ pool }) => pool)).size === 1 ? 'pool' : 'the pools'} ${pools}: ${describeError(first)}`,
        why: 'No agent starts for the pool until this works.',
        todo: remedyOfError(first),
      }),
    ];
  });
}

function warningsOf({ pools }: TickLine): Finding[] {
  return pools.flatMap(({ pool, warning: text }) =>
    text === undefined
      ? []
      : [
          warning('deployment.tick-warning', {
            what: `The last tick warns about pool ${pool}: ${text}.`,
            why: 'The launcher works around it, but stops no task there.',
            todo: 'Do what the warning says.',
          }),
        ],
  );
}

const TROUBLES: Readonly<Record<Trouble['kind'], { readonly id: Finding['id']; readonly level: typeof error }>> = {
  refused: { id: 'deployment.launches-refused', level: error },
  'start-failures': { id: 'deployment.start-failures', level: error },
  full: { id: 'deployment.pool-full', level: note },
  deferred: { id: 'deployment.launches-deferred', level: note },
};

/** What keeps queued jobs waiting, by the last tick. */
export function checkWaiting(
  last: TickLine | undefined,
  { pools, region }: { readonly pools: readonly Pick<TroubledPool, 'name' | 'maxAgents'>[]; readonly region: string },
): Finding[] {
  const lines = last?.pools ?? [];
  const liveOfAll = lines.reduce((sum, line) => sum + liveIn(line), 0);
  return pools.flatMap(({ name, maxAgents }) => {
    const line = lines.find(({ pool }) => pool === name);
    if (line === undefined) return [];
    return troublesOf(line, { name, maxAgents, region, liveOfAll }).map(({ kind, what, todo }) =>
      TROUBLES[kind].level(TROUBLES[kind].id, { what, why: 'Jobs wait for an agent.', todo }),
    );
  });
}

export interface Alarm {
  readonly name: string;
  /** What CloudWatch says, such as `Threshold Crossed: …`. */
  readonly reason: string;
  /** Milliseconds since the epoch; absent: unknown. */
  readonly sinceMs?: number;
  readonly description: string;
}

/** @param alarms those in the state ALARM */
export function checkAlarms(alarms: Observed<readonly Alarm[]>): Finding[] {
  const id = 'deployment.alarms';
  if ('failure' in alarms) {
    return [couldNotCheck(id, 'the alarms', alarms.failure, 'cloudwatch:DescribeAlarms')];
  }
  if (alarms.value.length === 0) return [ok(id, 'No alarm is in the state ALARM.')];
  return alarms.value.map(({ name, description, reason, sinceMs }) => {
    const since = sinceMs === undefined ? '' : ` since ${dateTime(sinceMs)}`;
    return error(id, {
      what: `The alarm "${name}" is in the state ALARM${since}.`,
      why: description.replace(/ Runbook: .*$/s, '') || reason,
      todo: `Follow docs/runbook.md, "${runbookHeading(name)}".`,
    });
  });
}

/** The runbook's heading in an alarm's name: `AgentLauncher: A job waits too long (aws)`. */
export function runbookHeading(alarmName: string): string {
  return /^[^:]+: (.*?)(?: \([^)]*\))?$/.exec(alarmName)?.[1] ?? alarmName;
}

/** A task that isn't stopped yet. */
export interface LiveTask {
  readonly id: string;
  /** Milliseconds since the epoch; `undefined` until ECS shows it. */
  readonly createdAtMs: number | undefined;
  readonly lastStatus: string;
  readonly desiredStatus: string;
}

/** Default of the age from which on a task is old. */
export const OLD_TASK_HOURS = 24;

export function checkTasks(tasks: Observed<readonly LiveTask[]>, hours: number, nowMs: number): Finding {
  const id = 'deployment.old-tasks';
  if ('failure' in tasks)
    return couldNotCheck(id, 'the cluster’s tasks', tasks.failure, 'ecs:ListTasks and ecs:DescribeTasks');
  // Tasks that end need no advice.
  const live = tasks.value.filter((task) => !isEnding(task));
  const old = live.flatMap(({ id: task, createdAtMs = nowMs, lastStatus }) =>
    nowMs - createdAtMs > hours * 3_600_000 ? [{ task, lastStatus, ageMs: nowMs - createdAtMs }] : [],
  );
  if (old.length === 0) {
    return ok(
      id,
      `${live.length === 0 ? 'No task is' : `${capital(countedInWords(live.length, 'task'))} ${live.length === 1 ? 'is' : 'are'}`} live, none for more than ${countedInWords(hours, 'hour')}.`,
    );
  }
  const shown = listed(
    old.map(
      ({ task, lastStatus, ageMs }) =>
        `${task} (${countedInWords(Math.floor(ageMs / 3_600_000), 'hour')}, ${lastStatus})`,
    ),
  );
  return warning(id, {
    what: `${capital(countedInWords(old.length, 'task'))} ${old.length === 1 ? 'has' : 'have'} run for more than ${countedInWords(hours, 'hour')}: ${shown}.`,
    why: 'A task runs one job. An old one may hang: it costs money, and counts towards maxAgents.',
    todo: 'Look up the agent with the task’s name in HCP Terraform’s pool. If it isn’t busy, stop the task: aws ecs stop-task. If it is busy with a run that hangs, cancel the run. To stop such tasks automatically, set maxJobHours. If your jobs take that long, pass --task-hours.',
  });
}

/** @param deployed version of the deployed launcher; `undefined`: it doesn't show one */
export function checkVersion(deployed: string | undefined, command: string): Finding {
  const id = 'deployment.version';
  if (deployed === command) return ok(id, `The command and the deployed launcher have the version ${command}.`);
  return note(id, {
    what:
      deployed === undefined
        ? `The deployed launcher doesn’t show its version; the command has ${command}.`
        : `The deployed launcher has the version ${deployed}, the command ${command}.`,
    why: 'The command may not understand what another version writes.',
    todo: 'Deploy this version (docs/runbook.md, "Upgrade"), or use the command of the deployed version.',
  });
}
