/** The command line: its commands, common options and help. */
import { Command, CommanderError, Option } from 'commander';
import { registerCompletion } from './commands/complete.ts';
import { registerCost } from './commands/cost.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDrain } from './commands/drain.ts';
import { registerLogs } from './commands/logs.ts';
import { registerPause } from './commands/pause.ts';
import { registerResume } from './commands/resume.ts';
import { registerRotate } from './commands/rotate.ts';
import { registerRuns } from './commands/runs.ts';
import { registerSetup } from './commands/setup.ts';
import { registerStatus } from './commands/status.ts';
import { registerWhy } from './commands/why.ts';
import { Context, columnsOf, forScreen } from './context.ts';
import { harmlessLines } from './core/harmless.ts';
import { Interrupted, type Interruption } from './interruption.ts';
import { CommandError, EXIT, type ExitCode, exitCodeOfSignal, type Io, StoppedError, UsageError } from './io.ts';
import { defaultStackName, version } from './package.ts';

/** Adds a command to the program. */
export type Register = (program: Command, run: RunCommand) => void;

/**
 * Runs a command's work with a context, and keeps its exit code. Every command passes its action through this function:
 * `.action(run((context, options, args) => …))`.
 */
export type RunCommand = <O extends object>(
  work: (context: Context, options: O, args: readonly string[]) => Promise<ExitCode>,
) => (...parameters: unknown[]) => Promise<void>;

/** The commands, in the order of the help. */
const COMMANDS: readonly Register[] = [
  registerSetup,
  registerDoctor,
  registerStatus,
  registerWhy,
  registerLogs,
  registerRuns,
  registerRotate,
  registerCost,
  registerPause,
  registerResume,
  registerDrain,
];

/** Runs one command line. @returns the exit code. Only a fault of the command itself rejects. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode = EXIT.fine as ExitCode;
  const run: RunCommand =
    (work) =>
    async (...parameters) => {
      const command = parameters.at(-1) as Command;
      const options = command.optsWithGlobals();
      const context = new Context(io, {
        stack: options['stack'] ?? defaultStackName(io.cwd),
        launcher: options['launcher'],
        region: options['region'],
        profile: options['profile'],
        json: options['json'] === true,
      });
      const args = command.processedArgs.filter((argument): argument is string => typeof argument === 'string');
      const done = work(context, options as Parameters<typeof work>[1], args);
      exitCode = await unlessAbandoned(done, io, context.interruption).catch((error: unknown) => {
        throw withCommandsOf(context, error);
      });
    };
  const program = createProgram(io, run);
  // `complete` replaces it while it runs.
  const { log } = console;
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode === EXIT.problem ? problemOf(io) : exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
    if (error instanceof Interrupted) return exitCodeOfSignal(io.interrupted.reason);
    if (error instanceof UsageError) {
      printError(error, io);
      return EXIT.usage;
    }
    if (error instanceof CommandError) {
      printError(error, io);
      return error instanceof StoppedError ? exitCodeOfSignal(io.interrupted.reason) : problemOf(io);
    }
    throw error;
  } finally {
    console.log = log;
  }
}

function printError({ message }: Error, { stderr }: Io): void {
  stderr.write(`${forScreen(harmlessLines(message), stderr)}\n`);
}

/** The error, whose message has its commands in the form in which the user can copy them. */
function withCommandsOf(context: Context, error: unknown): unknown {
  if (error instanceof CommandError || error instanceof UsageError) error.message = context.withCommands(error.message);
  return error;
}

/** A command that could not finish because the user stopped it has the signal's exit code. */
function problemOf({ interrupted }: Io): ExitCode {
  return interrupted.aborted ? exitCodeOfSignal(interrupted.reason) : EXIT.problem;
}

/** Time that a command has to end after Ctrl-C, in milliseconds. */
const GRACE_MS = 1_000;

/**
 * The work's exit code. Rejects if a command that has changed nothing doesn't end after Ctrl-C, for example because a program that it started
 * doesn't.
 */
async function unlessAbandoned(
  work: Promise<ExitCode>,
  { interrupted }: Io,
  interruption: Interruption,
): Promise<ExitCode> {
  const { promise, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const abandon = (): void => {
    timer = setTimeout(() => {
      if (!interruption.isHeld) reject(new Interrupted('Interrupted'));
    }, GRACE_MS);
  };
  interrupted.addEventListener('abort', abandon);
  try {
    return await Promise.race([work, promise]);
  } finally {
    interrupted.removeEventListener('abort', abandon);
    clearTimeout(timer);
  }
}

/** The program with all commands. */
export function createProgram(io: Io, run: RunCommand): Command {
  const program = new Command('agent-launcher')
    .description('Set up, explain and operate ephemeral HCP Terraform agents on AWS.')
    .version(version(), '-V, --version', 'print the version')
    .addOption(new Option('--stack <name>', 'name of the CloudFormation stack (default: stackName in cdk.json)'))
    .addOption(new Option('--launcher <name>', 'name of the launcher, if the stack has several'))
    .addOption(new Option('--region <region>', 'AWS Region (default: as in the AWS CLI)'))
    .addOption(new Option('--profile <profile>', 'profile of the AWS configuration (default: as in the AWS CLI)'))
    .addHelpText(
      'after',
      `
Exit codes: 0 fine, 1 a problem was found or the command could not do its work,
2 the command line is wrong, 130 stopped with Ctrl-C, 143 with SIGTERM, 129 with
SIGHUP.

The command reads AWS credentials, the region and endpoints as the AWS CLI does.
It never prints a token.`,
    )
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(harmlessLines(text)),
      writeErr: (text) => void io.stderr.write(harmlessLines(text)),
      getOutHelpWidth: () => columnsOf(io.stdout),
      getErrHelpWidth: () => columnsOf(io.stderr),
    });
  for (const register of COMMANDS) register(program, run);
  registerCompletion(program);
  return program;
}
