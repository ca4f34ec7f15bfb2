import type { Stop, Supply } from './core/types.ts';
import { type Seen, seen } from './errors.ts';
import { CLOCK_SKEW_MS } from './observe.ts';
import type { HcpTerraform, Pool } from './ports.ts';

/**
 * Those of the stops that still hold right before they are carried out: who is to be stopped because no agent registered
 * is looked up once more. It may have registered since the list was read, and a list that lacked it may have been wrong:
 * the one thing that must never happen is that a job is ended.
 */
export async function confirmedStops(
  pool: Pool,
  stops: readonly Stop[],
  supply: Supply,
  hcpTerraform: HcpTerraform,
  signal: AbortSignal,
): Promise<Seen<readonly Stop[]>> {
  const doubtful = new Set(stops.flatMap(({ taskId, cause }) => (cause === 'agent-never-registered' ? taskId : [])));
  if (doubtful.size === 0) return { ok: true, value: stops };
  const created = supply.live.flatMap(({ task }) => (doubtful.has(task.id) ? (task.createdAtMs ?? []) : []));
  const oldestMs = created.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const answer = await seen(hcpTerraform.agents(pool, oldestMs - CLOCK_SKEW_MS, signal));
  if (!answer.ok) return answer;
  // Who may not list agents any more knows of none that it never registered.
  const registered = answer.value === undefined ? doubtful : new Set(answer.value.map(({ name }) => name));
  return { ok: true, value: stops.filter(({ taskId }) => !(doubtful.has(taskId) && registered.has(taskId))) };
}
