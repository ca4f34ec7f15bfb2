/** What every command gets: the process's streams, the common options, and the clients of AWS and HCP Terraform. */
import { randomUUID } from 'node:crypto';
import { styleText } from 'node:util';
import { Aws } from './aws/clients.ts';
import type { Deployment } from './aws/deployment.ts';
import { commandForm, withCommands } from './core/command-form.ts';
import { harmlessJson, MarkedStyles } from './core/harmless.ts';
import { fitted } from './core/wrap.ts';
import { Interruption } from './interruption.ts';
import type { Io, Screen } from './io.ts';
import { defaultStackName } from './package.ts';

/** The options that every command has. */
export interface CommonOptions {
  /** Name of the CloudFormation stack. Default: `stackName` in `cdk.json`, or else `AgentLauncher`. */
  readonly stack: string;
  /** Name of the launcher, if the stack has several. */
  readonly launcher?: string | undefined;
  /** AWS Region. Default: as in the AWS CLI. */
  readonly region?: string | undefined;
  /** Profile of the AWS configuration. Default: as in the AWS CLI. */
  readonly profile?: string | undefined;
  readonly json: boolean;
}

type Style = Parameters<typeof styleText>[0];

export class Context {
  readonly io: Io;
  readonly options: CommonOptions;
  readonly aws: Aws;
  readonly interruption: Interruption;
  readonly #styles = new MarkedStyles(randomUUID());
  #deployment: Promise<Deployment> | undefined;

  constructor(io: Io, options: CommonOptions) {
    this.io = io;
    this.options = options;
    this.interruption = new Interruption(io.interrupted);
    this.aws = new Aws(options, { env: io.env, interruption: this.interruption });
  }

  /** The deployed stack. It is read once. Rejects with a `CommandError` if there is no such stack. */
  deployment(): Promise<Deployment> {
    this.#deployment ??= import('./aws/deployment.ts').then(({ readDeployment }) =>
      readDeployment(this.aws, this.options),
    );
    return this.#deployment;
  }

  /** Writes one line of results. */
  print(line = ''): void {
    this.io.stdout.write(`${this.shown(line)}\n`);
  }

  /** Writes the result as one JSON document. */
  printJson(result: unknown): void {
    this.io.stdout.write(`${harmlessJson(JSON.stringify(result, undefined, 2))}\n`);
  }

  /** Writes a line that isn't a result: progress or a warning. A terminal gets it in lines that fit. */
  note(line: string): void {
    this.io.stderr.write(`${forScreen(this.shown(line), this.io.stderr)}\n`);
  }

  /** A command line for the same stack, to show to the user. It omits `--stack` if this folder's default is meant. */
  commandFor(command: string): string {
    const { stack, launcher, region, profile } = this.options;
    return [
      commandForm(this.io.env, command),
      ...(stack === defaultStackName(this.io.cwd) ? [] : [`--stack ${stack}`]),
      ...(launcher === undefined ? [] : [`--launcher ${launcher}`]),
      ...(region === undefined ? [] : [`--region ${region}`]),
      ...(profile === undefined ? [] : [`--profile ${profile}`]),
    ].join(' ');
  }

  /** The text with its commands as {@link commandFor} shows them. A command is `agent-launcher …` in backticks. */
  withCommands(text: string): string {
    return withCommands(text, (command) => this.commandFor(command));
  }

  /** The text as `print` writes it: without escape sequences, except those of {@link style}. */
  shown(text: string): string {
    return this.#styles.shown(text);
  }

  /** Colours the text if `stdout` is a terminal that shows colours. The result is only for {@link print}, {@link note} and {@link shown}. */
  style(style: Style, text: string): string {
    if (!showsColours(this.io.stdout, this.io.env)) return text;
    return this.#styles.styled(text, (harmless) => styleText(style, harmless, { validateStream: false }));
  }

  /** Width of the output in columns: see {@link columnsOf}. */
  get columns(): number {
    return columnsOf(this.io.stdout);
  }
}

/** Width of the terminal in columns, at most 100; 80 if the stream isn't a terminal, or if the terminal doesn't know: then it reports 0. */
export function columnsOf({ columns = 0 }: Pick<Screen, 'columns'>): number {
  return columns > 0 ? Math.min(columns, 100) : 80;
}

/** A message in lines that fit into a terminal. Other programs get each line as it is, so that they can search in it. */
export function forScreen(message: string, screen: Screen): string {
  return screen.isTTY === true ? fitted(message, columnsOf(screen)) : message;
}

/** https://no-color.org, https://force-color.org */
export function showsColours(screen: Screen, env: Io['env']): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return screen.isTTY === true && env['TERM'] !== 'dumb';
}
