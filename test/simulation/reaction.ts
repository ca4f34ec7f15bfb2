/**
 * Measures how long a job waits before the launcher calls RunTask for it. Only the schedule and the polling cause waits here: the real
 * invocations and ticks run every minute and by poll messages in virtual time, jobs are queued at random moments, and vendors respond immediately.
 *
 *   node test/simulation/reaction.ts
 */
import type { WokenBy } from '../../functions/launcher/core/wake-up.ts';
import { tick } from '../../functions/launcher/tick.ts';
import { WokenInvocations } from '../../functions/launcher/woken-invocation.ts';
import { LIMITS, run, task } from '../functions/launcher/core/builders.ts';
import { FakeClock, FakePlatform, FakeTasks, pool } from '../functions/launcher/fakes.ts';

const JOBS = 600;
const LAMBDA_MS = 58_000;
const START_MS = Date.parse('2026-03-01T00:00:00Z');

interface Mode {
  readonly activePollMs: number;
  readonly idlePollMs: number;
  /** Whether the pool always has a busy task. */
  readonly active: boolean;
}

/** The waits in seconds, in ascending order. */
async function waits({ activePollMs, idlePollMs, active }: Mode): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < JOBS; i += 1) {
    const queuedAtMs = START_MS + 120_000 + (i * 60_000) / JOBS;
    const one = pool('one');
    const tasks = new FakeTasks();
    if (active) tasks.tasks = [task('busy', { family: one.lanes[0].taskDefinition, startedBy: 'run-other/apply' })];
    const platform = new FakePlatform();
    for (let minute = 0; tasks.launches.length === 0; minute += 1) {
      const clock = new FakeClock(START_MS + minute * 60_000);
      const messages: { readonly atMs: number; readonly wokenBy: WokenBy | undefined }[] = [
        { atMs: clock.now(), wokenBy: undefined },
      ];
      const invocations = new WokenInvocations({
        clock,
        activePollMs,
        idlePollMs,
        activeCost: 1,
        pollBudget: () => ({ usedInLastMinute: 0, taken: [], wanted: [], perMinute: 24 }),
        report: () => {},
        wakeUps: {
          send: async (wakeUp, delaySeconds) => {
            if (wakeUp.kind !== 'poll') return;
            const wokenBy = { untilMs: wakeUp.untilMs, runIds: [] };
            messages.push({ atMs: clock.now() + delaySeconds * 1000, wokenBy });
          },
        },
        runStatuses: { statusOf: async () => undefined },
        notSent: () => {},
        notFollowed: () => {},
        tick: (signal) => {
          const nowMs = clock.now();
          const queued = nowMs >= queuedAtMs && tasks.launches.length === 0;
          const runs = queued ? [run({ planQueuedAtMs: queuedAtMs })] : [];
          platform.runs.set('one', { ok: true, value: runs });
          platform.agentsOf.set('one', active ? [{ id: 'agent-1', name: 'busy', status: 'busy' }] : []);
          const settings = { limits: LIMITS, agentsCeiling: undefined };
          return tick([one], settings, { hcpTerraform: platform, tasks, now: clock.now }, signal).then((ticked) => {
            if (tasks.launches.length === 1 && found.length === i) found.push((nowMs - queuedAtMs) / 1000);
            return ticked;
          });
        },
      });
      for (let message = messages.shift(); message !== undefined; message = messages.shift()) {
        clock.nowMs = Math.max(clock.nowMs, message.atMs);
        await invocations.run(message.wokenBy, clock.now() + LAMBDA_MS - 2_000);
      }
    }
  }
  return found.sort((x, y) => x - y);
}

const at = (list: readonly number[], q: number): string =>
  `${Math.round(list[Math.floor(q * (list.length - 1))] ?? 0)} s`;
process.stdout.write(
  '| pool | `activePollSeconds` | `idlePollSeconds` | p50 | p95 | longest |\n|---|---|---|---|---|---|\n',
);
for (const [active, activePollSeconds, idlePollSeconds] of [
  [false, 5, 60],
  [false, 5, 10],
  [false, 5, 5],
  [true, 5, 60],
  [true, 10, 60],
  [true, 0, 60],
] as const) {
  const list = await waits({ active, activePollMs: activePollSeconds * 1000, idlePollMs: idlePollSeconds * 1000 });
  const row = [
    active ? 'active' : 'idle',
    activePollSeconds === 0 ? '0 (once a minute)' : activePollSeconds,
    idlePollSeconds === 60 ? '60 (once a minute)' : idlePollSeconds,
  ];
  process.stdout.write(`| ${row.join(' | ')} | ${at(list, 0.5)} | ${at(list, 0.95)} | ${at(list, 1)} |\n`);
}
