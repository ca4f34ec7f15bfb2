import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { wrap } from '../core/wrap.ts';
import { EXIT, type ExitCode } from '../io.ts';
import { jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

const HELP = `
Turns off the schedule and the queue of wake-ups, and sets the reserved
concurrency of the function to 0. Running jobs continue, and new jobs wait in
HCP Terraform. An invocation that is already running can launch tasks for up
to a minute: to wait for it and for the tasks, use drain. While the launcher
is paused, the alarms "Launcher silent" and "A job waits too long" can fire.

Needs these permissions: scheduler:GetSchedule, scheduler:UpdateSchedule and
iam:PassRole for the schedule's role; lambda:GetFunctionConcurrency,
lambda:PutFunctionConcurrency, lambda:ListEventSourceMappings and
lambda:UpdateEventSourceMapping.

Examples:
  agent-launcher pause
  agent-launcher pause --stack AgentLauncherTest`;

/** `pause`: nothing invokes the launcher until `resume`. */
export function registerPause(program: Command, run: RunCommand): void {
  program
    .command('pause')
    .description('stop launching agents until resume; running jobs continue')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(run(pause));
}

async function pause(context: Context): Promise<ExitCode> {
  const { pauseLauncher } = await import('../operate/switches.ts');
  const deployment = await context.deployment();
  const { changed, warnings } = await pauseLauncher(context, deployment);
  const { stackName } = deployment;
  if (context.options.json) {
    context.printJson({ stack: stackName, state: 'paused', changed, warnings });
    return EXIT.fine;
  }
  const what = changed.length === 0 ? 'is paused already.' : `is paused: ${changed.join('; ')}.`;
  for (const line of wrap(`${stackName} ${what}`, context.columns)) context.print(line);
  for (const warning of warnings) context.note(`Not changed: ${warning}`);
  context.print('Running jobs continue, and new jobs wait in HCP Terraform.');
  context.print(`Wait until no task is left: ${context.commandFor('drain')}`);
  context.print(`Resume: ${context.commandFor('resume')}`);
  return EXIT.fine;
}
