/** The world, the launcher on its schedule, and the model of what both do: what the demo and `--keep` have in common. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Containers } from './containers.ts';
import { decisionsOf, type Launcher, startLauncher } from './launcher.ts';
import { type DemoEvent, EMPTY_MODEL, type JobView, jobName, lostJob, type Model, reduce } from './model.ts';
import { fromEcs, fromHcpTerraform } from './observe.ts';
import { seconds } from './summary.ts';
import { type LocalWorld, startWorld, type WorldSettings } from './world.ts';

/** In AWS the schedule is once a minute. Here nobody wants to wait that long. */
export const INVOKED_EVERY_MS = 6_000;
/**
 * With it an active invocation is over just before the next one is due, so that run lists are asked for every 3 s, or
 * 20 times a minute: HCP Terraform allows 30 to a user, the launcher itself 24.
 */
const TIME_LIMIT_MS = 15_000;
export const POLLED_EVERY_SECONDS = 3;
/** A process that dies so often without an invocation is not unlucky but broken. */
const HOPELESS_DEATHS = 3;

export interface SessionSettings {
  readonly pools: WorldSettings['pools'];
  readonly organization: string;
  readonly containers?: Containers;
  readonly identity?: WorldSettings['identity'];
  /** Where the launcher's log goes; what was there is replaced. */
  readonly launcherLog: string;
  readonly onEvent: (event: DemoEvent) => void;
  /** A decision of the launcher, in words. */
  readonly onDecision: (text: string) => void;
  /** Something else that a person should know: a death, a loss. */
  readonly onNote: (text: string) => void;
}

export interface Session {
  readonly world: LocalWorld;
  model(): Model;
  readonly invocations: () => { readonly total: number; readonly failed: number };
  /** Why the launcher can't run at all. */
  readonly trouble: () => string | undefined;
  /** Ends the launcher, so that nothing is launched any more. */
  stopLauncher(): Promise<void>;
  /** Ends everything; a second call ends it at once. */
  close(): Promise<void>;
}

export async function startSession(settings: SessionSettings): Promise<Session> {
  let model = EMPTY_MODEL;
  let invocations = { total: 0, failed: 0 };
  let trouble: string | undefined;
  let deaths = 0;
  const announced = new Set<string>();
  let world: LocalWorld | undefined;
  const take = (event: DemoEvent): void => {
    model = reduce(model, event);
    settings.onEvent(event);
  };

  mkdirSync(dirname(settings.launcherLog), { recursive: true });
  writeFileSync(settings.launcherLog, '');
  const started = await startWorld({
    organization: settings.organization,
    pools: settings.pools,
    idleSeconds: 10,
    activePollSeconds: POLLED_EVERY_SECONDS,
    ...(settings.containers === undefined ? {} : { containers: settings.containers }),
    ...(settings.identity === undefined ? {} : { identity: settings.identity }),
    onHcpTerraformEvent: (event) => {
      if (world !== undefined) for (const seen of fromHcpTerraform(world.hcpTerraform.world, event)) take(seen);
    },
    onTaskChange: (task) => {
      if (world === undefined) return;
      take(fromEcs(task, world.poolOfFamily));
      const lost = lostJob(model, task.id);
      if (lost === undefined || announced.has(lost.key)) return;
      announced.add(lost.key);
      settings.onNote(lossOf(lost, model));
    },
  });
  world = started;
  const launcher: Launcher = startLauncher({
    environment: started.launcherEnvironment,
    everyMs: INVOKED_EVERY_MS,
    timeoutMs: TIME_LIMIT_MS,
    onLine: (line) => {
      appendFileSync(settings.launcherLog, `${line}\n`);
      for (const decision of decisionsOf(line, (key) => jobName(model, key))) settings.onDecision(decision);
    },
    onInvocation: ({ error }) => {
      invocations = { total: invocations.total + 1, failed: invocations.failed + (error === undefined ? 0 : 1) };
      if (error !== undefined) settings.onDecision(`the invocation failed: ${error}`);
    },
    onDeath: (death) => {
      deaths += 1;
      const end =
        death.signal === null ? `ended with exit code ${death.code ?? 'none'}` : `was killed (${death.signal})`;
      settings.onNote(
        `the launcher's process ${end}; as in AWS, the next scheduled invocation starts another one, in ${seconds(death.restartsInMs)}`,
      );
      if (invocations.total === 0 && deaths >= HOPELESS_DEATHS) {
        trouble = `The launcher's process ${end} before it finished any invocation; its log: ${settings.launcherLog}`;
      }
    },
  });

  return {
    world: started,
    model: () => model,
    invocations: () => invocations,
    trouble: () => trouble,
    stopLauncher: () => launcher.stop(),
    async close() {
      await launcher.stop();
      await started.close();
    },
  };
}

/** Why nothing is started for the job of a dead agent: HCP Terraform's own rules, as the emulator has them. */
function lossOf(job: JobView, model: Model): string {
  const task = model.tasks.get(job.taskId ?? '');
  return (
    `lost: container ${task?.id.slice(0, 8)} ended (exit code ${task?.exitCode ?? 'none'}) in the middle of ${jobName(model, job.key)}. ` +
    'Nothing is started for it: the job is not queued any more, and running it twice could do harm. ' +
    'HCP Terraform waits for the agent, calls it unknown after 1 min, and ends the run as errored after 6 min'
  );
}
