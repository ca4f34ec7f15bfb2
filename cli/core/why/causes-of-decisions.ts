/** Causes in what the launcher decided last: it deferred the launch, or ECS refused it. */
import { startCauseOf } from '../../../functions/launcher/core/start-causes.ts';
import { ago, duration } from '../durations.ts';
import { describeGatewayError, describeGatewayProblem, GATEWAY_ERROR_REMEDY } from '../gateways.ts';
import { liveIn, quotaRemedies, raiseMaxAgents, statesIn } from '../pool-trouble.ts';
import { counted, sentence } from '../sentences.ts';
import { slotsText } from '../slots.ts';
import { describeError, remedyOfError } from '../tick-errors.ts';
import { blocked, type Cause, type Finding, waiting } from './cause.ts';
import type { SlotsReading } from './evidence.ts';
import { isQueued, type LastDecision, type Situation } from './situation.ts';

type Deferred = Extract<LastDecision, { kind: 'deferred' }>;
type Refused = Extract<LastDecision, { kind: 'refused' }>;

const deferredBy = (
  id: string,
  cause: string,
  find: (decision: Deferred, situation: Situation) => Finding | undefined,
): Cause => ({
  id,
  find: (situation) => {
    const { decision } = situation;
    if (!isQueued(situation) || decision?.kind !== 'deferred' || decision.deferral.cause !== cause) return undefined;
    return find(decision, situation);
  },
});

const refusedFor = (
  id: string,
  causes: readonly string[],
  find: (decision: Refused, situation: Situation) => Finding,
): Cause => ({
  id,
  find: (situation) => {
    const { decision } = situation;
    if (!isQueued(situation) || decision?.kind !== 'refused') return undefined;
    return causes.length === 0 || causes.includes(decision.refusal.cause) ? find(decision, situation) : undefined;
  },
});

const since = ({ sinceMs, atMs }: Deferred): string => (atMs > sinceMs ? `, since ${duration(atMs - sinceMs)}` : '');

