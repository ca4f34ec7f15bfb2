/** The arguments of `npm start`. */
import { parseArgs } from 'node:util';

export interface StartOptions {
  /** Stay up and serve the pool until a signal. */
  readonly keep: boolean;
  /** One line of JSON on stdout, everything else on stderr. */
  readonly json: boolean;
  /** Each task in containers of an engine, not as a process. */
  readonly containers?: {
    /** Name or path. Absent: docker or podman, whichever answers first. */
    readonly engine?: string;
    /** Absent: the one of agent-image/Dockerfile. */
    readonly baseImage?: string;
  };
}

export type CommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'invalid'; readonly fault: string }
  | ({ readonly kind: 'start' } & StartOptions);

export const HELP = `Usage: npm start [-- OPTIONS]

  The whole path on this machine: HCP Terraform and ECS as local stand-ins, the launcher's real function on a
  schedule, and agents that execute real Terraform. Without options it queues runs by itself for half a minute,
  shows them until the last container is gone, and ends with a summary and a picture (out/timeline.html).

Options:
  --keep              Queue nothing; stay up for your own terraform, and print what it needs. Ends at Ctrl-C.
  --json              Print the summary as JSON on stdout, all else on stderr. With --keep: one JSON line when
                      ready, {"url","ca","organization","apiToken","agentPool":{"id","name"}}.
  --containers        Run the tasks in real containers of the agent's image, under its task definition's bounds,
                      instead of as processes. Needs docker or podman; builds the image the first time.
  --engine NAME       With --containers: the engine's name or path. Default: the first of docker, podman that answers.
  --base-image IMAGE  With --containers: what the image is built on. Default: hashicorp/tfc-agent, as in
                      agent-image/Dockerfile; the agent stand-in takes the place of the agent in it.
  --help              This text.

Exit code: 0; 1 when a job was not served, a run ended otherwise than it had to, or an agent or task is left;
2 for a wrong option, or when no container engine answers; 130 or 143 when a signal ended the demo before its end.
`;

const OPTIONS = {
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
  containers: { type: 'boolean' },
  engine: { type: 'string' },
  'base-image': { type: 'string' },
} as const;
const ALLOWED = [...Object.keys(OPTIONS), 'help'].map((name) => `--${name}`);

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
  const { engine, 'base-image': baseImage } = values;
  for (const [name, value] of Object.entries({ engine, 'base-image': baseImage })) {
    if (value === undefined) continue;
    if (typeof value !== 'string' || value === '') return invalid(`--${name} needs a value: --${name} NAME.`);
    if (values.containers !== true) return invalid(`--${name} means nothing without --containers; add that.`);
  }
  return {
    kind: 'start',
    keep: values.keep === true,
    json: values.json === true,
    ...(values.containers === true && {
      containers: {
        ...(typeof engine === 'string' && { engine }),
        ...(typeof baseImage === 'string' && { baseImage }),
      },
    }),
  };
}
