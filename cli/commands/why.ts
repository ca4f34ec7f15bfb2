import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { explain } from '../core/why/explain.ts';
import { type Paint, screenOf, type Tone } from '../core/why/screen.ts';
import { whyDocument } from '../core/why-json.ts';
import { EXIT } from '../io.ts';
import { jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

const COLOURS: Readonly<Record<Tone, Parameters<Context['style']>[0]>> = {
  done: 'green',
  running: 'green',
  waiting: 'yellow',
  person: 'cyan',
  blocked: 'red',
  heading: 'bold',
  faint: 'dim',
};

/** `why`: why a run waits, and what to do. */
export function registerWhy(program: Command, run: RunCommand): void {
  program
    .command('why')
    .description('explain why a run waits, and what to do')
    .argument('<run-id>', 'id of the run (run-…), or the address of its page')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The answer comes from HCP Terraform, ECS, and the logs of the launcher, the
agent and the gateways. What can't be read is left out. The token for HCP
Terraform is TF_TOKEN_…, TFE_TOKEN, that of \`terraform login\`, or that in the
launcher's own secret.

Exit codes: 0 the run ended, runs, waits for a person, or continues on its own;
1 something must be repaired or changed (docs/why.md lists the causes).

Examples:
  agent-launcher why run-CZcmD7eagjhyX0vN
  agent-launcher why run-CZcmD7eagjhyX0vN --json | jq -r .cause`,
    )
    .action(
      run(async (context, _options, [given = '']) => {
        const { checkRunId, gatherEvidence } = await import('../run-evidence.ts');
        const evidence = await gatherEvidence(context, checkRunId(given));
        const found = explain(evidence);
        const explanation = { ...found, todo: found.todo.map((text) => context.withCommands(text)) };
        if (context.options.json) context.printJson(whyDocument(explanation, evidence.nowMs));
        else {
          const paint: Paint = (tone, text) => context.style(COLOURS[tone], text);
          for (const line of screenOf(explanation, evidence.nowMs, context.columns, paint)) context.print(line);
        }
        return explanation.state === 'blocked' ? EXIT.problem : EXIT.fine;
      }),
    );
}
