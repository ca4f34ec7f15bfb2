import type { Command } from 'commander';
import type { RotateFlags } from '../operate/rotate.ts';
import { collect, integerOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

/** `rotate`: replaces the agent token of a pool without ending a job. */
export function registerRotate(program: Command, run: RunCommand): void {
  program
    .command('rotate')
    .description('replace the agent token of a pool without ending a job')
    .option('--pool <name>', 'agent pool (default: the only one of the stack)')
    .option(
      '--old-token <id>',
      'id of an agent token to revoke that no version of the secret contains; repeat it for more',
      collect,
    )
    .addOption(
      integerOption('--deadline <minutes>', 'how long to wait for tasks that use the old token', {
        fallback: 60,
        least: 1,
        most: 1440,
      }),
    )
    .option('--force', 'revoke the old token even if agents outside this stack may use it')
    .option('--non-interactive', 'never ask')
    .addHelpText(
      'after',
      `
Rotate creates an agent token, makes it the current value of the secret, and
waits until no task is left that started with the old token. Then it revokes the
old token. If you stop it, both tokens work. Run it again to finish: it goes on
where it stopped, and never revokes the token that is in use.

Revoking a token ends the jobs of its agents at once. On its own, rotate revokes
only tokens that a version of the secret contains, because setup, rotate or the
function of agentTokenRotation stored them there, and tokens that one of these
created for this secret, but never stored. A value that you stored by hand has
an unknown token: rotate asks which one it is, or lists the tokens at the end.
With --old-token, it then only revokes that token, and creates no other one.

Exit code: 0 if the pool has a new agent token, also if an unknown old one may
be left. 1 if something is left to do: an old token still works, or agents have
used one of the listed tokens since the old value was stored.

Examples:
  agent-launcher rotate
  agent-launcher rotate --pool aws --deadline 120
  agent-launcher rotate --pool aws --old-token at-2rG2oYU9JEvfaqji`,
    )
    .action(
      run<RotateFlags>(async (context, flags) => {
        const { rotate } = await import('../operate/rotate.ts');
        return rotate(context, flags);
      }),
    );
}
