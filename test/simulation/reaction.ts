/**
 * Measures how long a job waits before the launcher calls RunTask for it. Only the schedule and the polling cause waits here: the real
 * `runInvocation` and `tick` run every minute in virtual time, jobs are queued at random moments, and vendors respond immediately.
 *
 *   node test/simulation/reaction.ts
 */
import { runInvocation } from '../../functions/launcher/invocation.ts';
import { tick } from '../../functions/launcher/tick.ts';
import { LIMITS, run, task } from '../functions/launcher/core/builders.ts';
import { FakeClock, FakePlatform, FakeTasks, pool } from '../functions/launcher/fakes.ts';

const JOBS = 600;
const LAMBDA_MS = 55_000;
const START_MS = Date.parse('2026-03-01T00:00:00Z');

/** The waits in seconds, in ascending order. @param active whether the pool always has a busy task */
async function waits(activePollMs: number, active: boolean): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < JOBS; i += 1) {
    const queuedAtMs = START_MS + 120_000 + (i * 60_000) / JOBS;
    const one = pool('one');
    const tasks = new FakeTasks();
    if (active) tasks.tasks = [task('busy', { family: one.lanes[0].taskDefinition, startedBy: 'run-other/apply' })];
    let nowMs = START_MS;
    const platform = new FakePlatform();
    for (let minute = 0; tasks.launches.length === 0; minute += 1) {
      const clock = new FakeClock(START_MS + minute * 60_000);
      await runInvocation(
        {
          clock,
          activePollMs,
          pollBudget: () => ({ usedInLastMinute: 0, taken: [], perMinute: 24 }),
          report: () => {},
          tick: (signal) => {
            nowMs = clock.now();
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
        },
        clock.now() + LAMBDA_MS - 2_000,
      );
    }
  }
  return found.sort((a, b) => a - b);
}

const at = (list: readonly number[], q: number): string =>
  `${Math.round(list[Math.floor(q * (list.length - 1))] ?? 0)} s`;
process.stdout.write('| pool | activePollSeconds | p50 | p95 | longest |\n|---|---|---|---|---|\n');
for (const [active, activePollSeconds] of [
  [false, 10],
  [true, 10],
  [true, 0],
] as const) {
  const list = await waits(activePollSeconds * 1000, active);
  const row = [active ? 'active' : 'idle', activePollSeconds === 0 ? '0 (once a minute)' : activePollSeconds];
  process.stdout.write(`| ${row.join(' | ')} | ${at(list, 0.5)} | ${at(list, 0.95)} | ${at(list, 1)} |\n`);
}
