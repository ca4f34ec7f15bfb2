/**
 * `npm run simulate -- --worlds N [--seed S] [--profile P]`: runs the launcher in N worlds and prints the statistics.
 * With `--first F`, the first world has the number F, so that a long run can have several parts. After Ctrl-C, the run reports the worlds that
 * it has finished. If a promise was broken, it prints the shortest world that breaks it and the command to replay it. The exit code is then 1.
 *
 * `npm run simulate -- --world S.17 [--events 1,4,7]`: runs one world and prints everything that happens in it.
 */
import { parseArgs } from 'node:util';
import { LAUNCHER } from './launcher.ts';
import { isProfileName, PROFILES, type ProfileName, scenarioOf } from './profiles.ts';
import { brokenText, replayText, statisticsText } from './report.ts';
import { withEvents } from './scenario.ts';
import { shrink } from './shrink.ts';
import { runWorlds, total } from './threads.ts';
import { simulate } from './world.ts';

/** Maximum number of broken worlds that are shrunk and shown. The others are only counted. */
const SHOWN = 3;

const { values } = parseArgs({
  options: {
    worlds: { type: 'string', default: '2000' },
    first: { type: 'string' },
    seed: { type: 'string', default: 'agent-launcher' },
    profile: { type: 'string', default: 'all' },
    threads: { type: 'string' },
    world: { type: 'string' },
    events: { type: 'string' },
  },
});

function whole(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} is '${text}'; give an integer from 1.`);
}

function profileOf(name: string): ProfileName | 'all' {
  if (name === 'all' || isProfileName(name)) return name;
  throw new Error(`--profile is '${name}'; give one of: all, ${Object.keys(PROFILES).join(', ')}.`);
}

async function replay(seed: string, profile: ProfileName | 'all', events: string | undefined): Promise<boolean> {
  const ids = events?.split(',').map(Number);
  const scenario = withEvents(scenarioOf(seed, profile), ({ id }) => ids?.includes(id) ?? true);
  const outcome = await simulate(scenario, LAUNCHER, { keepTrace: true });
  process.stdout.write(replayText(scenario, outcome));
  return outcome.broken === undefined;
}

interface Many {
  readonly worlds: number;
  readonly first: number | undefined;
  readonly seed: string;
  readonly profile: ProfileName | 'all';
  readonly threads: number | undefined;
}

async function many({ worlds, first, seed, profile, threads }: Many): Promise<boolean> {
  const started = performance.now();
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  let toldAt = started;
  const sums = await runWorlds({
    seed,
    profile,
    worlds,
    first,
    threads,
    signal: interrupted.signal,
    progress: (done) => {
      if (performance.now() - toldAt < 30_000) return;
      toldAt = performance.now();
      process.stderr.write(`${done} of ${worlds} worlds\n`);
    },
  });
  const all = total(sums);
  process.stdout.write(statisticsText(sums, all, performance.now() - started));
  for (const { seed: world, promise, what } of all.broken.slice(0, SHOWN)) {
    const shrunk = await shrink(scenarioOf(world, profile), LAUNCHER);
    process.stdout.write(brokenText({ world, promise, what, profile }, shrunk));
  }
  for (const { seed: world, promise, what } of all.broken.slice(SHOWN, 50)) {
    process.stdout.write(`Promise ${promise} broken in world ${world}: ${what}\n`);
  }
  return all.broken.length === 0;
}

try {
  const profile = profileOf(values.profile);
  const threads = values.threads === undefined ? undefined : whole('threads', values.threads);
  const first = values.first === undefined ? undefined : whole('first', values.first);
  const kept =
    values.world === undefined
      ? await many({ worlds: whole('worlds', values.worlds), first, seed: values.seed, profile, threads })
      : await replay(values.world, profile, values.events);
  process.exitCode = kept ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 2;
}
