/** Composition root of `npm start`: the only code that reads arguments, environment and signals. */
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as z from 'zod';
import { DEFAULT_GATEWAY_IDLE_MINUTES } from '../../lib/defaults.ts';
import { EngineError } from '../ecs/container/engine.ts';
import { stopSignal } from '../stop-signal.ts';
import { HELP, parseCommandLine, type StartOptions, takenByNpm } from './command-line.ts';
import { type Containers, prepareContainers } from './containers.ts';
import { runDemo, TIMELINE } from './demo.ts';
import { runKeep } from './keep.ts';
import { announcement } from './scenario.ts';
import { PACE, Session } from './session.ts';
import { openStateFolder, StateFolderError } from './state-folder.ts';
import { type Summary, summaryLines } from './summary.ts';
import { createDisplay, type DisplaySettings, type Output } from './terminal/display.ts';
import { startWorld } from './world.ts';

const LAUNCHER_LOG = fileURLToPath(new URL('../../out/launcher.log', import.meta.url));
const PRODUCTION = { name: 'production', maxAgents: 4 };
/** This limit is small, so that a job has to wait for capacity. */
const SANDBOX = { name: 'sandbox', maxAgents: 2 };
const TERRAFORM_ENVIRONMENT = { PATH: process.env['PATH'] ?? '', CHECKPOINT_DISABLE: '1' };

const NEXT = ` Next
   npm start -- --keep                             your own terraform with this system
   npm run --silent agent-launcher -- setup        prepare a deployment into your AWS account
   README.md, "Deploy in ten minutes"              what the deployment needs and costs
`;

process.exit(await main(process.argv.slice(2)));

/** @returns the exit code */
async function main(argv: readonly string[]): Promise<number> {
  const line = parseCommandLine(argv);
  if (line.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const taken = takenByNpm(process.env, argv).map((name) => `--${name}`);
  if (line.kind === 'start' && taken.length === 0) return await start(line);
  const lost = taken.join(' ');
  const fault =
    line.kind === 'invalid'
      ? line.fault
      : `npm kept ${lost}, because it only forwards options after "--". Write: npm start -- ${lost}`;
  process.stderr.write(`${fault}\n`);
  return 2;
}

async function start(options: StartOptions): Promise<number> {
  const interrupt = new AbortController();
  let session: Session | undefined;
  let received: NodeJS.Signals | undefined;
  const stopped = stopSignal().then((name) => {
    received = name;
    interrupt.abort();
    // A second signal ends everything immediately.
    void stopSignal().then(() => session?.close());
  });

  const { signal } = interrupt;
  const output: Output = options.json ? process.stderr : process.stdout;
  try {
    const progress = (text: string): void => void output.write(`${text}\n`);
    const containers =
      options.containers && (await prepareContainers(options.containers, TERRAFORM_ENVIRONMENT.PATH, progress, signal));
    const folder = options.state === undefined ? undefined : await openStateFolder(options.state, Date.now());
    const world = await startWorld({
      identity: { ...folder?.identity, ...(options.port === undefined ? {} : { port: options.port }) },
      containers,
      gateway: options.egress && {},
      pools: options.keep ? [PRODUCTION] : [PRODUCTION, SANDBOX],
    });
    session = new Session(world, LAUNCHER_LOG);
    signal.throwIfAborted();
    const settings = displaySettings(output, session, containers);
    if (options.keep) {
      await runKeep({ session, display: settings, json: options.json, folder, stopped });
      return 0;
    }
    const terraform = containers?.hostFiles.length === 0 ? undefined : terraformVersion();
    const display = createDisplay({
      ...settings,
      preamble: announcement(terraform !== undefined, world.gateway !== undefined),
    });
    const demo = runDemo(session, display, terraform, signal);
    const summary = await demo.finally(() => display.end());
    printSummary(output, summary);
    if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, timeline: TIMELINE })}\n`);
    return summary.ok ? 0 : 1;
  } catch (error) {
    if (received !== undefined) return options.keep ? 0 : 128 + constants.signals[received];
    const isExplained = error instanceof EngineError || error instanceof StateFolderError;
    process.stderr.write(isExplained ? `${error.message}\n` : `npm start failed: ${messageOf(error)}\n`);
    return isExplained ? 2 : 1;
  } finally {
    await session?.close();
  }
}

function displaySettings(output: Output, session: Session, containers: Containers | undefined): DisplaySettings {
  const { hcpTerraform, ecs, gateway } = session.world;
  const movesCursor = output.isTTY === true && !['', 'dumb'].includes(process.env['TERM'] ?? '');
  const header = [`HCP Terraform ${hcpTerraform.url}   ECS ${ecs.url}`, `Launcher      ${PACE}`];
  if (containers !== undefined) {
    const { engine, image } = containers;
    const built = image.built ? ', just built' : '';
    header.push(`Containers    ${engine.kind} ${engine.version} (${engine.command}), image ${image.reference}${built}`);
  }
  if (gateway !== undefined) {
    header.push(
      `Gateway       ${gateway.environment.name}, EC2 ${gateway.instanceType}, stops after ${DEFAULT_GATEWAY_IDLE_MINUTES} min without a task`,
    );
  }
  return {
    output,
    movesCursor,
    colour: movesCursor && (process.env['NO_COLOR'] ?? '') === '',
    header,
    footer: `The launcher's log: ${relative(process.cwd(), LAUNCHER_LOG)}. Ctrl-C ends everything.`,
    startedAt: session.startedAt,
  };
}

function printSummary(output: Output, summary: Summary): void {
  const text = ([name, fact]: readonly [string, string]): string => ` ${name.padEnd(14)} ${fact}\n`;
  output.write(`\n${summaryLines(summary).map(text).join('')}`);
  for (const problem of summary.problems) process.stderr.write(text(['Problem', problem]));
  output.write(text(['Picture', pathToFileURL(TIMELINE).href]));
  output.write(`\n${NEXT}`);
}

function terraformVersion(): string | undefined {
  const { stdout } = spawnSync('terraform', ['version', '-json'], { encoding: 'utf8', env: TERRAFORM_ENVIRONMENT });
  try {
    return z.object({ terraform_version: z.string() }).parse(JSON.parse(stdout)).terraform_version;
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}. Something else listens there: end it, or choose another port with --port.`;
  }
  return error.message;
}
