import { type Command, Option } from 'commander';
import { CAPACITIES } from '../../functions/launcher/contract.ts';
import { EGRESS_MODES } from '../../lib/network/egress.ts';
import { collect, excludes, integer, listOf } from '../options.ts';
import type { RunCommand } from '../program.ts';
import type { SetupFlags } from '../setup/flags.ts';
import { AGENT_TOKEN_VARIABLE, API_TOKEN_VARIABLE } from '../setup/tokens.ts';

/** Options of one phase. Each implies `--phases`. */
const PHASE_OPTIONS = ['--plan-cpu', '--plan-memory', '--plan-capacity', '--apply-cpu', '--apply-memory'] as const;

/** `setup`: pool, tokens, secrets and settings, ready to deploy. */
export function registerSetup(program: Command, run: RunCommand): void {
  const command = program
    .command('setup')
    .description('create the agent pool, its token, the secrets and the settings')
    .addOption(new Option('--settings <file>', 'settings file of the CDK').default('cdk.json'))
    .option('--dry-run', 'print each call that would change something, and change nothing')
    .option('--non-interactive', 'never ask; fail if something is missing. Implies --yes')
    .option('-y, --yes', 'do not ask for a confirmation')
    .optionsGroup('Access:')
    .option('--hostname <host>', 'host of Terraform Enterprise or of HCP Terraform (default: app.terraform.io)')
    .option('--organization <name>', 'organization (default: the only one that the token sees)')
    .option('--token-stdin', 'read the token for setup from the first line of standard input')
    .addOption(
      new Option('--api-token <from>', "where the launcher's API token comes from").choices([
        'same',
        'keep',
        'stdin',
        'env',
      ]),
    )
    .option('--api-token-secret <name>', 'secret of the API token (default: agent-launcher/api-token)')
    .optionsGroup('Agent pool:')
    .option('--pool <name>', 'agent pool to use or to create (default: aws)')
    .option('--project <name>', 'project that may use the pool; repeat it for more', collect)
    .option('--all-projects', 'let every project use the pool')
    .addOption(
      new Option('--agent-token <from>', 'where the agent token comes from').choices([
        'create',
        'keep',
        'stdin',
        'env',
      ]),
    )
    .option('--agent-token-secret <name>', 'secret of the agent token (default: agent-launcher/POOL/agent-token)')
    .option('--max-agents <count>', 'maximum number of agents at the same time', integer())
    .option('--cpu <units>', 'CPU units of a task; 1024 are one vCPU', integer())
    .option('--memory <mib>', 'memory of a task in MiB', integer())
    .option('--phases', 'separate tasks for plans and applies, each with its own role')
    .option('--no-phases', 'the same tasks for plans and applies')
    .option('--plan-cpu <units>', 'CPU units of a task for plans; implies --phases', integer())
    .option('--plan-memory <mib>', 'memory of a task for plans; implies --phases', integer())
    .addOption(
      new Option(
        '--plan-capacity <capacity>',
        'capacity of the tasks for plans; implies --phases. Spot is cheaper, but AWS can interrupt the plan',
      ).choices([...CAPACITIES]),
    )
    .option('--apply-cpu <units>', 'CPU units of a task for applies; implies --phases', integer())
    .option('--apply-memory <mib>', 'memory of a task for applies; implies --phases', integer())
    .optionsGroup('Alarms:')
    .option('--alarm-email <address>', 'e-mail address that receives the alarms; the stack creates an SNS topic')
    .optionsGroup('Network:')
    .addOption(new Option('--network <mode>', 'egress mode').choices([...EGRESS_MODES]))
    .option('--vpc-id <id>', 'VPC of the mode existing-vpc')
    .option('--subnet-ids <ids>', 'its private subnets, separated by commas', listOf)
    .option('--aws-services <names>', 'AWS services that Terraform calls, such as sts,iam,ec2,s3', listOf)
    .optionsGroup('Image:')
    .option('--image <how>', '"build" (with Docker), "registry" (without), or a reference such as host/agent:1.33.0')
    .option('--agent-version <version>', 'version of the agent (default: the newest)')
    .option('--offline', "don't look up the newest version, the image's digest and the names of AWS services")
    .addHelpText(
      'after',
      `
Setup first shows what exists and what the token may do. It changes nothing
before it has printed its plan. If it stops halfway, it undoes what it did, or
lists what is left. Run it again at any time: it changes only what you ask for.

The settings describe one stack. For a second one, pass --stack with its name,
which setup writes into the settings. Setup says if a deployment would end the
service of a pool of a stack that is deployed.

It uses your own token: from TF_TOKEN_<host>, TFE_TOKEN, \`terraform login\`,
--token-stdin or hidden input. Tokens are never arguments. On standard input,
write one token per line: the token for setup, then the API token, then the
agent token, each only if its option says so. The variables of "env" are
${API_TOKEN_VARIABLE} and ${AGENT_TOKEN_VARIABLE}.

Without a terminal, or with --non-interactive, setup asks nothing and applies
its plan. Add --dry-run to only see it.

Examples:
  agent-launcher setup                 ask for what it can't find
  agent-launcher setup --dry-run       show each call
  agent-launcher setup --network public-ip --yes
  agent-launcher setup --plan-capacity spot --apply-cpu 2048 --apply-memory 4096
  agent-launcher setup --non-interactive --organization acme --pool aws \\
      --project platform --api-token stdin < team-token.txt`,
    )
    .action(
      run<SetupFlags>(async (context, flags) => {
        const { runSetup } = await import('../setup/setup.ts');
        return runSetup(context, flags);
      }),
    );
  excludes(command, '--phases', '--no-phases');
  excludes(command, '--project', '--all-projects');
  for (const option of PHASE_OPTIONS) excludes(command, '--no-phases', option);
}
