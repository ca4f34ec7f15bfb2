/** The arguments of `npm start`. */

export interface StartOptions {
  /** Stay up and serve the pool until a signal. */
  readonly keep: boolean;
  /** One line of JSON on stdout, everything else on stderr. */
  readonly json: boolean;
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
  --keep    Queue nothing; stay up for your own terraform, and print what it needs. Ends at Ctrl-C.
  --json    Print the summary as JSON on stdout, all else on stderr. With --keep: one JSON line when ready,
            {"url","ca","organization","apiToken","agentPool":{"id","name"}}.
  --help    This text.

Exit code: 0; 1 when a job was not served, a run ended otherwise than it had to, or an agent or task is left;
2 for a wrong option; 130 or 143 when a signal ended the demo before its end.
`;

export function parseCommandLine(argv: readonly string[]): CommandLine {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help' };
  const unknown = argv.find((argument) => !['--keep', '--json'].includes(argument));
  if (unknown !== undefined) {
    return { kind: 'invalid', fault: `Unknown argument ${JSON.stringify(unknown)}; allowed: --keep, --json, --help.` };
  }
  return { kind: 'start', keep: argv.includes('--keep'), json: argv.includes('--json') };
}
