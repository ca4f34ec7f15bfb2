/** The common part of the demo and `--keep`: the emulators, the launcher on its schedule, and the model of both. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Containers } from './containers.ts';
import { decisionsOf } from './decisions.ts';
import { type Launcher, startLauncher } from './launcher.ts';
import { type DemoEvent, EMPTY_MODEL, type JobView, jobName, lostJob, type Model, reduce } from './model.ts';
import { fromEcs, fromHcpTerraform } from './observe.ts';
import { seconds } from './summary.ts';
import { type LocalWorld, startWorld, type WorldSettings } from './world.ts';

/** In AWS the schedule is once per minute. Here that would be too long to wait. */
export const INVOKED_EVERY_MS = 6_000;
/**
 * With this value, an active invocation ends just before the next one is due. So the launcher requests run lists every 3 s, or 20
 * times per minute. HCP Terraform allows a user 30, and the launcher limits itself to 24.
 */
const TIME_LIMIT_MS = 15_000;
export const POLLED_EVERY_SECONDS = 3;
/** If the process dies this often without an invocation, it is broken. */
const HOPELESS_DEATHS = 3;

export interface SessionSettings {
  readonly pools: WorldSettings['pools'];
  readonly organization: string;
  readonly containers?: Containers;
  readonly identity?: WorldSettings['identity'];
  /** File of the launcher's log. An existing file is replaced. */
  readonly launcherLog: string;
  readonly onEvent: (event: DemoEvent) => void;
  /** A decision of the launcher, in words. */
  readonly onDecision: (text: string) => void;
  /** Another note for the user, such as a crash or a lost task. */
  readonly onNote: (text: string) => void;
}

export interface Session {
  readonly world: LocalWorld;
  model(): Model;
  readonly invocations: () => { readonly total: number; readonly failed: number };
  /** Why the launcher can't run at all. */
  readonly trouble: () => string | undefined;
  /** Ends the launcher, so that it launches nothing more. */
  stopLauncher(): Promise<void>;
  /** Ends everything. A second call ends it immediately. */
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

/** Why nothing is started for the job of a dead agent: the rules of HCP Terraform, as emulated. */
function lossOf(job: JobView, model: Model): string {
  const task = model.tasks.get(job.taskId ?? '');
  return (
    `lost: container ${task?.id.slice(0, 8)} ended (exit code ${task?.exitCode ?? 'none'}) in the middle of ${jobName(model, job.key)}. ` +
    'Nothing is started for it: the job is not queued any more, and running it twice could do harm. ' +
    'HCP Terraform waits for the agent, calls it unknown after 1 min, and ends the run as errored after 6 min'
  );
}
