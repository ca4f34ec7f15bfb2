/** Composition root of `npm start`: the only code that reads arguments, environment, clock and signals. */
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { EngineError } from '../ecs/container/engine.ts';
import { watchParent } from '../stop-signal.ts';
import { HELP, parseCommandLine, type StartOptions, takenByNpm } from './command-line.ts';
import { type Containers, prepareContainers } from './containers.ts';
import { runDemo } from './demo.ts';
import { createDisplay, type Display, type DisplaySettings, type Output } from './display.ts';
import { instructions, readyLine, writeClientFiles } from './keep.ts';
import type { DemoEvent } from './model.ts';
import { INVOKED_EVERY_MS, POLLED_EVERY_SECONDS, type Session, startSession } from './session.ts';
import { openStateFolder, type StateFolder, StateFolderError } from './state-folder.ts';
import { summaryLines } from './summary.ts';

const TIMELINE = fileURLToPath(new URL('../../out/timeline.html', import.meta.url));
const LAUNCHER_LOG = fileURLToPath(new URL('../../out/launcher.log', import.meta.url));
const ORGANIZATION = 'acme';
const DEMO_POOLS = [
  { name: 'production', maxAgents: 4 },
  // Small, so that a job has to wait for capacity.
  { name: 'sandbox', maxAgents: 2 },
];
const KEPT_POOLS = [{ name: 'production', maxAgents: 4 }];
const FRAME_MS = 200;
const TERRAFORM_ENVIRONMENT = { PATH: process.env['PATH'] ?? '', CHECKPOINT_DISABLE: '1' };

/** Aborted by a signal, with the shell's exit code for it. */
class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`Ended by ${signal}.`);
    this.name = 'Interrupted';
    this.exitCode = 128 + constants.signals[signal];
  }
}

const line = parseCommandLine(process.argv.slice(2));
const taken = takenByNpm(process.env, process.argv.slice(2));
if (line.kind === 'help') process.stdout.write(HELP);
else if (line.kind === 'invalid') {
  process.stderr.write(`${line.fault}\n`);
  process.exitCode = 2;
} else if (line.kind === 'start' && taken.length > 0) {
  const options = taken.map((name) => `--${name}`).join(' ');
  process.stderr.write(
    `npm took ${options} for itself: it hands options on only after "--". Write: npm start -- ${options}\n`,
  );
  process.exitCode = 2;
} else process.exit(await start(line));

