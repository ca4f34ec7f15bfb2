/** The arguments of `npm start`. */
import { parseArgs } from 'node:util';

/** {@link HELP} describes the options. */
export interface StartOptions {
  readonly keep: boolean;
  readonly json: boolean;
  /** Absent: an existing VPC, in which tasks always reach the internet. */
  readonly egress?: 'on-demand';
  readonly port?: number;
  readonly state?: string;
  readonly containers?: { readonly engine?: string; readonly baseImage?: string };
}

export type CommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'invalid'; readonly fault: string }
  | ({ readonly kind: 'start' } & StartOptions);

export const HELP = `Usage: npm start [-- OPTIONS]

  Runs the complete path on this machine: emulators of HCP Terraform and AWS,
  the launcher's real function on a schedule, and agents that execute real
  Terraform. Without options, it queues runs for half a minute, shows them until
  the last container is gone, and ends with a summary and a picture
  (out/timeline.html).

Options:
  --keep              Queue nothing. Keep running for your own terraform, and
                      print what it needs. Ctrl-C ends it.
  --json              Print the summary as JSON on stdout, and the rest on
                      stderr. With --keep: one JSON line when ready, with url,
                      ca, organization, apiToken, agentPool (id and name) and
                      environment, which has the variables for the command
                      agent-launcher; with --egress also gateway (name and
                      instance).
  --port N            With --keep: port of the local HCP Terraform. Default: the
                      one in the state folder, or a free one.
  --state FOLDER      With --keep: keep port, certificate and tokens in this
                      folder, so that your setup for one start works for the
                      next. Workspaces, runs and Terraform states are in memory
                      and are not kept.
  --egress on-demand  Tasks reach the internet only through a gateway, an EC2
                      instance that the launcher starts when a job is queued,
                      and stops when none has run for a while. The emulator
                      takes 8.5 s to start it, as others measured on AWS.
  --containers        Run the tasks in real containers of the agent's image,
                      with its task definition's limits, instead of as
                      processes. Requires docker or podman. Builds the image
                      the first time.
  --engine NAME       With --containers: the engine's name or path. Default:
                      docker or podman, the first that responds.
  --base-image IMAGE  With --containers: the base of the image. Default:
                      hashicorp/tfc-agent, as in agent-image/Dockerfile. The
                      agent emulator replaces the agent in it.
  --help              Print this text.

Exit code: 0; 1 if a job wasn't served, a run ended unexpectedly, or an agent or
task is left; 2 for an invalid option, or if no container engine responds; 130
or 143 if a signal ended the demo early.
`;

const EGRESS = 'on-demand';

/** `example` is the option's value in messages. The option has no effect without the option in `requires`. */
const OPTIONS = {
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
  port: { type: 'string', example: 'N', requires: 'keep' },
  state: { type: 'string', example: 'FOLDER', requires: 'keep' },
  egress: { type: 'string', example: EGRESS },
  containers: { type: 'boolean' },
  engine: { type: 'string', example: 'NAME', requires: 'containers' },
  'base-image': { type: 'string', example: 'NAME', requires: 'containers' },
  help: { type: 'boolean' },
} as const;

/** Options that npm took itself, as in `npm start --keep`: npm turns options before `--` into environment variables. */
export function takenByNpm(
  environment: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): string[] {
  const isForwarded = (name: string): boolean => argv.some((argument) => argument.split('=')[0] === `--${name}`);
  return Object.keys(OPTIONS).filter(
    (name) => environment[`npm_config_${name.replaceAll('-', '_')}`] !== undefined && !isForwarded(name),
  );
}

export function parseCommandLine(argv: readonly string[]): CommandLine {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help' };
  const { values, tokens } = parseArgs({ args: [...argv], options: OPTIONS, strict: false, tokens: true });
  const given = tokens.map((token) =>
    token.kind === 'option' ? token.rawName : token.kind === 'positional' ? token.value : '--',
  );
  const fault = unknownArgument(given) ?? wrongValue(values);
  if (fault !== undefined) return { kind: 'invalid', fault };
  const { engine, 'base-image': baseImage, egress, port, state } = values;
  return {
    kind: 'start',
    keep: values.keep === true,
    json: values.json === true,
    ...(egress !== undefined && { egress: EGRESS }),
    ...(typeof port === 'string' && { port: Number(port) }),
    ...(typeof state === 'string' && { state }),
    ...(values.containers === true && {
      containers: {
        ...(typeof engine === 'string' && { engine }),
        ...(typeof baseImage === 'string' && { baseImage }),
      },
    }),
  };
}

function unknownArgument(given: readonly string[]): string | undefined {
  const allowed = Object.keys(OPTIONS).map((name) => `--${name}`);
  const unknown = given.find((argument) => !allowed.includes(argument));
  return unknown && `Unknown argument ${JSON.stringify(unknown)}; allowed: ${allowed.join(', ')}.`;
}

function wrongValue(values: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, option] of Object.entries(OPTIONS)) {
    const value = values[name];
    if (value === undefined || option.type === 'boolean') continue;
    if (typeof value !== 'string' || value === '') return `--${name} needs a value: --${name} ${option.example}.`;
    if ('requires' in option && values[option.requires] !== true) {
      return `--${name} has no effect without --${option.requires}; add that option.`;
    }
    if (name === 'egress' && value !== EGRESS) {
      return `--egress is ${JSON.stringify(value)}; allowed: ${EGRESS}. Without the option, tasks run in an existing VPC.`;
    }
    if (name === 'port' && !(/^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535)) {
      return `--port is ${JSON.stringify(value)}; it must be an integer from 1 to 65535.`;
    }
  }
  return undefined;
}
