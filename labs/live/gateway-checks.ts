/** Settles the statements about gateways by the evidence. Pure. */
import type { Evidence, GatewayEvidence, ObservedTask } from './evidence.ts';
import { confirmed, type Finding, notSettled, refuted, secondsBetween, settled } from './finding.ts';

/** A start takes 8.5 s as others measured it. The clocks of this machine, EC2 and the instance differ, and EC2 shows whole seconds. */
const READY_WITHIN_SECONDS = 20;
/** A stop is late if it takes this much longer than the idle time. The launcher looks once per minute. */
const STOP_LATE_SECONDS = 180;

const NONE = 'the lab looked at no gateway: npm run live -- gateway';

/** The times of the gateway in seconds; `undefined` if the lab didn't see one. */
export function gatewayTimes({ gateway, runs, tasks }: Pick<Evidence, 'gateway' | 'runs' | 'tasks'>) {
  const sightings = gateway?.sightings ?? [];
  const first = sightings.find(({ createdAt, launchedAt, readyAt = '' }) => {
    const began = secondsBetween(createdAt, launchedAt);
    return began !== undefined && Math.abs(began) < 60 && readyAt >= (createdAt ?? '');
  });
  const asleep = sightings.findIndex(({ state }) => state === 'stopped');
  const after = asleep === -1 ? [] : sightings.slice(asleep + 1);
  const started = after.find(({ state }) => state === 'pending' || state === 'running');
  const running = after.find(({ state }) => state === 'running');
  const ready = after.find(({ readyAt = '', launchedAt = '-' }) => readyAt >= launchedAt);
  const queuedAt = runs[0]?.timestamps['plan-queued-at'] ?? runs[0]?.createdAt;
  const [task] = firstTasks(tasks);
  const { lastTaskAt } = gateway ?? {};
  const stopped = after.find(
    ({ at, state }) => lastTaskAt !== undefined && at >= lastTaskAt && (state === 'stopping' || state === 'stopped'),
  );
  return {
    firstStart: secondsBetween(first?.createdAt, first?.readyAt),
    queuedToStart: secondsBetween(queuedAt, started?.launchedAt),
    startToRunning: secondsBetween(started?.launchedAt, running?.at),
    startToReady: secondsBetween(ready?.launchedAt, ready?.readyAt),
    queuedToRunTask: secondsBetween(queuedAt, task?.createdAt),
    queuedToTaskRunning: secondsBetween(queuedAt, task?.startedAt),
    readyToRunTask: secondsBetween(ready?.readyAt, task?.createdAt),
    idleToStop: secondsBetween(lastTaskAt, stopped?.at),
  };
}

function firstTasks(tasks: readonly ObservedTask[]): ObservedTask[] {
  return tasks.toSorted((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? ''));
}

/** The same check for evidence with a gateway. */
const withGateway =
  (check: (gateway: GatewayEvidence, evidence: Evidence) => Finding) =>
  (evidence: Evidence): Finding =>
    evidence.gateway === undefined ? notSettled(NONE) : check(evidence.gateway, evidence);

const count = (names: Readonly<Record<string, number>>): string =>
  Object.entries(names)
    .map(([name, connections]) => `${name} ${connections}`)
    .join(', ') || 'none';

export const GATEWAY_CHECKS = {
  'gateway-start': withGateway((_, evidence) => {
    const { firstStart, startToRunning, startToReady } = gatewayTimes(evidence);
    const facts = [
      ...(firstStart === undefined ? [] : [`first start: ready after ${firstStart.toFixed(1)} s`]),
      ...(startToRunning === undefined ? [] : [`running after ${startToRunning.toFixed(1)} s`]),
      ...(startToReady === undefined ? [] : [`start from stopped: ready after ${startToReady.toFixed(1)} s`]),
    ];
    if (startToReady === undefined || evidence.mode === 'local') return notSettled(...facts);
    return settled(startToReady <= READY_WITHIN_SECONDS, ...facts);
  }),

  'gateway-address': withGateway(({ sightings, fixedAddress }, { mode }) => {
    const of = (wanted: string) => sightings.filter(({ state }) => state === wanted);
    const [running, stopped] = [of('running'), of('stopped')];
    if (mode === 'local' || running.length === 0) return notSettled('no gateway of AWS was running');
    if (fixedAddress) return notSettled('the gateway has a fixed address');
    const facts = [
      `running with an address: ${running.some(({ hasAddress }) => hasAddress) ? 'yes' : 'no'}`,
      `stopped with an address: ${stopped.some(({ hasAddress }) => hasAddress) ? 'yes' : 'no'}`,
    ];
    return settled(
      running.some(({ hasAddress }) => hasAddress) && !stopped.some(({ hasAddress }) => hasAddress),
      ...facts,
    );
  }),

  'gateway-with-tasks': withGateway(({ start }, evidence) => {
    const { tasks, mode } = evidence;
    if (start !== 'with-tasks') return notSettled(`the stack has gatewayStart ${start}`);
    const { readyToRunTask } = gatewayTimes(evidence);
    const [task] = firstTasks(tasks);
    if (mode === 'local' || task === undefined || readyToRunTask === undefined)
      return notSettled('no task of AWS was started');
    const pulled = task.startedAt !== undefined;
    return (pulled ? confirmed : refuted)(
      `RunTask ${(-readyToRunTask).toFixed(1)} s before the gateway was ready`,
      pulled ? 'the task started' : `the task failed: ${task.stoppedReason ?? 'without a reason'}`,
    );
  }),

  'gateway-filter': withGateway(({ allowed, refused }, { mode, runs, hostname }) => {
    const facts = [`allowed: ${count(allowed)}`, `refused: ${count(refused)}`];
    const run = runs.find(({ wanted }) => wanted === 'refused connection');
    if (mode === 'local' || run === undefined) return notSettled(...facts);
    const host = hostname.split(':')[0] ?? hostname;
    const isFiltered = run.status === 'errored' && Object.keys(refused).length > 0 && (allowed[host] ?? 0) > 0;
    return settled(isFiltered, ...facts, `the run with a connection to an address became ${run.status}`);
  }),

  'gateway-stop': withGateway(({ idleMinutes }, evidence) => {
    const { idleToStop } = gatewayTimes(evidence);
    if (idleToStop === undefined) return notSettled('the lab did not wait for the stop: --until-stopped');
    const idleSeconds = 60 * idleMinutes;
    const facts = [`stopped ${Math.round(idleToStop)} s after the last task; gatewayIdleMinutes ${idleMinutes}`];
    if (evidence.mode === 'local') return notSettled(...facts);
    return settled(idleToStop >= idleSeconds - 60 && idleToStop <= idleSeconds + STOP_LATE_SECONDS, ...facts);
  }),

  'gateway-removal': withGateway((_, { deployment, left, mode }) => {
    if (mode !== 'live' || deployment === undefined) return notSettled('the lab removed no stack');
    return settled(left.length === 0, ...(left.length === 0 ? ['CloudFormation deleted the stack'] : left));
  }),
} as const;
