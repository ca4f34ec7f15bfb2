/** The arguments of `npm start`. */
import { parseArgs } from 'node:util';

export interface StartOptions {
  /** Keep running and serve the pool until a signal. */
  readonly keep: boolean;
  /** Print one line of JSON on stdout, and everything else on stderr. */
  readonly json: boolean;
  /** Port of HCP Terraform. Default: the one in the state folder, or a free one. */
  readonly port?: number;
  /** Folder that keeps port, certificate and tokens from one start to the next. */
  readonly state?: string;
  /** Run each task in containers of an engine, not as a process. */
  readonly containers?: {
    /** Name or path. Default: docker or podman, the first one that responds. */
    readonly engine?: string;
    /** Default: the one in agent-image/Dockerfile. */
    readonly baseImage?: string;
  };
}

export type CommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'invalid'; readonly fault: string }
  | ({ readonly kind: 'start' } & StartOptions);

export const HELP = `Usage: npm start [-- OPTIONS]

  The whole path on this machine: local emulators of HCP Terraform and ECS, the launcher's real function on a
  schedule, and agents that execute real Terraform. Without options it queues runs for half a minute,
  shows them until the last container is gone, and ends with a summary and a picture (out/timeline.html).

Options:
  --keep              Queue nothing; keep running for your own terraform, and print what it needs. Ctrl-C ends it.
  --json              Print the summary as JSON on stdout, the rest on stderr. With --keep: one JSON line when
                      ready, {"url","ca","organization","apiToken","agentPool":{"id","name"}}.
  --port N            With --keep: port of the local HCP Terraform. Default: a free one, or the one in the state folder.
  --state FOLDER      With --keep: keep port, certificate and tokens in this folder, so that your setup for one
                      start works for the next. Workspaces, runs and Terraform states are in memory and are not kept.
  --containers        Run the tasks in real containers of the agent's image, with its task definition's limits,
                      instead of as processes. Needs docker or podman; builds the image the first time.
  --engine NAME       With --containers: the engine's name or path. Default: docker or podman, the first one found.
  --base-image IMAGE  With --containers: the base of the image. Default: hashicorp/tfc-agent, as in
                      agent-image/Dockerfile; the agent emulator replaces the agent in it.
  --help              This text.

Exit code: 0; 1 if a job wasn't served, a run ended unexpectedly, or an agent or task is left;
2 for an invalid option, or if no container engine responds; 130 or 143 if a signal ended the demo early.
`;

const OPTIONS = {
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
  port: { type: 'string' },
  state: { type: 'string' },
  containers: { type: 'boolean' },
  engine: { type: 'string' },
  'base-image': { type: 'string' },
} as const;
const ALLOWED = [...Object.keys(OPTIONS), 'help'].map((name) => `--${name}`);

/**
 * The options that npm kept, as in `npm start --keep`. It only forwards options after `--`, and turns the others into variables.
 */
export function takenByNpm(
  environment: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): string[] {
  return Object.keys(OPTIONS).filter(
    (name) =>
      environment[`npm_config_${name.replaceAll('-', '_')}`] !== undefined &&
      !argv.some((argument) => argument === `--${name}` || argument.startsWith(`--${name}=`)),
  );
}

export function parseCommandLine(argv: readonly string[]): CommandLine {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help' };
  const { values, tokens } = parseArgs({ args: [...argv], options: OPTIONS, strict: false, tokens: true });
  const invalid = (fault: string): CommandLine => ({ kind: 'invalid', fault });
  for (const token of tokens) {
    const given = token.kind === 'option' ? token.rawName : token.kind === 'positional' ? token.value : '--';
    if (!ALLOWED.includes(given)) {
      return invalid(`Unknown argument ${JSON.stringify(given)}; allowed: ${ALLOWED.join(', ')}.`);
    }
  }
  const { engine, 'base-image': baseImage, port, state } = values;
  const parameters = [
    { name: 'engine', value: engine, with: 'containers', example: 'NAME' },
    { name: 'base-image', value: baseImage, with: 'containers', example: 'NAME' },
    { name: 'port', value: port, with: 'keep', example: 'N' },
    { name: 'state', value: state, with: 'keep', example: 'FOLDER' },
  ] as const;
  for (const parameter of parameters) {
    const { name, value, example } = parameter;
    if (value === undefined) continue;
    if (typeof value !== 'string' || value === '') return invalid(`--${name} needs a value: --${name} ${example}.`);
    if (values[parameter.with] !== true) {
      return invalid(`--${name} has no effect without --${parameter.with}; add that option.`);
    }
  }
  if (typeof port === 'string' && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    return invalid(`--port is ${JSON.stringify(port)}; it must be an integer from 1 to 65535.`);
  }
  return {
    kind: 'start',
    keep: values.keep === true,
    json: values.json === true,
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
