/** Composition root of `npm run local:ecs`: parses the command line, prints a ready line, and runs until a signal. */
import { agentImage } from './agent-image.ts';
import { HELP, parseCommandLine, UsageError } from './command-line.ts';
import { EngineError, findEngine } from './container/engine.ts';
import { ContainerRunner } from './container-runner.ts';
import type { Task } from './core/task.ts';
import { provide } from './ready-made.ts';
import { type EcsOptions, type EcsServer, startEcs } from './server.ts';

const PARENT_CHECK_MS = 200;

async function main(): Promise<void> {
  const line = parseCommandLine(process.argv.slice(2));
  if (line === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const stopped = stopSignal();
  const server = await startEcs({
    ...line.server,
    images: { ...agentImage(), ...line.server.images },
    ...(line.containers === undefined ? {} : { runner: await containersOf(line.containers) }),
  });
  const facts = provide(server, line);
  report(server, line.taskLogs);
  process.stdout.write(`${JSON.stringify(facts)}\n`);

  await stopped;
  // A second signal: end immediately.
  void stopSignal().then(() => server.close());
  await server.close();
  process.exit(0);
}

async function containersOf(wanted: { readonly engine?: string }): Promise<NonNullable<EcsOptions['runner']>> {
  const engine = await findEngine(wanted.engine);
  process.stderr.write(`Containers run in ${engine.kind} ${engine.version} (${engine.command}).\n`);
  return (host) => ContainerRunner.open({ engine, hostFiles: [] }, host);
}

/** Resolves with the next SIGTERM or SIGINT, or when the npm that runs this has ended. */
async function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.on('SIGTERM', resolve);
  process.on('SIGINT', resolve);
  // npm's shell may handle the signal and not forward it. Then the end of the parent process is the signal.
  const parent = process.ppid;
  const underNpm = process.env['npm_lifecycle_event'] !== undefined;
  const parentCheck = setInterval(() => {
    if (underNpm && process.ppid !== parent) resolve();
  }, PARENT_CHECK_MS).unref();
  await promise;
  clearInterval(parentCheck);
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
