import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.ts';
import { OLD_TASK_HOURS } from '../core/doctor/deployment.ts';
import { type Finding, GROUPS, type Group, type Severity } from '../core/doctor/findings.ts';
import { countsOf, linesOf, mustAct, passedByGroup, sorted, summary } from '../core/doctor/report.ts';
import { doctorDocument } from '../core/doctor-json.ts';
import { wrap } from '../core/wrap.ts';
import type { Diagnosis } from '../doctor/doctor.ts';
import { EXIT } from '../io.ts';
import { collect, jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

interface Options {
  readonly only?: readonly Group[];
  readonly settings?: boolean;
  readonly readSecrets?: boolean;
  readonly taskHours: number;
  readonly context?: readonly string[];
  readonly all?: boolean;
}

/** `doctor`: checks the machine, the account, HCP Terraform, the network and what is deployed. */
export function registerDoctor(program: Command, run: RunCommand): void {
  program
    .command('doctor')
    .description('check everything that the launcher needs, before and after the deployment; it changes nothing')
    .addOption(
      new Option('--only <groups>', `check only these groups (comma list): ${GROUPS.join(', ')}`).argParser(groupsIn),
    )
    .option('--settings', 'check the settings in cdk.json, even if the stack exists')
    .option('--read-secrets', 'also read the values of agent tokens and keys, to check their form; never prints them')
    .addOption(
      new Option('--task-hours <hours>', 'age from which on a task is old')
        .default(OLD_TASK_HOURS)
        .argParser(positiveNumber),
    )
    .addOption(
      new Option(
        '-c, --context <name=value>',
        'override a setting, as with "cdk deploy -c"; can be repeated',
      ).argParser(collect),
    )
    .option('--all', 'also print the checks that passed, and why a note matters')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
doctor checks the stack if it is deployed, and otherwise the settings in
cdk.json. Findings are errors (something doesn't work), warnings (you must act,
or the check could not be made) and notes (good to know; --all shows why). With
an error or a warning, the exit code is 1.

doctor reads the secret of the API token and asks HCP Terraform with it, because
only the launcher's own token shows whether the launcher works. If you can't
read the secret, doctor uses TF_TOKEN_…, TFE_TOKEN or "terraform login". It
reads the values of other secrets only with --read-secrets. It needs read-only
permissions, and reports each one that is missing.

Examples:
  agent-launcher doctor
  agent-launcher doctor --only network,quotas
  agent-launcher doctor --settings -c pools.0.maxAgents=50
  agent-launcher doctor --json | jq -r '.findings[] | .severity + " " + .what'`,
    )
    .action(
      run<Options>(async (context, options) => {
        const groups = options.only ?? GROUPS;
        if (context.io.stderr.isTTY === true && !context.options.json) {
          context.note(`Checking ${groups.length === GROUPS.length ? 'everything' : groups.join(', ')} …`);
        }
        const { diagnose } = await import('../doctor/doctor.ts');
        const found = await diagnose(context, {
          groups,
          onlySettings: options.settings === true,
          readSecrets: options.readSecrets === true,
          taskHours: options.taskHours,
          overrides: options.context ?? [],
        });
        const diagnosis = {
          ...found,
          findings: found.findings.map((finding) =>
            finding.todo === undefined ? finding : { ...finding, todo: context.withCommands(finding.todo) },
          ),
        };
        print(context, groups, diagnosis, options.all === true);
        return mustAct(countsOf(diagnosis.findings)) ? EXIT.problem : EXIT.fine;
      }),
    );
}

const STYLES: Readonly<Record<Severity, Parameters<Context['style']>[0]>> = {
  error: 'red',
  warning: 'yellow',
  note: 'cyan',
  ok: 'green',
};

function print(context: Context, groups: readonly Group[], { checked, findings }: Diagnosis, all: boolean): void {
  const { stack, json } = context.options;
  if (json) {
    context.printJson(doctorDocument({ stack, checked, groups: [...groups] }, findings));
    return;
  }
  context.print(SUBJECTS[checked](stack));
  context.print();
  for (const finding of sorted(findings)) if (all || finding.severity !== 'ok') printFinding(context, finding, !all);
  const passed = passedByGroup(findings);
  if (!all && passed !== '') {
    const line = `Passed: ${passed}. Add --all to see these checks.`;
    for (const part of wrap(line, context.columns)) context.print(part);
    context.print();
  }
  if (all) context.print();
  const counts = countsOf(findings);
  context.print(context.style(counts.error > 0 ? 'red' : counts.warning > 0 ? 'yellow' : 'green', summary(counts)));
}

const SUBJECTS: Readonly<Record<Diagnosis['checked'], (stack: string) => string>> = {
  deployment: (stack) => `Checked the deployed stack ${stack}.`,
  settings: (stack) => `Checked the settings in cdk.json, before the deployment of the stack ${stack}.`,
  nothing: () => 'Checked what is possible without a stack and without valid settings.',
};

function printFinding(context: Context, finding: Finding, isShort: boolean): void {
  const [first = '', ...others] = linesOf(finding, context.columns, isShort);
  const label = /^\S+/.exec(first)?.[0] ?? '';
  context.print(`${context.style(STYLES[finding.severity], label)}${first.slice(label.length)}`);
  for (const line of others) context.print(line);
  if (finding.severity !== 'ok') context.print();
}

function groupsIn(value: string): Group[] {
  const given = value.split(',').map((group) => group.trim());
  const unknown = given.filter((group) => !GROUPS.some((known) => known === group));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`There is no group ${unknown.join(', ')}. The groups are ${GROUPS.join(', ')}.`);
  }
  return GROUPS.filter((group) => given.includes(group));
}

function positiveNumber(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError(`Specify a positive number of hours, such as ${OLD_TASK_HOURS}.`);
}