export const DECISION_CAUSES: readonly Cause[] = [
  deferredBy('lane-full', 'max-agents', (decision, { pool, lane, phase, poolLine, evidence, nowMs }) => {
    if (pool === undefined || pool.lanes.length < 2 || lane === undefined) return undefined;
    const busy = poolLine?.live?.['busy'] ?? 0;
    return waiting(
      `The pool ${pool.name} is full: plans and applies share its ${counted(pool.maxAgents, 'slot')} (maxAgents), and none is free for this ${phase}${since(decision)}.${inSlots(evidence.slots, nowMs)}`,
      `Wait until a job ends (${counted(busy, 'agent')} ${busy === 1 ? 'is' : 'are'} busy). Applies get free slots before plans.`,
      raiseMaxAgents(pool.name, pool.maxAgents),
    );
  }),
  deferredBy('max-agents', 'max-agents', (decision, { pool, poolLine, evidence, nowMs }) => {
    const live = poolLine === undefined ? '' : statesIn(poolLine);
    return waiting(
      `The pool ${pool?.name ?? ''} is full: ${sentence(decision.deferral.reason).slice(0, -1)}${since(decision)}.${inSlots(evidence.slots, nowMs)}`,
      `Wait until a task ends${live === '' ? '' : ` (now: ${live})`}.`,
      ...(pool === undefined ? [] : [raiseMaxAgents(pool.name, pool.maxAgents)]),
    );
  }),
  deferredBy('standby', 'standby', (decision) =>
    waiting(
      `This launcher is a standby, so it leaves the job to another launcher at first. ${sentence(decision.deferral.reason)}`,
      'Wait. The standby starts an agent if the job still waits after that time.',
    ),
  ),
  deferredBy('organization-limit-unknown', 'agents-ceiling', (decision, { lastTick }) => {
    if (!/could not be counted/.test(decision.deferral.reason)) return undefined;
    const errors = (lastTick?.line.pools ?? []).flatMap(({ pool, errors: its = [] }) =>
      its.map((error) => ({ pool, error })),
    );
    const [first] = errors;
    return blocked(
      `The launcher starts nothing, because it can't count the organization's agents: another pool could not be read${since(decision)}.${first === undefined ? '' : ` Pool ${first.pool}: ${sentence(describeError(first.error))}`}`,
      first === undefined
        ? 'Run `agent-launcher status`: it shows the errors of the next tick.'
        : remedyOfError(first.error),
    );
  }),
  deferredBy('organization-limit', 'agents-ceiling', (decision) =>
    waiting(
      `The organization's agent limit is reached: every agent that agentsCeiling allows is registered or starting${since(decision)}.`,
      'Wait until an agent ends. An agent that was killed counts for another five minutes.',
      'If your plan allows more agents, raise agentsCeiling and deploy.',
    ),
  ),
  deferredBy('launch-rate', 'launch-rate', (decision, { poolLine }) =>
    waiting(
      `Many jobs were queued at the same time, and ECS starts 20 tasks per second at most${since(decision)}.`,
      `Wait. The next tick goes on with the queue${poolLine?.queued === undefined ? '' : ` (${poolLine.queued} queued)`}.`,
    ),
  ),
  deferredBy('gateway-problem', 'gateway', (_, { lastTick }) => {
    const [problem] = lastTick?.line.gatewayProblems ?? [];
    return problem && blocked(describeGatewayProblem(problem), sentence(problem.remedy));
  }),
  deferredBy('gateway-unreadable', 'gateway', (_, { lastTick }) => {
    const [error] = lastTick?.line.gatewayErrors ?? [];
    return error && blocked(describeGatewayError(error), GATEWAY_ERROR_REMEDY);
  }),
  deferredBy('gateway', 'gateway', (decision) =>
    waiting(
      `The tasks' gateway isn't ready, and the run gets its agent as soon as it is${since(decision)}. ${sentence(decision.deferral.reason)}`,
      'Wait. A gateway usually starts within ten seconds. A new one takes some minutes.',
      'If jobs come often, raise network.gatewayIdleMinutes, so that the gateway stays awake between them.',
    ),
  ),
  deferredBy('start-failures', 'start-failures', (decision, { startFailures, pool, evidence: { log } }) => {
    const newest = startFailures.at(-1) ?? startFailureIn(log.aboutRun);
    const detail = newest?.detail ?? lastWith(decision.deferral.reason);
    return blocked(
      `Tasks of pool ${pool?.name ?? ''} fail to start, so the launcher waits before the next trial${since(decision)}. ECS says: ${sentence(detail)}`,
      sentence(newest?.remedy ?? startCauseOf(detail).remedy),
      'The launcher tries one task after each wait (30 seconds at first, 15 minutes at most), and continues when it starts.',
    );
  }),
  refusedFor('ecs-quota', ['quota'], ({ refusal }, { evidence: { launcher }, lastTick }) => {
    const { region } = launcher;
    const liveOfAll = (lastTick?.line.pools ?? []).reduce((sum, line) => sum + liveIn(line), 0);
    return blocked(
      `ECS refuses the task: the account's Fargate quota is used up in ${region}. ${sentence(refusal.detail)}`,
      ...quotaRemedies({ region, liveOfAll }),
    );
  }),
  refusedFor('ecs-capacity', ['capacity'], ({ refusal }, { lane }) =>
    waiting(
      `${lane?.capacity === 'spot' ? 'Neither Fargate Spot nor On-Demand has' : 'Fargate has no'} capacity for the task now. ${sentence(refusal.detail)}`,
      sentence(refusal.remedy),
    ),
  ),
  refusedFor('ecs-permission', ['access', 'service-linked-role', 'task-role'], ({ refusal }) =>
    blocked(`ECS refuses the task: a permission is missing. ${sentence(refusal.detail)}`, sentence(refusal.remedy)),
  ),
  refusedFor('ecs-throttled', ['throttled'], ({ refusal }) =>
    waiting(`ECS throttles the launcher's calls. ${sentence(refusal.detail)}`, sentence(refusal.remedy)),
  ),
  refusedFor('ecs-addresses', ['addresses'], ({ refusal }) =>
    blocked(
      `ECS refuses the task: the subnets have no free address. ${sentence(refusal.detail)}`,
      sentence(refusal.remedy),
    ),
  ),
  refusedFor('ecs-refuses', [], ({ refusal }) =>
    blocked(`ECS refuses the task (${refusal.cause}). ${sentence(refusal.detail)}`, sentence(refusal.remedy)),
  ),
  {
    id: 'launch-failed',
    find: (situation) => {
      const { decision, nowMs } = situation;
      if (!isQueued(situation) || decision?.kind !== 'not-started') return undefined;
      const { outcome } = decision.launch;
      return waiting(
        outcome === 'spent'
          ? `The launcher tried to start a task at ${ago(decision.atMs, nowMs)}, but ECS returned tasks that had ended. The next tick tries again with another client token.`
          : `The launcher tried to start a task at ${ago(decision.atMs, nowMs)}, but ECS gave no clear answer. The next tick sends the same request again.`,
        'Wait for the next tick. If it continues, run `agent-launcher doctor`.',
      );
    },
  },
];

function startFailureIn(
  about: Situation['evidence']['log']['aboutRun'],
): { detail: string; remedy: string } | undefined {
  const found = about.findLast(({ line }) => (line.startFailures ?? []).length > 0)?.line.startFailures?.at(-1);
  if (found === undefined || typeof found['remedy'] !== 'string') return undefined;
  return { detail: found.detail, remedy: found['remedy'] };
}

/** What the tasks in the pool's slots do. */
function inSlots(slots: SlotsReading | undefined, nowMs: number): string {
  const text = slots === undefined ? '' : slotsText(slots.tasks, slots.busy, nowMs);
  return text === '' ? '' : ` ${text}`;
}

/** ECS's message in the reason of a deferral: `tasks failed to start 3 times in a row, the last with: …`. */
function lastWith(reason: string): string {
  return /the last with: ([\s\S]+)$/.exec(reason)?.[1] ?? reason;
}
