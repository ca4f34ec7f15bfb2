import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { wrap } from '../core/wrap.ts';
import { EXIT, type ExitCode } from '../io.ts';
import { jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

const HELP = `
Turns on the queue of wake-ups and the schedule, and restores the reserved
concurrency that the stack's template sets. The next tick follows within a
minute.

Needs the permissions of pause, and lambda:DeleteFunctionConcurrency,
cloudformation:DescribeStackResources and cloudformation:GetTemplate.

Examples:
  agent-launcher resume
  agent-launcher resume --stack AgentLauncherTest`;

/** `resume`: ends a pause. */
export function registerResume(program: Command, run: RunCommand): void {
  program
    .command('resume')
    .description('launch agents again after pause or drain')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(run(resume));
}

async function resume(context: Context): Promise<ExitCode> {
  const { resumeLauncher } = await import('../operate/switches.ts');
  const deployment = await context.deployment();
  const { changed } = await resumeLauncher(context, deployment);
  const { stackName } = deployment;
  if (context.options.json) context.printJson({ stack: stackName, state: 'on', changed });
  else if (changed.length === 0) context.print(`${stackName} is on already. Nothing was changed.`);
  else {
    const text = `${stackName} is on again: ${changed.join('; ')}. It ticks within a minute.`;
    for (const line of wrap(text, context.columns)) context.print(line);
  }
  return EXIT.fine;
}
