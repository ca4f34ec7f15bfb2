/**
 * Stops or replaces a gateway, after a second look.
 *
 * What the tick read is up to a minute old by now. So this reads everything again: the live tasks, the tasks that are ending and may still finish
 * their job, and last the gateways. Then it decides again, and sends the request only if the decision is the same, and only within six seconds
 * after it began to read the gateways.
 */
import { END_SENT_WITHIN_MS } from './core/gateway.ts';
import { isProvenDead } from './core/gateway-health.ts';
import type { GatewayAction, GatewayView } from './core/gateway-types.ts';
import { readGateways, type SeenGateways } from './gateway-reading.ts';
import type { GatewayEndAnswer, Gateways, Tasks } from './ports.ts';

export type Retirement = Extract<GatewayAction, { kind: 'stop' | 'terminate' }>;

/** EC2's answer. `withheld`: the second look showed that the gateway is needed, or that the decision isn't right any more. */
export type RetireAnswer = GatewayEndAnswer | { readonly kind: 'withheld'; readonly detail: string };

export interface RetireDeps {
  readonly gateways: Gateways;
  readonly tasks: Tasks;
  /** Families of all task definitions. */
  readonly families: readonly string[];
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Decides again. */
  readonly decide: (seen: SeenGateways, liveTasks: number | undefined, nowMs: number) => readonly GatewayView[];
}

/** Rejects with `UpstreamError` if anything could not be read or sent. */
export async function retire(action: Retirement, deps: RetireDeps): Promise<RetireAnswer> {
  const { gateways, now, signal, decide } = deps;
  const needsTasks = action.kind === 'stop' || !isProvenDead(action.cause);
  const using = needsTasks ? await tasksUsing(deps) : undefined;
  if (using !== undefined && using > 0) return { kind: 'withheld', detail: `${using} tasks are alive or ending` };
  const readMs = now();
  const again = decide(await readGateways(gateways, readMs, signal), using, readMs);
  const isStillRight = again.some(({ actions }) =>
    actions.some((other) => other.kind === action.kind && other.instance.id === action.instance.id),
  );
  if (!isStillRight) return { kind: 'withheld', detail: 'the gateway has changed in the meantime' };
  const untilMs = readMs + END_SENT_WITHIN_MS;
  const send = action.kind === 'stop' ? gateways.stop : gateways.terminate;
  return send.call(gateways, action.instance.id, untilMs, signal);
}

/** The number of tasks that may use a gateway, as ECS shows them now. After a stop request, a task may finish its job for two minutes. */
async function tasksUsing({ tasks, families, signal }: RetireDeps): Promise<number> {
  const live = await tasks.liveTasks(signal);
  const recent = await tasks.recentlyStoppedTasks(families, signal);
  const ids = new Set(live.map(({ id }) => id));
  const ending = recent.filter(({ id, lastStatus }) => lastStatus !== 'STOPPED' && !ids.has(id));
  return live.length + ending.length;
}
