/** Composition root of `npm run local:ecs`. */
import { runUntilStopped } from '../stop-signal.ts';
import { agentImage } from './agent-image.ts';
import { HELP, parseCommandLine, UsageError } from './command-line.ts';
import { EngineError, findEngine } from './container/engine.ts';
import { ContainerRunner } from './container-runner.ts';
import type { Task } from './core/task.ts';
import { provide } from './ready-made.ts';
import { type EcsOptions, type EcsServer, startEcs } from './server.ts';

async function main(): Promise<void> {
  const line = parseCommandLine(process.argv.slice(2));
  if (line === 'help') {
    process.stdout.write(HELP);
    return;
  }
  await runUntilStopped(
    async () =>
      startEcs({
        ...line.server,
        images: { ...agentImage(), ...line.server.images },
        ...(line.containers === undefined ? {} : { runner: await containersOf(line.containers) }),
      }),
    (server) => {
      report(server, line.taskLogs);
      return provide(server, line);
    },
  );
}

async function containersOf(wanted: { readonly engine?: string }): Promise<NonNullable<EcsOptions['runner']>> {
  const engine = await findEngine(wanted.engine);
  process.stderr.write(`Containers run in ${engine.kind} ${engine.version} (${engine.command}).\n`);
  return (host) => ContainerRunner.open({ engine, hostFiles: [] }, host);
}

function report(server: EcsServer, taskLogs: boolean): void {
  if (taskLogs) {
    server.onLogLine((task, { container, text }) => process.stderr.write(`${shortId(task)} ${container} | ${text}\n`));
  }
  server.onTaskChange((task) => {
    const why = task.stopCode === undefined ? '' : ` (${task.stopCode}: ${task.stoppedReason ?? ''})`;
    process.stderr.write(`${shortId(task)} ${task.definition.family} ${task.lastStatus}${why}\n`);
  });
}

function shortId(task: Task): string {
  return task.id.slice(0, 8);
}

function fail(error: unknown): void {
  process.stderr.write(
    error instanceof UsageError
      ? `${error.message}\nSee --help.\n`
      : `The server could not run: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = error instanceof UsageError || error instanceof EngineError ? 2 : 1;
}

await main().catch(fail);