async function start(options: StartOptions): Promise<number> {
  const interrupt = new AbortController();
  let session: Session | undefined;
  let display: Display | undefined;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    // A second signal: end immediately.
    if (interrupt.signal.aborted) void session?.close();
    interrupt.abort(new Interrupted(signal));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  watchParent(() => onSignal('SIGTERM'));

  const listeners: ((event: DemoEvent) => void)[] = [];
  const output: Output = options.json ? process.stderr : process.stdout;
  try {
    const containers =
      options.containers === undefined
        ? undefined
        : await prepareContainers({
            ...options.containers,
            path: TERRAFORM_ENVIRONMENT.PATH,
            progress: (text) => void output.write(`${text}\n`),
            signal: interrupt.signal,
          });
    const folder = options.state === undefined ? undefined : await openStateFolder(options.state, Date.now());
    const port = options.port ?? folder?.port;
    session = await startSession({
      identity: {
        ...(port === undefined ? {} : { port }),
        ...(folder === undefined ? {} : { certificate: folder.certificate }),
        ...(folder?.seeds === undefined ? {} : { seeds: folder.seeds }),
      },
      organization: ORGANIZATION,
      ...(containers === undefined ? {} : { containers }),
      pools: options.keep ? KEPT_POOLS : DEMO_POOLS,
      launcherLog: LAUNCHER_LOG,
      onEvent: (event) => {
        for (const listener of listeners) listener(event);
      },
      onDecision: (text) => display?.note(text),
      onNote: (text) => display?.note(text, 'note'),
    });
    interrupt.signal.throwIfAborted();
    const startedAt = Date.now();
    const movesCursor = output.isTTY === true && !['', 'dumb'].includes(process.env['TERM'] ?? '');
    const settings: DisplaySettings = {
      output,
      movesCursor,
      colour: movesCursor && (process.env['NO_COLOR'] ?? '') === '',
      header: headerOf(session, containers),
      footer: `The launcher's log: ${relative(process.cwd(), LAUNCHER_LOG)}. Ctrl-C ends everything.`,
      startedAt,
      now: Date.now,
    };
    if (options.keep) {
      return await keep(session, settings, options, folder, interrupt.signal, (made) => (display = made));
    }

    display = createDisplay(settings);
    const terraform = containers !== undefined && containers.hostFiles.length === 0 ? undefined : terraformVersion();
    const summary = await runDemo({
      session,
      display,
      onEvent: (listener) => void listeners.push(listener),
      ...(terraform === undefined ? {} : { terraform }),
      timelineFile: TIMELINE,
      startedAt,
      now: Date.now,
      signal: interrupt.signal,
    });
    display.end(session.model());
    output.write(`\n${summaryLines(summary).map(summaryLine).join('')}`);
    for (const problem of summary.problems) process.stderr.write(summaryLine(['Not right', problem]));
    output.write(summaryLine(['Picture', relative(process.cwd(), TIMELINE)]));
    if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, timeline: TIMELINE })}\n`);
    return summary.ok ? 0 : 1;
  } catch (error) {
    const { reason } = interrupt.signal;
    if (session !== undefined) display?.end(session.model());
    if (reason instanceof Interrupted) return options.keep ? 0 : reason.exitCode;
    if (error instanceof EngineError || error instanceof StateFolderError) {
      process.stderr.write(`${error.message}\n`);
      return 2;
    }
    process.stderr.write(`npm start could not go on: ${messageOf(error)}\n`);
    return 1;
  } finally {
    await session?.close();
  }
}

/** Serves until the signal, and rejects with its reason. */
async function keep(
  session: Session,
  settings: DisplaySettings,
  options: StartOptions,
  folder: StateFolder | undefined,
  signal: AbortSignal,
  made: (display: Display) => void,
): Promise<never> {
  const { hcpTerraform } = session.world;
  const files = await writeClientFiles(session.world, folder?.directory);
  try {
    await folder?.save(hcpTerraform.port, hcpTerraform.world.seeds);
    if (options.json) process.stdout.write(`${JSON.stringify(readyLine(session.world))}\n`);
    const display = createDisplay({ ...settings, preamble: instructions(session.world, files) });
    made(display);
    for (;;) {
      display.update(session.model());
      await delay(FRAME_MS, undefined, { signal });
      const trouble = session.trouble();
      if (trouble !== undefined) throw new Error(trouble);
    }
  } finally {
    await files.remove();
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}. Something else listens there: end it, or choose another port with --port.`;
  }
  return error.message;
}

function summaryLine([name, text]: readonly [string, string]): string {
  return ` ${name.padEnd(14)} ${text}\n`;
}

function headerOf({ world }: Session, containers: Containers | undefined): string[] {
  return [
    `HCP Terraform ${world.hcpTerraform.url}   ECS ${world.ecs.url}`,
    `Launcher      invoked every ${INVOKED_EVERY_MS / 1000} s, polls every ${POLLED_EVERY_SECONDS} s (in AWS: 60 s and 10 s)`,
    ...(containers === undefined
      ? []
      : [
          `Containers    ${containers.engine.kind} ${containers.engine.version} (${containers.engine.command}), ` +
            `image ${containers.image.reference}${containers.image.built ? ', just built' : ''}`,
        ]),
  ];
}

function terraformVersion(): string | undefined {
  const { stdout } = spawnSync('terraform', ['version', '-json'], { encoding: 'utf8', env: TERRAFORM_ENVIRONMENT });
  try {
    return z.object({ terraform_version: z.string() }).parse(JSON.parse(stdout)).terraform_version;
  } catch {
    return undefined;
  }
}
